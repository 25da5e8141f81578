"""How far a replay is: copied, durable, done with."""

from __future__ import annotations

import sys

from websocket_ingestion.copying import Copying
from websocket_ingestion.replay import ReplayPosition


def test_without_a_replay_nothing_is_needed() -> None:
    """Nor is there anything to copy, or to note."""
    copying = Copying()
    copying.take_over(None)
    copying.stored(5)
    copying.cut("the test")

    assert (copying.rows_left, copying.to_copy) == (0, None)
    assert copying.done_with == sys.maxsize


def test_rows_are_needed_until_their_copies_are_durable() -> None:
    """Being copied into the queue is not enough: a crash would lose that."""
    copying = Copying()
    copying.take_over(ReplayPosition(3, 9))
    assert copying.to_copy == ReplayPosition(3, 9)

    copying.copied(6)
    assert copying.to_copy == ReplayPosition(7, 9)
    assert (copying.done_with, copying.rows_left) == (2, 7)

    copying.stored(4)
    assert (copying.done_with, copying.rows_left) == (4, 5)


def test_it_ends_with_the_last_durable_copy() -> None:
    """Not when the last one is in the queue."""
    copying = Copying()
    copying.take_over(ReplayPosition(3, 9))
    copying.copied(9)
    assert (copying.to_copy, copying.rows_left) == (None, 7)

    copying.stored(9)
    assert (copying.rows_left, copying.done_with) == (0, sys.maxsize)


def test_the_file_does_not_set_back_what_goes_on() -> None:
    """It is read again with each change of the journal; the queue is ahead of it."""
    copying = Copying()
    copying.take_over(ReplayPosition(3, 9))
    copying.copied(6)
    copying.take_over(ReplayPosition(3, 9))

    assert copying.to_copy == ReplayPosition(7, 9)


def test_what_is_cut_is_given_up() -> None:
    """Another one can begin."""
    copying = Copying()
    copying.take_over(ReplayPosition(3, 9))
    copying.cut("the spool was damaged")
    assert (copying.rows_left, copying.to_copy) == (0, None)

    copying.take_over(ReplayPosition(20, 21))
    assert copying.to_copy == ReplayPosition(20, 21)
