"""Tests of instants and their texts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ha_simulator.world.timestamps import isoformat, parse, timestamp

WHOLE = 1_795_445_276_000_000


@pytest.mark.parametrize(
    "us", [WHOLE, WHOLE + 1, WHOLE + 336_152, WHOLE + 999_999, 0, 1, -1]
)
def test_isoformat_writes_what_python_writes(us: int) -> None:
    """The text is that of datetime.isoformat, without a fraction when it is 0."""
    seconds, fraction = divmod(us, 1_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=fraction)

    assert isoformat(us).decode() == moment.isoformat()


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("2026-11-23T14:47:56.311149+00:00", 1_795_445_276_311_149),
        ("2026-11-23T15:47:56+01:00", WHOLE),
        ("2026-11-23T14:47:56Z", WHOLE),
        ("2026-11-23T14:47:56", WHOLE),
        ("yesterday", None),
        ("", None),
    ],
)
def test_parse_reads_offsets_and_refuses_nonsense(text: str, us: int | None) -> None:
    """A text without an offset means UTC; what is no time is None."""
    assert parse(text) == us


@pytest.mark.parametrize("step", [1, 7, 336_152, 999_999])
def test_timestamp_comes_back_to_the_same_microsecond(step: int) -> None:
    """A client that converts `lu` with fromtimestamp gets the live event's time."""
    us = WHOLE + step
    moment = datetime.fromtimestamp(float(timestamp(us)), UTC)

    assert moment.isoformat() == isoformat(us).decode()
