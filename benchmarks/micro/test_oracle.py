"""The oracle's judgement of a run of a million events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stackproof.oracle import (
    Attributes,
    Coverage,
    HistoryWriter,
    RunRecord,
    Sent,
    Stored,
    judge,
    read_history,
)

pytestmark = pytest.mark.timeout(900)

EVENTS = 1_000_000
ENTITIES = 1_000
LOST = 7
STEP_US = 3_333
START_US = 1_795_600_000_000_000


def sent() -> Iterator[Sent]:
    """Yield what the source has made."""
    for number in range(EVENTS):
        yield Sent(
            serial=number + 1,
            entity_id=f"sensor.run_{number % ENTITIES}",
            time_us=START_US + number * STEP_US,
            state=f"{number / 10}",
            on_wire=True,
            recorded=True,
        )


def stored() -> Iterator[Stored]:
    """Yield what the database holds: all but the last few."""
    for number in range(EVENTS - LOST):
        yield Stored(
            entity_id=f"sensor.run_{number % ENTITIES}",
            time_us=START_US + number * STEP_US,
            state=f"{number / 10}",
            serial=number + 1,
            attributes=Attributes.LIVE,
        )


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Return the folder of a run that was saved."""
    run = RunRecord(source="simulator", scenario="micro", started_us=START_US)
    folder = tmp_path / "history"
    with HistoryWriter(folder, run) as writer:
        writer.sent(sent())
        writer.stored(stored())
        writer.stages([Coverage(of="spool", complete=True)])
        ended = START_US + EVENTS * STEP_US
        writer.finish(msgspec.structs.replace(run, ended_us=ended))
    return folder


def test_judge(timed: Callable[..., Any], saved: Path) -> None:
    """Read the files and compare them, once."""

    def judged() -> Any:
        return judge(read_history(saved))

    found = timed(judged, events=EVENTS, rounds=1)

    assert found.tally.events == EVENTS
    assert [f.count for f in found.findings.values() if f.count] == [LOST]
