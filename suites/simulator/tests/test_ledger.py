"""Tests of the ledger's lines."""

from __future__ import annotations

from typing import Any

import msgspec

from ha_simulator.world.homeassistant import HomeAssistant
from ha_simulator.world.journal import Journal
from ha_simulator.world.states import Wanted

START = 1_795_445_276_000_000


def lines(home: HomeAssistant, **options: Any) -> list[Any]:
    """Return the decoded lines."""
    given = {"run_id": None, "after": 0, "upto": home.journal.last} | options
    return [msgspec.json.decode(line) for line in home.ledger.lines(**given)]


def test_line_tells_key_value_wire_and_recorder(home: HomeAssistant) -> None:
    """One line holds what an oracle needs to know about one event."""
    entity = home.states.entity("sensor.a")
    shape = home.shapes.number("run", unit="W")
    home.generate(entity, shape, START + 5, intended_us=START + 2)
    home.wire.add(3, [1])
    home.recorder.commit()

    assert lines(home) == [
        {
            "serial": 1,
            "run_id": "run",
            "entity_id": "sensor.a",
            "last_updated_us": START + 5,
            "state": "0.1",
            "removed": False,
            "intended_us": START + 2,
            "on_wire": [3],
            "recorded": True,
        }
    ]


def test_hand_made_and_removed_events(home: HomeAssistant) -> None:
    """A hand-made state is as given, a removal has no state."""
    wanted = Wanted(entity_id="sensor.a", state='q"ü', attributes={}, shape=0)
    home.shapes.number("run")
    home.set(wanted, START)
    home.remove("sensor.a", "other", START + 1)
    found = lines(home)

    assert [line["state"] for line in found] == ['q"ü', None]
    assert [line["removed"] for line in found] == [False, True]
    assert [line["recorded"] for line in found] == [False, False]
    assert [line["intended_us"] for line in found] == [None, None]


def test_lines_are_filtered_by_run_and_serial(home: HomeAssistant) -> None:
    """`run_id` chooses a run, `after` goes on where the reader stopped."""
    entity = home.states.entity("sensor.a")
    for number in range(6):
        shape = home.shapes.number("odd" if number % 2 else "even")
        home.generate(entity, shape, START)

    assert [line["serial"] for line in lines(home, run_id="odd")] == [2, 4, 6]
    assert [line["serial"] for line in lines(home, after=4)] == [5, 6]
    assert [line["serial"] for line in lines(home, upto=2)] == [1, 2]
    assert lines(home, after=6) == []


def test_dropped_events_are_left_out() -> None:
    """When the journal is full the ledger starts at its oldest event."""
    journal = Journal(rows=8, segment_rows=4)
    home = HomeAssistant(token=None, now_us=START, journal=journal)
    entity = home.states.entity("sensor.a")
    shape = home.shapes.number("run")
    for _ in range(9):
        home.generate(entity, shape, START)

    assert home.journal.capped
    assert [line["serial"] for line in lines(home)] == [5, 6, 7, 8, 9]
