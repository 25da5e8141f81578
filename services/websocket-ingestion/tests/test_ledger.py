"""The ledger: counters reconcile after any sequence of steps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicekit.wire import Origin, Outcome
from websocket_ingestion.ledger import (
    NOTHING,
    Acknowledged,
    Arrival,
    Counters,
    plus,
    unsaved,
)

SMALL = st.integers(0, 5)
OUTCOMES = st.builds(Outcome, SMALL, SMALL, SMALL, SMALL)


def arrival(events: int, last_event_us: int = 0) -> Arrival:
    """Return a frame of so many events."""
    return Arrival(1, Origin.LIVE, events, b"x", last_event_us)


@given(st.lists(st.tuples(st.lists(SMALL, max_size=3), OUTCOMES | st.none())))
def test_the_sums_hold_after_every_step(
    steps: list[tuple[list[int], Outcome | None]],
) -> None:
    """All received = forwarded + pending, forwarded = the four outcomes, always."""
    counters = Counters()
    for sizes, outcome in steps:
        acknowledged = Acknowledged(counters.last_row, outcome) if outcome else None
        counters = counters.after([arrival(size) for size in sizes], acknowledged)

        assert counters.received == counters.forwarded + counters.pending
        assert counters.forwarded == (
            counters.written
            + counters.merged
            + counters.dead_lettered
            + counters.expired
        )
        assert counters.frames == counters.last_row - counters.cursor


@pytest.mark.parametrize(
    ("times", "last"),
    [
        pytest.param([70, 60], 60, id="a-clock-that-steps-back"),
        pytest.param([60, 70], 70, id="forward"),
        pytest.param([60, 0], 60, id="no-time-in-the-last"),
        pytest.param([0, 0], 50, id="no-time-at-all"),
    ],
)
def test_arrivals_move_the_end_and_the_last_time(times: list[int], last: int) -> None:
    """Rows count frames; the time is that of the last event in order."""
    counters = Counters(last_row=4, last_event_us=50, cursor=4)
    then = counters.after([arrival(2, time_us) for time_us in times], None)

    assert (then.received, then.last_row, then.last_event_us) == (4, 6, last)
    assert then.frames == 2


@given(OUTCOMES, OUTCOMES)
def test_what_was_saved_is_no_longer_unsaved(saved: Outcome, later: Outcome) -> None:
    """Taking the saved part from the sum leaves the later part."""
    before = Counters()
    now = before.after([], Acknowledged(0, saved))

    assert unsaved(plus(saved, later), before, now) == later
    assert plus(later, NOTHING) == later
