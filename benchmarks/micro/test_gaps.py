"""What closing a gap computes: which of history's rows are missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from servicekit.wire import Frame, Origin
from websocket_ingestion.closing import Closing, keys_of
from websocket_ingestion.gaps import Gap
from websocket_ingestion.history import SECOND_US, Row, rows_of

pytestmark = pytest.mark.timeout(300)

ENTITIES = 1_000
EACH = 20
ROWS = ENTITIES * EACH
FROM_US = 1_795_600_000_000_000
STEP_US = 3 * SECOND_US


def entity(number: int) -> str:
    """Return an entity's id."""
    return f"sensor.room_{number}_temperature"


def moment_us(number: int, change: int) -> int:
    """Return when an entity has changed."""
    return FROM_US + SECOND_US + change * STEP_US + number


def test_history_rows(timed: Callable[..., Any]) -> None:
    """Read an answer of history: 20,000 compressed states."""
    answer = {
        entity(number): [
            {
                "s": f"{change}.5",
                "a": {"unit_of_measurement": "°C", "state_class": "measurement"},
                "lu": moment_us(number, change) / 1e6,
            }
            for change in range(EACH)
        ]
        for number in range(ENTITIES)
    }

    rows = timed(rows_of, msgspec.json.encode(answer), events=ROWS)

    assert len(rows) == ROWS


def test_missing_rows(timed: Callable[..., Any]) -> None:
    """Sort out which rows are missing, and count them for the ledger."""
    gap = Gap(id=1, cause="cut", opened_us=FROM_US, from_us=FROM_US, until_us=None)
    rows = [
        Row(entity(number), moment_us(number, change), b"{}")
        for number in range(ENTITIES)
        for change in range(EACH)
    ]
    present = {entity(n): moment_us(n, EACH - 1) for n in range(ENTITIES)}

    def compute() -> tuple[int, tuple[Gap, ...]]:
        closing = Closing(
            (gap,),
            present=present,
            before=present.keys(),
            known=keys_of(()),
            away_us=60 * SECOND_US,
        )
        found = closing.take(rows, 0)
        return len(found), closing.closed(FROM_US + 100 * SECOND_US)

    missing, (closed,) = timed(compute, events=ROWS)

    # The newest change of each entity came with the snapshot.
    assert missing == ROWS - ENTITIES
    assert (closed.recovered, closed.unrecoverable) == (ROWS, 0)


def test_keys_of_what_was_received(
    timed: Callable[..., Any], make_frame: Callable[..., bytes]
) -> None:
    """Remember what came shortly before the gap: 200 frames of 100 events."""
    frames = [
        Frame(
            row=number + 1,
            origin=Origin.LIVE,
            received_us=FROM_US,
            events=100,
            payload=make_frame(100, first=100 * number),
        )
        for number in range(200)
    ]

    known = timed(keys_of, frames, events=20_000)

    assert len(known.keys) == 20_000
