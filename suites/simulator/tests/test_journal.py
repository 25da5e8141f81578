"""Tests of the event store."""

from __future__ import annotations

import pytest

from ha_simulator.world.journal import EXPLICIT, Journal, Row, Written


def small(rows: int = 8) -> Journal:
    """Return a journal with segments of four rows."""
    return Journal(rows=rows, segment_rows=4)


def test_rows_come_back_as_they_were() -> None:
    """A row holds what was appended, under consecutive serials from 1."""
    journal = small()
    first = journal.append(3, 1_795_445_276_311_149, 17, 2, 0, EXPLICIT)
    second = journal.append(4, 9, 0, 0, 0, 0)

    assert (first, second, journal.last) == (1, 2, 2)
    assert journal.row(1) == Row(1, 3, 1_795_445_276_311_149, 17, 2, EXPLICIT)


def test_rows_of_one_entity_are_linked_backwards() -> None:
    """`previous` walks from an entity's newest row to its oldest."""
    journal = small()
    last = {1: 0, 2: 0}
    for number in range(6):
        entity = 1 if number % 3 else 2
        last[entity] = journal.append(entity, number, 0, 0, last[entity], 0)
    walked = []
    serial = last[1]
    while serial:
        walked.append(serial)
        serial = journal.previous(serial)

    assert walked == [6, 5, 3, 2]


def test_rows_of_one_call_are_those_of_many() -> None:
    """A call whose rows fill several segments, and drop old ones, changes nothing."""
    one, many = small(), small()
    previous = [0, 0, *range(1, 10)]
    rows = range(len(previous))
    one.extend(rows, rows, rows, 2, previous, EXPLICIT)
    for row, earlier in zip(rows, previous, strict=True):
        many.append(row, row, row, 2, earlier, EXPLICIT)
    kept = range(many.first, many.last + 1)

    assert (one.first, one.next, one.capped) == (many.first, many.next, True)
    for journal in (one, many):
        assert [journal.row(serial).entity for serial in kept] == [*rows][4:]
    assert [one.row(n) for n in kept] == [many.row(n) for n in kept]
    assert [one.previous(n) for n in kept] == [many.previous(n) for n in kept]


def test_full_journal_drops_the_oldest_segment_and_says_so() -> None:
    """Memory is bounded: the oldest rows go in whole segments, `capped` stays."""
    journal = small(rows=8)
    serial = 0
    capped = []
    for number in range(9):
        serial = journal.append(1, number, 0, 0, serial, 0)
        capped.append(journal.capped)

    assert capped == [False] * 8 + [True]
    assert (journal.first, journal.last) == (5, 9)
    assert journal.row(5).updated_us == 4
    assert journal.previous(5) == 0
    assert journal.previous(9) == 8


def test_link_to_a_dropped_row_is_no_link() -> None:
    """An entity that was silent for long has no previous row."""
    journal = small(rows=8)
    old = journal.append(7, 0, 0, 0, 0, 0)
    for number in range(8):
        journal.append(1, number, 0, 0, 0, 0)
    serial = journal.append(7, 99, 0, 0, old, 0)

    assert journal.previous(serial) == 0


@pytest.mark.parametrize("rows", [1, 4, 5, 8])
def test_capacity_is_at_least_two_segments(rows: int) -> None:
    """Capacity is rounded up, so that something is left when a segment goes."""
    assert small(rows).capacity == 8


def test_texts_go_with_their_segment() -> None:
    """The texts of dropped rows are dropped too."""
    journal = small(rows=8)
    for number in range(9):
        serial = journal.append(1, number, 0, 0, 0, EXPLICIT)
        journal.write(serial, Written(b'"1"', b"{}", number))

    assert journal.written(4) is None
    assert journal.written(5) == Written(b'"1"', b"{}", 4)


def test_texts_are_bounded_in_bytes() -> None:
    """Large texts push out the oldest ones, also within one segment."""
    journal = Journal(rows=8, segment_rows=4, written_bytes=250)
    for number in range(3):
        serial = journal.append(1, number, 0, 0, 0, EXPLICIT)
        journal.write(serial, Written(b"", b"x" * 100, 0))

    assert journal.capped
    assert journal.written(1) is None
    assert journal.written(3) is not None
    assert journal.row(1).updated_us == 0


def test_one_text_may_exceed_the_bound() -> None:
    """The newest text is kept even when it is larger than the bound."""
    journal = Journal(rows=8, segment_rows=4, written_bytes=10)
    serial = journal.append(1, 0, 0, 0, 0, EXPLICIT)
    journal.write(serial, Written(b"", b"x" * 100, 0))

    assert journal.written(serial) is not None
