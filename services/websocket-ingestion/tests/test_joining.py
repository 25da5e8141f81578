"""Frames share rows: the same messages, in the same order, in fewer rows."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicekit.wire import Origin
from websocket_ingestion.frames import inspect
from websocket_ingestion.joining import MOST_BYTES, joined
from websocket_ingestion.ledger import Arrival

STATES = st.builds(
    lambda number: {
        "type": "event",
        "event": {"event_type": "state_changed", "n": number},
    },
    st.integers(0, 9),
)


def live(*messages: object, at_us: int = 1, last_us: int = 0) -> Arrival:
    """Return a live frame: one message as it is, several as an array."""
    what = messages[0] if len(messages) == 1 else list(messages)
    return Arrival(
        at_us, Origin.LIVE, len(messages), json.dumps(what).encode(), last_us
    )


def large(size: int) -> Arrival:
    """Return a live frame of exactly this size."""
    return live({"x": "x" * (size - len('{"x": ""}'))})


def test_frames_become_one_row() -> None:
    """It holds all messages, is received with the last, and dated by the last time."""
    row = live({"n": 1}, at_us=5, last_us=4)._replace(entities=("a", "b"))
    other = live({"n": 2}, {"n": 3}, at_us=6, last_us=7)._replace(entities=("b", "c"))
    undated = live({"n": 4}, at_us=8)

    assert joined([row, other, undated]) == [
        Arrival(
            8,
            Origin.LIVE,
            4,
            b'[{"n": 1},{"n": 2}, {"n": 3},{"n": 4}]',
            7,
            ("a", "b", "c"),
        )
    ]


@pytest.mark.parametrize(
    "alone",
    [
        pytest.param(live({"n": 1})._replace(origin=Origin.SNAPSHOT), id="snapshot"),
        pytest.param(live({"n": 1})._replace(origin=Origin.BACKFILL), id="backfill"),
        pytest.param(live({"n": 1})._replace(copy_of=3), id="copy of a replay"),
        pytest.param(live({"n": 1})._replace(payload=b' {"n": 1}'), id="margin"),
        pytest.param(live({"n": 1})._replace(payload=b"[]", events=0), id="no event"),
        pytest.param(live({"n": 1})._replace(payload=b"{"), id="half a message"),
        pytest.param(large(MOST_BYTES), id="large"),
    ],
)
def test_what_stays_alone_keeps_its_place(alone: Arrival) -> None:
    """It stands between what came before it and what came after it, unchanged."""
    before, after = live({"n": 2}), live({"n": 3})
    pairs = joined([before, before]), joined([after, after])

    assert joined([before, before, alone, after, after]) == [
        *pairs[0],
        alone,
        *pairs[1],
    ]


def test_a_row_that_nobody_shares_stays_as_it_is() -> None:
    """A single message does not become an array."""
    assert joined([live({"n": 1})]) == [live({"n": 1})]
    assert joined([]) == []


def test_rows_have_a_bound() -> None:
    """What would be larger begins another row."""
    rows = joined([large(MOST_BYTES // 4)] * 10)

    assert [row.events for row in rows] == [3, 3, 3, 1]
    assert max(len(row.payload) for row in rows) <= MOST_BYTES
    assert [row.events for row in joined([large(MOST_BYTES // 2 - 2)] * 2)] == [2]
    assert [row.events for row in joined([large(MOST_BYTES // 2 - 1)] * 2)] == [1, 1]


@given(st.lists(st.lists(STATES, min_size=1, max_size=3), max_size=20), st.data())
def test_what_is_in_the_rows_was_in_the_frames(
    frames: list[list[object]], data: st.DataObject
) -> None:
    """Whatever is joined: messages, their order and their number are the same."""
    copies = data.draw(st.sets(st.integers(0, 19), max_size=3))
    arrivals = [
        live(*messages, at_us=at)._replace(copy_of=int(at in copies))
        for at, messages in enumerate(frames)
    ]
    rows = joined(arrivals)
    found: list[object] = []
    for row in rows:
        content = json.loads(row.payload)
        found += content if isinstance(content, list) else [content]
        assert inspect(row.payload).events == row.events

    assert found == [message for messages in frames for message in messages]
    assert [row.received_us for row in rows] == sorted(row.received_us for row in rows)
