"""Rows of InfluxDB become events again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin_api.stored_events import event_of

ROW = {
    "_time": "2026-11-23T14:47:56.311149Z",
    "domain": "sensor",
    "entity_id": "sensor.kitchen",
    "attrs": '{"unit_of_measurement":"°C","list":[1,null]}',
    "last_changed": "1795445276311149",
    "state": "21.50",
    "unit": "°C",
    "value": "21.5",
    "w_temperature": "4.5",
    "w_condition": "10",
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def test_full_row() -> None:
    """Every field has its type again."""
    event = event_of(ROW)

    assert event.time == "2026-11-23T14:47:56.311149+00:00"
    assert event.time_us == 1_795_445_276_311_149
    assert (event.entity_id, event.domain) == ("sensor.kitchen", "sensor")
    assert (event.state, event.value, event.unit) == ("21.50", 21.5, "°C")
    assert event.last_changed_us == 1_795_445_276_311_149
    assert event.attributes == {"unit_of_measurement": "°C", "list": [1, None]}
    assert event.weather == {"temperature": 4.5, "condition": "10"}
    assert (event.attributes_truncated, event.removed) == (False, False)


def test_empty_cells_are_absent() -> None:
    """InfluxDB writes nothing for a field that a point does not have."""
    empty = dict.fromkeys(ROW, "") | {"_time": "2026-11-23T14:47:56Z"}

    event = event_of(empty)

    assert (event.value, event.unit, event.last_changed_us) == (None, None, None)
    assert (event.attributes, event.weather, event.state) == (None, None, "")


@pytest.mark.parametrize(
    ("cells", "attributes", "truncated"),
    [
        ({"attrs": '{"a":1}', "attrs_recorded": '{"b":2}'}, {"a": 1}, False),
        ({"attrs": "", "attrs_recorded": '{"b":2}'}, {"b": 2}, False),
        ({"attrs": "", "attrs_recorded_truncated": "true"}, None, True),
        ({"attrs": "{}", "attrs_recorded_truncated": "true"}, {}, False),
        (
            {"attrs": "", "attrs_truncated": "true", "attrs_recorded": '{"b":2}'},
            {"b": 2},
            True,
        ),
    ],
    ids=["both", "recorded", "recorded-cut", "live", "live-cut"],
)
def test_live_attributes_come_before_recorded_ones(
    cells: dict[str, str], attributes: Any, *, truncated: bool
) -> None:
    """What history kept stands in where a live event brought nothing."""
    event = event_of(ROW | cells)

    assert (event.attributes, event.attributes_truncated) == (attributes, truncated)


def test_flags_are_read() -> None:
    """A removal and left-out attributes are told."""
    event = event_of(ROW | {"removed": "true", "attrs_truncated": "true", "attrs": ""})

    assert (event.removed, event.attributes_truncated) == (True, True)


@pytest.mark.parametrize(
    ("fraction", "microseconds"),
    [
        ("", 0),
        (".1", 100_000),
        (".3111", 311_100),
        (".000001", 1),
        (".311149", 311_149),
    ],
)
def test_time_is_exact_however_many_digits_it_has(
    fraction: str, microseconds: int
) -> None:
    """InfluxDB leaves out zeros at the end of a fraction."""
    event = event_of(ROW | {"_time": f"2026-11-23T14:47:56{fraction}Z"})

    assert event.time_us == 1_795_445_276_000_000 + microseconds


@given(time_us=st.integers(0, 4_000_000_000_000_000))
def test_every_microsecond_survives(time_us: int) -> None:
    """A time written as InfluxDB does is read back exactly."""
    moment = EPOCH + timedelta(microseconds=time_us)
    text = moment.isoformat(timespec="microseconds").replace("+00:00", "")

    event = event_of(ROW | {"_time": text.rstrip("0").rstrip(".") + "Z"})

    assert event.time_us == time_us


@pytest.mark.parametrize(
    ("text", "shown"), [("no JSON", "no JSON"), ("[1]", [1]), ("{", "{")]
)
def test_attributes_of_others_are_shown_as_stored(text: str, shown: Any) -> None:
    """What somebody else wrote into the field is no reason to fail."""
    assert event_of(ROW | {"attrs": text}).attributes == shown
