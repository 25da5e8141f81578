"""Tests of `reference_stack.acceptance.schedules`."""

from __future__ import annotations

import pytest

from reference_stack.acceptance.schedules import parse_schedule, scheduled, spelled
from reference_stack.errors import BadSchedule


def test_schedule_is_read_as_it_is_printed() -> None:
    """The option that repeats a run is made of the run's own text."""
    text = "sigkill-ingestion 0.4, ha-restart 1, sigterm-all 0"
    steps = parse_schedule(text)

    assert spelled(steps) == text
    assert scheduled("random-1", steps).repeat == f'--schedule "{text}"'


@pytest.mark.parametrize(
    "text", ["", "nothing 1", "ha-restart x", "ha-restart 99", "influxdb-stopped 1"]
)
def test_other_texts_are_refused(text: str) -> None:
    """Unknown names, slow faults and odd pauses are named."""
    with pytest.raises(BadSchedule, match="sigkill-ingestion"):
        parse_schedule(text)
