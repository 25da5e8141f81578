"""The tail: newest frames in memory, without holes, bounded by bytes."""

from __future__ import annotations

from servicekit.compression import Compressor
from servicekit.wire import Frame, Origin
from websocket_ingestion.tail import Tail


def filled(most_bytes: int, *sizes: int) -> Tail:
    """Return a tail with frames of these sizes; row n has n events."""
    tail = Tail(most_bytes)
    for row, size in enumerate(sizes, 1):
        tail.push(Frame(row, Origin.LIVE, 100 + row, row, b"x" * size))
    return tail


def rows(frames: list[Frame]) -> list[int]:
    """Return the rows."""
    return [frame.row for frame in frames]


def test_take_stops_at_either_limit() -> None:
    """Frames are added while events and bytes both fit."""
    tail = filled(1000, 10, 10, 10, 10)

    assert rows(tail.take(0, max_events=99, max_bytes=1000)) == [1, 2, 3, 4]
    assert rows(tail.take(0, max_events=6, max_bytes=1000)) == [1, 2, 3]
    assert rows(tail.take(0, max_events=99, max_bytes=20)) == [1, 2]
    assert rows(tail.take(2, max_events=99, max_bytes=1000)) == [3, 4]
    assert rows(tail.take(4, max_events=99, max_bytes=1000)) == []


def test_take_counts_bytes_as_they_are_once_decompressed() -> None:
    """Who takes them has to make room for that much; the tail itself has not."""
    tail = Tail(10_000)
    payload = Compressor()(b"x" * 5000)
    for row in (1, 2, 3):
        tail.push(Frame(row, Origin.LIVE, 100, 1, payload))

    assert rows(tail.take(0, max_events=99, max_bytes=10_000)) == [1, 2]
    assert tail.bytes == 3 * len(payload)


def test_take_returns_one_frame_however_large() -> None:
    """A frame over the limits travels alone."""
    tail = filled(1000, 500, 10)

    assert rows(tail.take(0, max_events=0, max_bytes=5)) == [1]


def test_over_the_bound_the_oldest_go() -> None:
    """What does not fit is left to the file; a hole is never handed out."""
    tail = filled(25, 10, 10, 10)

    assert tail.bytes == 20
    assert tail.oldest_us() == 102
    assert tail.take(0, max_events=99, max_bytes=99) == []
    assert rows(tail.take(1, max_events=99, max_bytes=99)) == [2, 3]


def test_a_frame_over_the_bound_is_not_kept() -> None:
    """A huge frame does not stay in memory."""
    tail = filled(25, 10, 100)

    assert (tail.bytes, tail.oldest_us()) == (0, None)


def test_forget_drops_what_is_done() -> None:
    """Acknowledged rows leave the memory."""
    tail = filled(100, 10, 10, 10)
    tail.forget(2)

    assert tail.bytes == 10
    assert rows(tail.take(2, max_events=99, max_bytes=99)) == [3]
    assert tail.take(0, max_events=99, max_bytes=99) == []
