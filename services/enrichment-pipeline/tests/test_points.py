"""A change becomes its line of the measurement `state`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from enrichment_pipeline.attributes import MAX_ATTRIBUTES_BYTES
from enrichment_pipeline.errors import PointRefused, Reason
from enrichment_pipeline.events import Change
from enrichment_pipeline.lineprotocol import series_key
from enrichment_pipeline.points import PointBuilder, with_recorded

if TYPE_CHECKING:
    from conftest import ParsedLine

    Parse = Callable[[bytes | str], ParsedLine]

TIME = "2026-11-23T14:47:56.311149+00:00"
TIME_US = 1_795_445_276_311_149


def change(**changes: Any) -> Change:
    """Return a plain change with some parts replaced."""
    parts: dict[str, Any] = {
        "entity_id": "sensor.kitchen",
        "time": TIME,
        "state": "21.5",
        "attributes": Raw(b'{"unit_of_measurement":"\xc2\xb0C","friendly_name":"K 1"}'),
        "last_changed": "2026-11-23T14:47:50+00:00",
    }
    return Change(**(parts | changes))


def no_weather(_: int) -> str:
    """Return no weather fields."""
    return ""


@pytest.fixture
def builder() -> PointBuilder:
    """A builder that knows no weather."""
    return PointBuilder(no_weather)


def test_numeric_state(builder: PointBuilder, parse_line: Parse) -> None:
    """A numeric state has its text, value, unit, attributes and times."""
    key, line = builder.build(change())

    parsed = parse_line(line)
    assert key == ("sensor.kitchen", TIME_US)
    assert parsed.measurement == "state"
    assert parsed.tags == {"domain": "sensor", "entity_id": "sensor.kitchen"}
    assert parsed.time_us == TIME_US
    assert parsed.fields == {
        "state": "21.5",
        "value": 21.5,
        "unit": "°C",
        "attrs": '{"unit_of_measurement":"°C","friendly_name":"K 1"}',
        "last_changed": 1_795_445_270_000_000,
    }


@pytest.mark.parametrize("state", ["unknown", "unavailable", "idle", " "])
def test_word_has_no_value(
    builder: PointBuilder, parse_line: Parse, state: str
) -> None:
    """A state that is no number is stored as text without a value."""
    _, line = builder.build(change(state=state, last_changed=TIME, attributes=Raw(b"")))

    assert parse_line(line).fields == {"state": state, "last_changed": TIME_US}


def test_empty_state_is_a_flag(builder: PointBuilder, parse_line: Parse) -> None:
    """An empty text would make Flux misread every other state of the entity."""
    _, line = builder.build(change(state="", last_changed="", attributes=Raw(b"")))

    assert parse_line(line).fields == {"state_empty": True}


def test_removal(builder: PointBuilder, parse_line: Parse) -> None:
    """A removed entity has a flag and no state, at the time it was fired."""
    gone = change(state=None, attributes=Raw(b""), last_changed="")

    _, line = builder.build(gone)

    parsed = parse_line(line)
    assert parsed.fields == {"removed": True}
    assert parsed.time_us == TIME_US


def test_attributes_up_to_the_limit_are_kept(
    builder: PointBuilder, parse_line: Parse
) -> None:
    """The limit counts the bytes of the compact JSON; beyond it a flag stands."""
    frame = len(b'{"a":""}')
    fits = b'{"a":"' + b"x" * (MAX_ATTRIBUTES_BYTES - frame) + b'"}'
    too_long = b'{"a":"' + b"x" * (MAX_ATTRIBUTES_BYTES - frame + 1) + b'"}'

    _, kept = builder.build(change(attributes=Raw(fits)))
    _, cut = builder.build(change(attributes=Raw(too_long)))

    assert parse_line(kept).fields["attrs"] == fits.decode()
    assert "attrs_truncated" not in parse_line(kept).fields
    assert "attrs" not in parse_line(cut).fields
    assert parse_line(cut).fields["attrs_truncated"] is True


def test_unit_survives_attributes_that_are_too_long(
    builder: PointBuilder, parse_line: Parse
) -> None:
    """The unit is read before the attributes are left out."""
    long = b'{"unit_of_measurement":"W","a":"' + b"x" * MAX_ATTRIBUTES_BYTES + b'"}'

    _, line = builder.build(change(attributes=Raw(long)))

    assert parse_line(line).fields["unit"] == "W"


def test_attributes_of_history_have_a_field_of_their_own(
    builder: PointBuilder, parse_line: Parse
) -> None:
    """They never touch what a live event has written; all other fields are the same."""
    key, live = builder.build(change())
    same, recorded = builder.build(change(), recorded=True)

    fields = parse_line(live).fields
    fields["attrs_recorded"] = fields.pop("attrs")
    assert parse_line(recorded).fields == fields
    assert same == key


def test_attributes_of_history_are_cut_at_the_same_limit(
    builder: PointBuilder, parse_line: Parse
) -> None:
    """Too many of them are left out with a flag of their own."""
    long = b'{"unit_of_measurement":"W","a":"' + b"x" * MAX_ATTRIBUTES_BYTES + b'"}'

    _, line = builder.build(change(attributes=Raw(long)), recorded=True)

    fields = parse_line(line).fields
    assert fields.keys() & {"attrs", "attrs_truncated", "attrs_recorded"} == set()
    assert (fields["attrs_recorded_truncated"], fields["unit"]) == (True, "W")


def test_live_event_takes_the_attributes_of_history_beside_its_own(
    builder: PointBuilder, parse_line: Parse
) -> None:
    """State, value, unit and weather are the live event's."""
    poor = change(state="22", attributes=Raw(b'{"unit_of_measurement":"K"}'))
    key, live = builder.build(change())

    union = parse_line(with_recorded(live, key, poor))

    assert union.time_us == TIME_US
    assert union.fields == parse_line(live).fields | {
        "attrs_recorded": '{"unit_of_measurement":"K"}'
    }


def test_weather_is_looked_up_by_the_time_of_the_event(parse_line: Parse) -> None:
    """The weather fields are those of the event's own time."""
    builder = PointBuilder(lambda time_us: f",w_temperature={time_us % 1000}.5")

    _, line = builder.build(change())

    assert parse_line(line).fields["w_temperature"] == 149.5


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"entity_id": ""}, Reason.BAD_ENTITY_ID),
        ({"entity_id": "nodot"}, Reason.BAD_ENTITY_ID),
        ({"entity_id": ".x"}, Reason.BAD_ENTITY_ID),
        ({"entity_id": "sensor.a\nb"}, Reason.BAD_ENTITY_ID),
        ({"entity_id": "sensor.a\\"}, Reason.BAD_ENTITY_ID),
        ({"entity_id": "sensor." + "x" * 70_000}, Reason.SERIES_KEY_TOO_LONG),
        ({"time": "now"}, Reason.BAD_TIMESTAMP),
        ({"time": "9999-01-01T00:00:00+00:00"}, Reason.TIME_OUT_OF_RANGE),
        ({"last_changed": "then"}, Reason.BAD_TIMESTAMP),
        ({"state": "x" * 1_048_577}, Reason.STRING_TOO_LONG),
        ({"attributes": Raw(b"[]")}, Reason.BAD_ATTRIBUTES),
        ({"attributes": Raw(b'{"a":"\xff"}')}, Reason.BAD_ATTRIBUTES),
        ({"state": None, "time": ""}, Reason.BAD_TIMESTAMP),
    ],
)
def test_what_cannot_be_stored_has_a_reason(
    builder: PointBuilder, changes: dict[str, Any], reason: Reason
) -> None:
    """Each way in which an event cannot become a point is named."""
    with pytest.raises(PointRefused) as caught:
        builder.build(change(**changes))

    assert caught.value.reason is reason


@given(
    domain=st.text("a0_", min_size=1) | st.text("a,= \\\nA"),
    name=st.text("a0_", min_size=1) | st.text("a.,= \\\nA"),
)
def test_series_key_of_any_entity_id_is_the_escaped_one(domain: str, name: str) -> None:
    """What needs no escape is not looked at more closely; the key is the same."""
    entity_id = f"{domain}.{name}"
    tags = {"domain": domain, "entity_id": entity_id}
    try:
        key = series_key("state", tags)
    except PointRefused:
        key = None
    try:
        _, line = PointBuilder(no_weather).build(
            change(entity_id=entity_id, state=None)
        )
    except PointRefused:
        line = None

    assert line == (None if key is None else f"{key} removed=true {TIME_US}")


def test_entity_ids_are_remembered_within_bounds(builder: PointBuilder) -> None:
    """However many entities there are, the cache of keys stays bounded."""
    for number in range(40_000):
        builder.build(change(entity_id=f"sensor.x{number}", attributes=Raw(b"")))

    assert len(builder._prefixes) <= 32_768


@given(
    name=st.text(min_size=1).filter(lambda t: "\n" not in t and t[-1] != "\\"),
    state=st.text(max_size=300),
    attributes=st.dictionaries(st.text(), st.text() | st.integers() | st.none()),
    escaped=st.booleans(),
)
def test_any_event_is_read_back_as_it_was(
    parse_line: Parse,
    name: str,
    state: str,
    attributes: dict[str, Any],
    *,
    escaped: bool,
) -> None:
    """Whatever texts an event holds, the line says the same."""
    raw = json.dumps(attributes, separators=(",", ":"), ensure_ascii=escaped).encode()
    event = change(entity_id=f"sensor.{name}", state=state, attributes=Raw(raw))

    _, line = PointBuilder(no_weather).build(event)

    parsed = parse_line(line)
    assert parsed.tags["entity_id"] == f"sensor.{name}"
    assert parsed.fields.get("state", "") == state
    assert "" not in parsed.fields.values()
    assert json.loads(str(parsed.fields["attrs"])) == attributes
