"""Durations are read as Go prints them."""

from __future__ import annotations

import pytest

from stackproof.durations import parse_duration
from stackproof.errors import ModelError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("0s", 0.0),
        ("10s", 10.0),
        ("1m30s", 90.0),
        ("1h0m0.5s", 3600.5),
        ("500ms", 0.5),
        ("250us", 250e-6),
        ("250µs", 250e-6),
    ],
)
def test_duration_is_seconds(text: str, seconds: float) -> None:
    """Each unit counts, and units add up."""
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "10", "s", "-1s", "1 m", "1m 30s", "1d"])
def test_text_without_unit_is_refused(text: str) -> None:
    """What is no duration is an error and never a guess."""
    with pytest.raises(ModelError, match="duration"):
        parse_duration(text)
