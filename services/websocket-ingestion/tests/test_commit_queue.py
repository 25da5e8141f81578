"""Frames before their commit: which rows they become, and that they stay so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicekit.compression import plain
from servicekit.wire import Origin
from websocket_ingestion.commit_queue import CommitQueue
from websocket_ingestion.ledger import Arrival


def arrival(payload: bytes, *, copy_of: int = 0) -> Arrival:
    """Return one event."""
    return Arrival(1, Origin.LIVE, 1, payload, copy_of=copy_of)


def queue_of(
    *payloads: bytes, commit_bytes: int = 1_000, join_frames: int = 100
) -> CommitQueue:
    """Return a queue in which frames wait."""
    queue = CommitQueue(commit_bytes=commit_bytes, join_frames=join_frames)
    for payload in payloads:
        queue.push(arrival(payload))
    return queue


def offered(queue: CommitQueue) -> list[bytes]:
    """Return the payloads of what is to be committed together."""
    with queue.offered() as rows:
        return [row.payload for row in rows]


def test_a_commit_ends_with_the_frame_that_reaches_its_bytes() -> None:
    """What follows is of the next one."""
    queue = queue_of(b"{1}", b"{2}", b"{3}", commit_bytes=4)

    assert offered(queue) == [b"{1}", b"{2}"]
    queue.take(2)
    assert offered(queue) == [b"{3}"]


def test_rows_stay_what_they_were_offered_as() -> None:
    """What comes meanwhile is not joined to them, and those taken leave the rest."""
    queue = queue_of(b"{1}", b"{2}", join_frames=2)
    first = offered(queue)
    queue.push(arrival(b"{3}"))
    queue.push(arrival(b"{4}"))

    assert first == offered(queue) == [b"[{1},{2}]"]
    assert [row.payload for row in queue.take(1)] == first
    assert offered(queue) == [b"[{3},{4}]"]


def test_part_of_the_rows_can_be_durable() -> None:
    """The rest of them is offered again, without what came meanwhile."""
    queue = queue_of(b"{1}", b"{2}")
    offered(queue)
    queue.push(arrival(b"{3}"))
    queue.take(1)

    assert offered(queue) == [b"{2}"]


def test_bytes_under_way_do_not_ask_for_a_commit() -> None:
    """They count as waiting all the same: they are in memory."""
    queue = queue_of(b"{12345678}", commit_bytes=10)
    seen = [queue.holds_commit]
    with queue.offered():
        seen.append(queue.holds_commit)
        under_way = queue.bytes
        queue.push(arrival(b"{12345678}"))
        seen.append(queue.holds_commit)

    assert seen == [True, False, True]
    assert (under_way, queue.holds_commit) == (10, True)


def test_a_failed_commit_waits_again() -> None:
    """The error goes on to who commits."""
    queue = queue_of(b"{1}", commit_bytes=3)
    with pytest.raises(OSError, match="full"), queue.offered():
        raise OSError("full")

    assert queue.holds_commit
    assert offered(queue) == [b"{1}"]


def test_rows_count_as_they_are_compressed() -> None:
    """How large they were is told apart."""
    text = b'{"state":"%s"}' % (b"on" * 5_000)
    queue = queue_of(text)
    (payload,) = offered(queue)

    assert plain(payload) == text
    assert queue.bytes == len(payload) < 100
    assert queue.offered_bytes == len(text)


def test_the_last_copy_stands_for_all_rows() -> None:
    """If none waits there is nothing to stand for them."""
    queue = queue_of(b"{1}")
    assert not queue.end_copies_at(9)

    queue.push(arrival(b"{2}", copy_of=4))
    queue.push(arrival(b"{3}", copy_of=5))
    queue.push(arrival(b"{4}"))
    assert queue.end_copies_at(9)
    assert [row.copy_of for row in queue.take(4)] == [0, 4, 9, 0]


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3)), max_size=30),
    st.integers(1, 40),
    st.integers(1, 5),
)
def test_nothing_is_lost_or_turned(
    turns: list[tuple[int, int]], commit_bytes: int, join_frames: int
) -> None:
    """Some come, some rows become durable: all events in order, the bytes add up."""
    queue = CommitQueue(commit_bytes=commit_bytes, join_frames=join_frames)
    put, taken = 0, b""
    for new, durable in turns:
        for _ in range(new):
            put += 1
            queue.push(arrival(b"{%d}" % put))
        rows = offered(queue)
        for row in queue.take(min(durable, len(rows))):
            taken += row.payload
    rest = queue.take(len(queue))
    assert (len(queue), queue.bytes) == (0, 0)

    joined = taken + b"".join(row.payload for row in rest)
    expected = b"".join(b"{%d}" % number for number in range(1, put + 1))
    assert joined.translate(None, b"[],") == expected
