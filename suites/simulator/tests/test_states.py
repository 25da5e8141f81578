"""Tests of the state machine and of the bytes of its events."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ha_simulator.errors import ControlError
from ha_simulator.world.homeassistant import HomeAssistant
from ha_simulator.world.states import StateMachine, Wanted, recorded_attributes

NOW = 1_795_445_276_311_149


@pytest.fixture
def states(home: HomeAssistant) -> StateMachine:
    """Give an empty state machine."""
    return home.states


def wanted(home: HomeAssistant, state: str, **fields: Any) -> Wanted:
    """Return a state of sensor.a."""
    given: dict[str, Any] = {"attributes": {}, "shape": home.shapes.number("run")}
    return Wanted(entity_id="sensor.a", state=state, **(given | fields))


def event_of(done: tuple[int, bytes] | None) -> Any:
    """Decode an event's bytes, completed with an id."""
    assert done is not None
    return msgspec.json.decode(done[1] + b',"id":2}')


def test_event_has_the_keys_of_a_real_one_in_order(home: HomeAssistant) -> None:
    """Keys and their order are those of Home Assistant, with `id` last."""
    message = event_of(home.states.set(wanted(home, "21.5"), NOW))
    event = message["event"]

    assert list(message) == ["type", "event", "id"]
    assert list(event) == ["event_type", "data", "origin", "time_fired", "context"]
    assert list(event["data"]) == ["entity_id", "old_state", "new_state"]
    assert list(event["data"]["new_state"]) == [
        "entity_id",
        "state",
        "attributes",
        "last_changed",
        "last_reported",
        "last_updated",
        "context",
    ]


def test_creation_change_and_removal(home: HomeAssistant) -> None:
    """old_state is null at first, then the state before; new_state null at the end."""
    created = event_of(home.states.set(wanted(home, "1"), NOW))["event"]
    changed = event_of(home.states.set(wanted(home, "2"), NOW + 10))["event"]
    entity = home.states.entity("sensor.a")
    removed = event_of(home.states.remove(entity, 0, NOW + 20))["event"]

    assert created["data"]["old_state"] is None
    assert changed["data"]["old_state"] == created["data"]["new_state"]
    assert removed["data"]["old_state"] == changed["data"]["new_state"]
    assert removed["data"]["new_state"] is None
    assert home.states.remove(entity, 0, NOW + 30) is None


def test_event_time_is_the_states_time(home: HomeAssistant) -> None:
    """time_fired, last_updated and last_reported are one instant, one context."""
    event = event_of(home.states.set(wanted(home, "1"), NOW))["event"]
    new = event["data"]["new_state"]

    assert new["last_updated"] == "2026-11-23T14:47:56.311149+00:00"
    assert event["time_fired"] == new["last_updated"] == new["last_reported"]
    assert event["context"] == new["context"]


def test_whole_second_has_no_fraction(home: HomeAssistant) -> None:
    """A time without microseconds is written without a fraction."""
    whole = NOW // 1_000_000 * 1_000_000
    event = event_of(home.states.set(wanted(home, "1", updated_us=whole), NOW))

    assert event["event"]["time_fired"] == "2026-11-23T14:47:56+00:00"


def test_attribute_change_keeps_last_changed(home: HomeAssistant) -> None:
    """last_changed moves with the state only, last_updated with both."""
    home.states.set(wanted(home, "1", attributes={"a": 1}), NOW)
    done = home.states.set(wanted(home, "1", attributes={"a": 2}), NOW + 1_000_000)
    new = event_of(done)["event"]["data"]["new_state"]

    assert new["last_changed"] == "2026-11-23T14:47:56.311149+00:00"
    assert new["last_updated"] == "2026-11-23T14:47:57.311149+00:00"


def test_same_state_and_attributes_give_no_event(home: HomeAssistant) -> None:
    """A mere report is no change, unless the caller forces one."""
    home.states.set(wanted(home, "1", attributes={"a": 1}), NOW)

    assert home.states.set(wanted(home, "1", attributes={"a": 1}), NOW + 5) is None
    assert home.journal.last == 1
    forced = home.states.set(wanted(home, "1", attributes={"a": 1}, force=True), NOW)
    assert forced is not None


def test_events_carry_serial_and_run_id(home: HomeAssistant) -> None:
    """The stamp is in the attributes, beside what the caller gave."""
    done = home.states.set(wanted(home, "1", attributes={"a": "ä"}), NOW)
    attributes = event_of(done)["event"]["data"]["new_state"]["attributes"]

    assert attributes == {"a": "ä", "serial": 1, "run_id": "run"}


def test_stamp_can_be_left_out(home: HomeAssistant) -> None:
    """Without a stamp the attributes are exactly the caller's."""
    done = home.states.set(wanted(home, "1", attributes={"a": 1}, stamp=False), NOW)

    assert event_of(done)["event"]["data"]["new_state"]["attributes"] == {"a": 1}


def test_generated_events_have_unique_rising_times(home: HomeAssistant) -> None:
    """Many events of one entity at one instant get times one microsecond apart."""
    entity = home.states.entity("sensor.a")
    shape = home.shapes.number("run", unit="W")
    bodies = home.states.generate([entity] * 3, shape, [NOW] * 3, intended_us=[0] * 3)
    events = [msgspec.json.decode(body + b"}")["event"] for body in bodies]

    assert [event["time_fired"][-12:-6] for event in events] == [
        "311149",
        "311150",
        "311151",
    ]
    assert [event["data"]["new_state"]["state"] for event in events] == [
        "0.1",
        "0.2",
        "0.3",
    ]
    new = [event["data"]["new_state"] for event in events]
    assert [event["data"]["old_state"] for event in events] == [None, *new[:2]]
    attributes = events[2]["data"]["new_state"]["attributes"]
    assert (attributes["serial"], attributes["unit_of_measurement"]) == (3, "W")


def test_overridden_time_may_lie_in_the_past_but_not_on_a_used_key(
    home: HomeAssistant,
) -> None:
    """A clock that steps back gives events in the past; a used key is refused."""
    home.states.set(wanted(home, "1"), NOW)
    done = home.states.set(wanted(home, "2", updated_us=NOW - 500), NOW)
    assert event_of(done)["event"]["time_fired"].endswith("310649+00:00")

    with pytest.raises(ControlError, match="duplicate_key"):
        home.states.set(wanted(home, "3", updated_us=NOW), NOW)
    later = home.states.set(wanted(home, "4"), NOW)
    assert event_of(later)["event"]["time_fired"].endswith("311150+00:00")


@pytest.mark.parametrize(("length", "state"), [(255, "x" * 255), (256, "unknown")])
def test_state_longer_than_255_characters_is_unknown(
    home: HomeAssistant, length: int, state: str
) -> None:
    """Home Assistant replaces what is too long."""
    done = home.states.set(wanted(home, "x" * length), NOW)

    assert event_of(done)["event"]["data"]["new_state"]["state"] == state


def test_snapshot_holds_present_entities(home: HomeAssistant) -> None:
    """get_states shows the new_state of the last event of each entity."""
    event = event_of(home.states.set(wanted(home, "1"), NOW))["event"]
    gone = home.states.entity("sensor.gone")
    home.generate(gone, home.shapes.number("run"), NOW)
    home.states.remove(gone, 0, NOW)

    assert msgspec.json.decode(home.states.snapshot()) == [event["data"]["new_state"]]


def test_forgotten_entities_come_back_as_new(home: HomeAssistant) -> None:
    """After a stop the next event of an entity has old_state null."""
    home.states.set(wanted(home, "1"), NOW)
    entity = home.states.entity("sensor.a")

    assert home.states.forget() == [entity]
    assert msgspec.json.decode(home.states.snapshot()) == []
    event = event_of(home.states.set(wanted(home, "1"), NOW + 1))["event"]
    assert event["data"]["old_state"] is None


@pytest.mark.parametrize(
    ("attributes", "kept"),
    [
        ({"a": 1}, b'{"a":1}'),
        ({"a": 1, "attribution": "x", "restored": True}, b'{"a":1}'),
        ({"a": "x" * 16_384}, b"{}"),
    ],
)
def test_recorder_keeps_less_than_the_event_had(
    attributes: dict[str, Any], kept: bytes
) -> None:
    """Some attributes and everything over 16 KiB is not recorded."""
    encoded = msgspec.json.encode(attributes)

    assert recorded_attributes(attributes, encoded) == kept
