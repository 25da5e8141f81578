"""Tests of `reference_stack.acceptance.stored`."""

from __future__ import annotations

import pytest

from reference_stack.acceptance.stored import (
    assemble,
    parse_tables,
    rows_query,
    serial_in,
)
from stackproof import StoreError
from stackproof.oracle import Attributes

STAMP = "2026-11-23T14:47:56.311149Z"
TIME_US = 1_795_445_276_311_149
HEAD = ",result,table,_time,_value,_field,entity_id\r\n"


def test_tables_follow_each_other() -> None:
    """Each table has a header of its own; a quoted cell may hold a line break."""
    first = f'{HEAD},,0,{STAMP},"a\nb",state,sensor.a\r\n\r\n'
    text = f"{first}{HEAD},,1,{STAMP},2,n,sensor.b\r\n"
    records = list(parse_tables(text.splitlines(keepends=True)))

    assert [(row["entity_id"], row["_value"]) for row in records] == [
        ("sensor.a", "a\nb"),
        ("sensor.b", "2"),
    ]


def test_error_after_some_tables_is_raised() -> None:
    """An answer that breaks off is no answer."""
    first = f"{HEAD},,0,{STAMP},1,state,sensor.a\r\n\r\n"
    text = f"{first}error,reference\r\nout of memory,\r\n"

    with pytest.raises(StoreError, match="out of memory"):
        list(parse_tables(text.splitlines(keepends=True)))


@pytest.mark.parametrize(
    ("fields", "origin", "serial"),
    [
        ({"attrs": '{"serial":7}'}, Attributes.LIVE, 7),
        ({"attrs_recorded": '{"serial":7}'}, Attributes.RECORDED, 7),
        (
            {"attrs": '{"serial":7}', "attrs_recorded": "{}"},
            Attributes.BOTH,
            7,
        ),
        ({"attrs_truncated": "true"}, Attributes.LIVE, None),
        ({}, Attributes.NONE, None),
    ],
)
def test_row_tells_where_its_attributes_are_from(
    fields: dict[str, str], origin: Attributes, serial: int | None
) -> None:
    """One record for each field becomes one row, with the source's serial."""
    records = [
        {"entity_id": "sensor.a", "_time": STAMP, "_field": name, "_value": value}
        for name, value in {"state": "1", **fields}.items()
    ]
    (row,) = assemble(records, frozenset())

    assert (row.key, row.state) == (f"sensor.a@{TIME_US}", "1")
    assert (row.attributes, row.serial, row.fields) == (origin, serial, {})


def test_row_that_was_told_keeps_its_fields() -> None:
    """Only those are compared in full."""
    records = [
        {"entity_id": "sensor.a", "_time": STAMP, "_field": name, "_value": value}
        for name, value in {"state": "1", "attrs": "{}"}.items()
    ]
    (row,) = assemble(records, frozenset({f"sensor.a@{TIME_US}"}))

    assert row.fields == {"state": "1", "attrs": "{}"}


def test_removal_has_no_state() -> None:
    """The empty text that is stored with it is none."""
    records = [
        {"entity_id": "sensor.a", "_time": STAMP, "_field": name, "_value": value}
        for name, value in {"state": "", "removed": "true"}.items()
    ]
    (row,) = assemble(records, frozenset())

    assert row.state is None


@pytest.mark.parametrize("text", ["", "[1]", '{"serial":"7"}', "{"])
def test_other_attributes_have_no_serial(text: str) -> None:
    """What is no object with a whole number there has none."""
    assert serial_in(text) is None


def test_query_is_about_the_run_alone() -> None:
    """Pattern, begin and bucket are in the text."""
    text = rows_query("home", r"^sensor\.run1_", since_us=5)

    assert 'bucket: "home"' in text
    assert r"=~ /^sensor\.run1_/" in text
    assert "time(v: 5000)" in text
