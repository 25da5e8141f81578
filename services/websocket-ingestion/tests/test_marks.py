"""The marks of the cursor: rare, small, and never further than the truth."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from websocket_ingestion.marks import MARKS_SCHEMA, Marks
from websocket_ingestion.replay import Mark

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR


@pytest.fixture
def raw() -> Iterator[sqlite3.Connection]:
    """Return a database with the tables that the marks need."""
    raw = sqlite3.connect(":memory:", isolation_level=None)
    raw.execute("CREATE TABLE frames (row INTEGER PRIMARY KEY, received_us INTEGER)")
    raw.execute(MARKS_SCHEMA)
    yield raw
    raw.close()


@pytest.fixture
def marks(raw: sqlite3.Connection) -> Marks:
    """Return the marks of a spool that is new."""
    return Marks(raw)


def write(marks: Marks, row: int, now_us: int) -> bool:
    """Write a mark if it is time for one, as a commit does."""
    due = marks.due(now_us)
    if due:
        marks.write(row, now_us)
    return due


def kept(raw: sqlite3.Connection) -> list[tuple[int, int, int, int]]:
    """Return all marks in the file."""
    return raw.execute(
        "SELECT row, time_us, seen_us, received_us FROM marks ORDER BY row"
    ).fetchall()


def test_there_is_one_mark_a_second(raw: sqlite3.Connection, marks: Marks) -> None:
    """However many commits there are; time 0 stands for none at all."""
    assert not marks.due(0)
    for number in range(100):
        write(marks, number, SECOND + number * SECOND // 20)

    assert [(row, us // SECOND) for row, us, *_ in kept(raw)] == [
        (0, 1),
        (20, 2),
        (40, 3),
        (60, 4),
        (80, 5),
    ]


def test_the_newest_mark_that_is_not_later_counts(marks: Marks) -> None:
    """A mark of the very moment is good: the acknowledgement was not after it."""
    for number in range(1, 4):
        write(marks, number * 10, number * SECOND)
    found = [marks.at(us) for us in (SECOND - 1, SECOND, 3 * SECOND - 1, 9 * SECOND)]

    assert [one and one.row for one in found] == [None, 10, 20, 30]


def test_a_cursor_that_stays_is_one_mark(raw: sqlite3.Connection, marks: Marks) -> None:
    """Its time is the first one, so that it counts for all of an outage."""
    for second in range(1, 100):
        write(marks, 7, second * SECOND)

    assert kept(raw) == [(7, SECOND, 99 * SECOND, SECOND)]


def test_a_mark_knows_when_the_next_row_was_received(
    raw: sqlite3.Connection, marks: Marks
) -> None:
    """That, or earlier: the time of its own row; without either it is now."""
    raw.execute("INSERT INTO frames VALUES (5, 500), (6, 600), (9, 900), (10, 'bad')")
    for second, row in enumerate((5, 8, 10, 11), 1):
        write(marks, row, second * SECOND)

    assert [mark[3] for mark in kept(raw)] == [500, 900, 0, 4 * SECOND]


def test_a_clock_that_was_set_back_makes_no_marks(
    raw: sqlite3.Connection, marks: Marks
) -> None:
    """Not until it shows what it never showed before, also by another process."""
    raw.execute("BEGIN")
    assert write(marks, 1, 100 * SECOND)
    assert write(marks, 1, 120 * SECOND)
    again = Marks(raw)
    again.load()

    for one in (marks, again):
        assert not any(write(one, 2, second * SECOND) for second in (50, 99, 120))
    assert write(again, 3, 121 * SECOND)
    assert again.at(120 * SECOND) == Mark(1, 100 * SECOND, 120 * SECOND, 100 * SECOND)


def test_a_damaged_mark_is_passed_over(raw: sqlite3.Connection, marks: Marks) -> None:
    """The one before it covers more; one that was moved in time covers too little."""
    for number in range(1, 4):
        write(marks, number * 10, number * SECOND)
    raw.execute("UPDATE marks SET time_us = 1 WHERE row = 30")
    raw.execute("UPDATE marks SET received_us = 'x' WHERE row = 20")
    found = marks.at(9 * SECOND)

    assert found is not None
    assert found.row == 10
    assert marks.at(SECOND - 1) is None


def test_marks_go_with_their_rows(raw: sqlite3.Connection, marks: Marks) -> None:
    """The newest before what is kept stays, and one an hour, for ten days."""
    for minute in range(15 * 24 * 60):
        write(marks, minute, DAY + minute * 60 * SECOND)
    rows = 14 * 24 * 60
    now_us = DAY + 15 * DAY
    marks.prune(rows + 30, now_us)
    left = [row for row, *_ in kept(raw)]
    before = marks.at(DAY + 6 * DAY + HOUR // 2)
    marks.prune(rows + 30, now_us)

    assert left[:3] == [5 * 24 * 60, 5 * 24 * 60 + 60, 5 * 24 * 60 + 120]
    assert left[-1] == 15 * 24 * 60 - 1
    assert left.count(rows + 29) == 1
    assert len([row for row in left if row < rows + 29]) == 9 * 24 + 1
    assert [row for row in left if row >= rows + 29] == list(
        range(rows + 29, 15 * 24 * 60)
    )
    assert before is not None
    assert before.row == 6 * 24 * 60
    assert [row for row, *_ in kept(raw)] == left


def test_without_a_mark_before_what_is_kept_all_stay(
    raw: sqlite3.Connection, marks: Marks
) -> None:
    """There is nothing that could go."""
    for number in range(5, 10):
        write(marks, number, number * SECOND)
    marks.prune(5, 10 * SECOND)

    assert [row for row, *_ in kept(raw)] == [5, 6, 7, 8, 9]
