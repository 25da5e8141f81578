"""Rows are read back by key, and the query cannot be bent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from stackproof.errors import StoreError
from stackproof.influx import (
    StateReader,
    StateRow,
    assemble,
    event_key,
    flux_string,
    state_query,
)
from stackproof.oracle import Attributes, Stored

NOON = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
NOON_US = 1795435200123456


def test_query_selects_entities() -> None:
    """Each entity is one comparison."""
    query = state_query("states", entity_ids=("light.a", "light.b"), since=NOON)

    assert query.splitlines() == [
        'from(bucket: "states")',
        "  |> range(start: 2026-11-23T12:00:00.123456Z)",
        '  |> filter(fn: (r) => r._measurement == "state")',
        '  |> filter(fn: (r) => r.entity_id == "light.a" or r.entity_id == "light.b")',
    ]


def test_query_selects_a_run() -> None:
    """A run is the ending of an entity's id, from the beginning of time."""
    query = state_query("states", run="a1b2")

    assert "r.entity_id =~ /_a1b2$/" in query
    assert "1970-01-01T00:00:00" in query


def test_start_is_converted_to_utc() -> None:
    """A time with an offset is the same moment."""
    berlin = timezone(timedelta(hours=1))

    assert state_query("b", since=NOON.astimezone(berlin)) == state_query(
        "b", since=NOON
    )


@pytest.mark.parametrize("run", ["", "A", "a/) or true", "a b", ".*"])
def test_run_id_cannot_carry_an_expression(run: str) -> None:
    """A run id is letters and digits, or it is refused."""
    with pytest.raises(ValueError, match="run id"):
        state_query("states", run=run)


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("plain", '"plain"'),
        ('a"b', '"a\\"b"'),
        ("a\\b", '"a\\\\b"'),
        ("${x}", '"\\${x}"'),
    ],
)
def test_text_stays_text_in_flux(text: str, literal: str) -> None:
    """Quotes, backslashes and interpolation lose their meaning."""
    assert flux_string(text) == literal


def test_fields_of_one_key_are_one_row() -> None:
    """Records are joined by entity and time, oldest first."""
    later = {"_time": NOON + timedelta(microseconds=1)}
    base = {"_time": NOON, "entity_id": "sensor.a", "domain": "sensor"}

    rows = assemble(
        [
            base | later | {"_field": "state", "_value": "22"},
            base | {"_field": "state", "_value": "21.5"},
            base | {"_field": "value", "_value": 21.5},
        ]
    )

    assert rows == (
        StateRow(
            entity_id="sensor.a",
            domain="sensor",
            time_us=NOON_US,
            fields={"state": "21.5", "value": 21.5},
        ),
        StateRow(
            entity_id="sensor.a",
            domain="sensor",
            time_us=NOON_US + 1,
            fields={"state": "22"},
        ),
    )
    assert rows[0].key == event_key("sensor.a", NOON_US)


def test_unreachable_database_is_an_error() -> None:
    """Nothing could be read back, and nobody may take that for nothing stored."""
    reader = StateReader(
        url="http://127.0.0.1:9", org="o", bucket="b", token="t", timeout=1
    )

    with pytest.raises(StoreError, match="query failed"):
        reader.rows(entity_ids=["sensor.a"])


@pytest.mark.parametrize(
    ("fields", "state", "serial", "attributes"),
    [
        ({"state": "on", "attrs": '{"serial":7}'}, "on", 7, Attributes.LIVE),
        ({"state": "on", "attrs_recorded": "{}"}, "on", None, Attributes.RECORDED),
        (
            {"state": "on", "attrs": '{"serial":1}', "attrs_recorded": '{"serial":2}'},
            "on",
            1,
            Attributes.BOTH,
        ),
        ({"removed": True}, None, None, Attributes.NONE),
        ({"state_empty": True}, "", None, Attributes.NONE),
        ({"state": "", "removed": True}, None, None, Attributes.NONE),
        ({"state": ""}, "", None, Attributes.NONE),
        ({"state": "", "attrs_truncated": True}, "", None, Attributes.LIVE),
        ({"state": "on", "attrs": '{"serial":"x"}'}, "on", None, Attributes.LIVE),
    ],
)
def test_row_is_what_the_oracle_judges(
    fields: dict[str, object],
    state: str | None,
    serial: int | None,
    attributes: Attributes,
) -> None:
    """A removal has no state, and attributes say where they are from."""
    row = StateRow(entity_id="sensor.a", domain="sensor", time_us=1, fields=fields)

    assert row.stored == Stored(
        entity_id="sensor.a",
        time_us=1,
        state=state,
        serial=serial,
        attributes=attributes,
    )
