"""Tests of who gets which event, and of the life of Home Assistant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from ha_simulator.errors import ControlError
from ha_simulator.world.homeassistant import (
    MATCH_ALL,
    RETURN_RUN,
    CoreState,
    HomeAssistant,
    Watch,
)
from ha_simulator.world.states import Wanted

START = 1_795_445_276_000_000


class Ear:
    """A client that subscribes to one type and keeps what it hears."""

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        self.heard: list[Any] = []
        self.serials: list[int] = []

    def wants(self, event_type: str) -> list[bytes]:
        """Match as a subscription does."""
        return [b',"id":9}'] if self.wanted in (event_type, MATCH_ALL) else []

    def push(self, message: bytes, now_us: int) -> None:
        """Keep a message that has no serial."""
        self.push_events([message], 0, now_us)

    def push_events(self, messages: Sequence[bytes], first: int, now_us: int) -> None:
        """Keep the messages."""
        for serial, message in enumerate(messages, first):
            self.heard.append(msgspec.json.decode(message)["event"])
            self.serials.append(serial)


def put(home: HomeAssistant, entity_id: str, state: str) -> int | None:
    """Set a state with one attribute."""
    shape = home.shapes.number("run")
    return home.set(
        Wanted(entity_id=entity_id, state=state, attributes={"a": 1}, shape=shape),
        START + 10,
    )


def test_state_changes_reach_who_wants_them(home: HomeAssistant) -> None:
    """A subscription to state_changed or to everything hears it, another does not."""
    ears = [Ear("state_changed"), Ear(MATCH_ALL), Ear("call_service")]
    for ear in ears:
        home.join(ear)
    put(home, "sensor.a", "1")

    assert [ear.serials for ear in ears] == [[1], [1], []]


def test_events_of_one_turn_are_those_of_single_calls(home: HomeAssistant) -> None:
    """Emitted together or one by one, events, serials and journal are the same."""
    other = HomeAssistant(token=None, now_us=START)
    heard = []
    for place, together in ((home, True), (other, False)):
        ear = Ear("state_changed")
        place.join(ear)
        names = ["sensor.a", "sensor.b", "sensor.a"]
        entities = [place.states.entity(name) for name in names]
        shape = place.shapes.number("run", unit="W")
        for part in [entities] if together else [[entity] for entity in entities]:
            count = len(part)
            place.generate_all(
                part,
                shape,
                START + 9,
                updated_us=[START + 5] * count,
                intended_us=[7] * count,
            )
        rows = [place.journal.row(serial) for serial in (1, 2, 3)]
        heard.append((ear.heard, ear.serials, rows, place.journal.previous(3)))

    assert heard[0] == heard[1]
    assert heard[0][1] == [1, 2, 3]
    assert heard[0][3] == 1


def test_live_stream_sees_each_event_of_a_turn(home: HomeAssistant) -> None:
    """An entity's events of one turn reach a live history one by one, none is lost."""
    seen: list[int] = []
    entity = home.states.entity("sensor.a")
    home.watch(
        Watch(frozenset({"sensor.a"}), lambda changed: seen.append(changed.serial))
    )
    home.generate_all(
        [entity] * 3,
        home.shapes.number("run"),
        START,
        updated_us=[START] * 3,
        intended_us=[0] * 3,
    )

    assert seen == [1, 2, 3]


def test_who_leaves_hears_nothing_more(home: HomeAssistant) -> None:
    """Leaving ends delivery, and leaving twice is harmless."""
    ear = Ear("state_changed")
    home.join(ear)
    home.leave(ear)
    home.leave(ear)
    put(home, "sensor.a", "1")

    assert ear.heard == []


def test_nothing_changes_while_down(home: HomeAssistant) -> None:
    """A change is refused when there is no Home Assistant to make it."""
    home.crash(START + 1)

    assert (home.answering, home.emitting) == (False, False)
    with pytest.raises(ControlError, match="not_running"):
        put(home, "sensor.a", "1")
    with pytest.raises(ControlError, match="not_running"):
        home.remove("sensor.a", "run", START + 2)


def test_restart_brings_entities_back_as_new(home: HomeAssistant) -> None:
    """Hand-made entities return with their state, generated ones with a new one."""
    put(home, "sensor.hand", "21.5")
    generated = home.states.entity("sensor.made")
    home.generate(generated, home.shapes.number("run", unit="W"), START + 11)
    home.begin_stop()
    home.finish_stop(START + 20)
    home.boot()
    home.load_history()
    ear = Ear(MATCH_ALL)
    home.join(ear)
    home.begin_start(START + 30)
    home.load_entities()
    waiting = home.bring_back(1, START + 40)
    rest = home.bring_back(10, START + 41)
    home.finish_start(START + 50)
    changes = [event["data"] for event in ear.heard if event["data"]]

    assert (waiting, rest) == (1, 0)
    assert [change["old_state"] for change in changes] == [None, None]
    assert changes[0]["new_state"]["state"] == "21.5"
    assert changes[0]["new_state"]["attributes"]["run_id"] == RETURN_RUN
    assert changes[1]["new_state"]["state"] == "0.4"
    assert [event["event_type"] for event in ear.heard] == [
        "homeassistant_start",
        "state_changed",
        "state_changed",
        "homeassistant_started",
    ]


def test_entity_that_changed_meanwhile_does_not_come_back_twice(
    home: HomeAssistant,
) -> None:
    """An entity that got a state after the start is left alone."""
    put(home, "sensor.a", "1")
    home.crash(START + 20)
    home.boot()
    home.load_entities()
    put(home, "sensor.a", "2")
    home.bring_back(10, START + 30)

    assert home.journal.last == 2


def test_second_crash_before_the_return_keeps_the_entities(
    home: HomeAssistant,
) -> None:
    """Entities that were still absent come back after the next restart."""
    put(home, "sensor.a", "1")
    home.crash(START + 20)
    home.boot()
    home.crash(START + 30)
    home.boot()
    home.load_entities()

    assert home.bring_back(10, START + 40) == 0
    assert home.journal.last == 2


def test_phases_show_in_state_and_flags(home: HomeAssistant) -> None:
    """Each step shows the core state that a client would read."""
    seen = [home.core_state]
    home.begin_stop()
    seen.append(home.core_state)
    stopping = home.emitting
    home.finish_stop(START)
    seen.append(home.core_state)
    home.boot()
    seen.append(home.core_state)
    booted = (home.history_loaded, home.emitting, home.answering)
    home.begin_start(START)
    seen.append(home.core_state)
    home.finish_start(START)
    seen.append(home.core_state)

    assert seen == [
        CoreState.RUNNING,
        CoreState.STOPPING,
        CoreState.DOWN,
        CoreState.NOT_RUNNING,
        CoreState.STARTING,
        CoreState.RUNNING,
    ]
    assert stopping
    assert booted == (False, False, True)
