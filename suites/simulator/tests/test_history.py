"""Tests of which history requests are valid."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ha_simulator.errors import CommandError
from ha_simulator.protocol.history import (
    HISTORY,
    STREAM,
    HistoryAnswer,
    HistoryCommand,
    live_message,
    parse_query,
    valid_entity_id,
)
from ha_simulator.world.homeassistant import HomeAssistant
from ha_simulator.world.recorder import Period

NOW = 1_795_445_276_000_000
EARLIER = "2026-11-23T14:00:00+00:00"
LATER = "2026-11-23T15:00:00+00:00"


def command(**fields: Any) -> HistoryCommand:
    """Return a valid request, changed by *fields*."""
    given: dict[str, Any] = {
        "id": 9,
        "type": HISTORY,
        "start_time": EARLIER,
        "entity_ids": ["a.b"],
    }
    return HistoryCommand(**(given | fields))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"start_time": "soon"}, "invalid_start_time"),
        ({"end_time": "soon"}, "invalid_end_time"),
        ({"entity_ids": ["nonsense"]}, "invalid_entity_ids"),
        ({"entity_ids": ["a.b", "A.B"]}, "invalid_entity_ids"),
        ({"entity_ids": []}, "unknown_error"),
        ({"start_time": "2026-13-01T00:00:00+00:00"}, "unknown_error"),
        ({"end_time": "2026-01-32"}, "invalid_end_time"),
        ({"type": STREAM, "start_time": LATER}, "invalid_start_time"),
        (
            {"type": STREAM, "end_time": "2026-11-23T13:59:59+00:00"},
            "invalid_end_time",
        ),
    ],
)
def test_invalid_requests_have_their_code(
    home: HomeAssistant, fields: dict[str, Any], code: str
) -> None:
    """Each mistake has Home Assistant's error code."""
    with pytest.raises(CommandError) as caught:
        parse_query(home, command(**fields), NOW)
    assert caught.value.code == code


def test_period_from_the_future_has_nothing(home: HomeAssistant) -> None:
    """`history_during_period` that starts later than now is simply empty."""
    assert parse_query(home, command(start_time=LATER), NOW) is None


@pytest.mark.parametrize(
    ("fields", "live"),
    [
        ({}, False),
        ({"type": STREAM}, True),
        ({"type": STREAM, "end_time": LATER}, True),
        ({"type": STREAM, "end_time": "2026-11-23T14:30:00+00:00"}, False),
    ],
)
def test_stream_without_an_end_in_the_past_is_live(
    home: HomeAssistant, *, fields: dict[str, Any], live: bool
) -> None:
    """Only a stream goes on, and only if its end is not over."""
    query = parse_query(home, command(**fields), NOW)

    assert query is not None
    assert query.live is live


def test_defaults_are_those_of_home_assistant(home: HomeAssistant) -> None:
    """Start state and significant changes are on unless the client says otherwise."""
    query = parse_query(home, command(), NOW)

    assert query is not None
    assert query.period == Period(
        start_us=1_795_442_400_000_000,
        end_us=None,
        start_state=True,
        significant_only=True,
        minimal=False,
        no_attributes=False,
    )


@pytest.mark.parametrize(
    ("entity_id", "valid"),
    [
        ("sensor.a_1", True),
        ("sensor.A", False),
        ("sensor._a", False),
        ("sensor.a_", False),
        ("sens__or.a", False),
        ("sensor.a__b", False),
        ("sensor", False),
        ("a.b.c", False),
        ("sensor.a\n", False),
    ],
)
def test_entity_ids_are_two_slugs(*, entity_id: str, valid: bool) -> None:
    """domain.object_id, lower case, no underscore at the ends."""
    assert valid_entity_id(entity_id) is valid


def test_answer_leaves_out_entities_without_rows(home: HomeAssistant) -> None:
    """Only entities with rows are in the result, in the order asked for."""
    shape = home.shapes.number("run")
    for name in ("sensor.b", "sensor.a"):
        home.generate(home.states.entity(name), shape, NOW)
    home.recorder.commit()
    answer = HistoryAnswer(home, Period(start_us=NOW - 1, end_us=None))
    for name in ("sensor.a", "sensor.none", "sensor.b"):
        answer.add(name)

    assert list(msgspec.json.decode(answer.states())) == ["sensor.a", "sensor.b"]
    assert answer.newest_us == NOW


def test_stream_message_ends_at_its_newest_row(home: HomeAssistant) -> None:
    """start_time is the period's; end_time the newest row's or, without one, given."""
    empty = HistoryAnswer(home, Period(start_us=NOW, end_us=None))
    message = msgspec.json.decode(empty.stream_message(9, NOW + 1_500_000))

    assert message == {
        "id": 9,
        "type": "event",
        "event": {
            "states": {},
            "start_time": 1_795_445_276.0,
            "end_time": 1_795_445_277.5,
        },
    }


def test_live_message_groups_rows_by_entity() -> None:
    """Changes of one entity are one list, in order, without times around them."""
    rows = [("a.b", b'{"s":"1"}'), ("c.d", b'{"s":"2"}'), ("a.b", b'{"s":"3"}')]

    assert msgspec.json.decode(live_message(9, rows)) == {
        "id": 9,
        "type": "event",
        "event": {"states": {"a.b": [{"s": "1"}, {"s": "3"}], "c.d": [{"s": "2"}]}},
    }
