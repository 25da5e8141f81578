"""Tests of the wire log."""

from __future__ import annotations

from ha_simulator.world.wire import WireLog


def test_consecutive_frames_become_one_interval() -> None:
    """Two frames that follow each other are one span."""
    wire = WireLog()
    wire.add(1, [1, 2, 3])
    wire.add(1, [4, 5])

    assert list(wire.spans(1, 5)) == [(1, 5, (1,))]
    assert wire.count(1) == 5


def test_spans_cover_the_range_and_name_the_connections() -> None:
    """Every serial of the range is in one span with the connections that got it."""
    wire = WireLog()
    wire.add(1, [2, 3, 4])
    wire.add(2, [4, 5])
    wire.add(1, [8])

    assert list(wire.spans(1, 9)) == [
        (1, 1, ()),
        (2, 3, (1,)),
        (4, 4, (1, 2)),
        (5, 5, (2,)),
        (6, 7, ()),
        (8, 8, (1,)),
        (9, 9, ()),
    ]


def test_spans_start_inside_an_interval() -> None:
    """A range may begin and end within what a connection got."""
    wire = WireLog()
    wire.add(1, list(range(1, 11)))

    assert list(wire.spans(4, 6)) == [(4, 6, (1,))]


def test_frame_with_gaps_and_repeats_counts_each_event_once() -> None:
    """Two subscriptions repeat events; a break between subscriptions leaves a gap."""
    wire = WireLog()
    wire.add(1, [1, 1, 2, 2, 6])

    assert list(wire.spans(1, 6)) == [(1, 2, (1,)), (3, 5, ()), (6, 6, (1,))]
    assert wire.count(1) == 3


def test_forget_drops_old_intervals_only() -> None:
    """What ends before the oldest kept serial is forgotten."""
    wire = WireLog()
    wire.add(1, [1, 2])
    wire.add(2, [2, 3])
    wire.forget(3)

    assert wire.count(1) == 0
    assert wire.count(2) == 2
