"""Tests of the recorder: commits, crashes and history rows."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ha_simulator.world.homeassistant import HomeAssistant
from ha_simulator.world.recorder import Period
from ha_simulator.world.states import Wanted

START = 1_795_445_276_000_000
SECOND = 1_000_000


def put(home: HomeAssistant, state: str, us: int, **attributes: Any) -> int | None:
    """Set sensor.a at a time, unstamped."""
    wanted = Wanted(
        entity_id="sensor.a",
        state=state,
        attributes=attributes,
        shape=home.shapes.number("run"),
        stamp=False,
    )
    return home.set(wanted, us)


def rows(home: HomeAssistant, start_us: int, **options: Any) -> list[Any]:
    """Return the decoded rows of sensor.a, committed at once."""
    home.recorder.commit()
    given: dict[str, Any] = {"start_state": False, "significant_only": False}
    period = Period(start_us=start_us, **({"end_us": None} | given | options))
    found = home.recorder.rows(home.states.entity("sensor.a"), period)
    return [msgspec.json.decode(text) for _, text in found]


def test_rows_appear_at_the_next_commit(home: HomeAssistant) -> None:
    """A row waits for the commit after it, every five seconds."""
    put(home, "1", START + SECOND)
    home.recorder.advance(START + 4_999_999)
    assert (home.recorder.pending, home.recorder.committed) == (1, 0)

    home.recorder.advance(START + 5 * SECOND)
    assert (home.recorder.pending, home.recorder.committed) == (0, 1)
    put(home, "2", START + 5 * SECOND)
    assert home.recorder.slot_us == START + 10 * SECOND
    assert home.recorder.pending == 1


def test_commit_takes_only_rows_from_before_the_slot(home: HomeAssistant) -> None:
    """The first row after a silent slot does not slip into that slot's commit."""
    put(home, "1", START + SECOND)
    put(home, "2", START + 7 * SECOND)

    assert (home.recorder.committed, home.recorder.pending) == (1, 1)


def test_crash_loses_what_was_not_committed(home: HomeAssistant) -> None:
    """Only uncommitted rows are lost, and they stay lost after later commits."""
    put(home, "1", START + SECOND)
    home.recorder.commit()
    put(home, "2", START + 2 * SECOND)
    assert home.crash(START + 3 * SECOND) == 1
    home.boot()
    home.load_entities()
    put(home, "3", START + 4 * SECOND)

    assert [row["s"] for row in rows(home, START)] == ["1", "3"]
    assert home.recorder.lost == 1


def test_orderly_stop_loses_nothing(home: HomeAssistant) -> None:
    """The final write commits everything, also what came after the sockets closed."""
    home.begin_stop()
    put(home, "1", START + SECOND)
    home.finish_stop(START + SECOND)

    assert (home.recorder.pending, home.recorder.lost) == (0, 0)
    assert home.recorder.committed == 1


def test_bounds_are_exclusive(home: HomeAssistant) -> None:
    """Rows exactly at the start or the end are left out."""
    for second in (1, 2, 3):
        put(home, str(second), START + second * SECOND)
    found = rows(home, START + SECOND, end_us=START + 3 * SECOND)

    assert [row["s"] for row in found] == ["2"]


def test_row_has_last_changed_only_if_it_differs(home: HomeAssistant) -> None:
    """`lc` is there exactly when an attribute changed and the state did not."""
    put(home, "1", START + SECOND, a=1)
    put(home, "1", START + 2 * SECOND, a=2)

    assert rows(home, START) == [
        {"s": "1", "a": {"a": 1}, "lu": 1_795_445_277.0},
        {"s": "1", "a": {"a": 2}, "lu": 1_795_445_278.0, "lc": 1_795_445_277.0},
    ]


def test_removed_entity_is_a_row_without_a_state(home: HomeAssistant) -> None:
    """A removal is a row with state null and no attributes."""
    put(home, "1", START + SECOND, a=1)
    home.remove("sensor.a", "run", START + 2 * SECOND)

    assert rows(home, START)[1] == {"s": None, "a": {}, "lu": 1_795_445_278.0}


def test_generated_rows_equal_their_events(home: HomeAssistant) -> None:
    """State, attributes and time of a generated event come back from history."""
    entity = home.states.entity("sensor.a")
    shape = home.shapes.number("run", unit="W", payload_bytes=4)
    home.generate(entity, shape, START + 17, intended_us=START + 3)
    assert entity.current is not None
    live = msgspec.json.decode(entity.current)

    assert rows(home, START) == [
        {"s": live["state"], "a": live["attributes"], "lu": (START + 17) / SECOND}
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"significant_only": True}, [("1", {"a": 1}), ("2", {"a": 3})]),
        (
            {"no_attributes": True},
            [("1", {}), ("1", {}), ("2", {})],
        ),
        ({"minimal": True}, [("1", {"a": 1}), ("2", None)]),
        ({"minimal": True, "no_attributes": True}, [("1", None), ("2", None)]),
    ],
    ids=["significant", "no-attributes", "minimal", "minimal-no-attributes"],
)
def test_options_thin_the_rows(
    home: HomeAssistant, options: dict[str, Any], expected: list[Any]
) -> None:
    """The options leave out rows and keys as Home Assistant does."""
    put(home, "1", START + SECOND, a=1)
    put(home, "1", START + 2 * SECOND, a=2)
    put(home, "2", START + 3 * SECOND, a=3)
    found = rows(home, START, **options)

    assert [(row["s"], row.get("a")) for row in found] == expected


def test_significant_domains_keep_attribute_changes(home: HomeAssistant) -> None:
    """For climate and its like an attribute change is significant."""
    for number in (1, 2):
        wanted = Wanted(
            entity_id="climate.a",
            state="heat",
            attributes={"t": number},
            shape=home.shapes.number("run"),
        )
        home.set(wanted, START + number)
    home.recorder.commit()
    period = Period(start_us=START, end_us=None, start_state=False)

    assert len(home.recorder.rows(home.states.entity("climate.a"), period)) == 2


def test_start_state_is_a_synthetic_row(home: HomeAssistant) -> None:
    """The state before the period appears with the period's start as its time."""
    put(home, "1", START + SECOND)
    put(home, "2", START + 3 * SECOND)
    found = rows(home, START + 2 * SECOND, start_state=True)

    assert [(row["s"], row["lu"]) for row in found] == [
        ("1", 1_795_445_278.0),
        ("2", 1_795_445_279.0),
    ]


def test_start_state_needs_a_row_before_the_start(home: HomeAssistant) -> None:
    """Without an older row there is no synthetic one."""
    put(home, "2", START + 3 * SECOND)

    assert len(rows(home, START + 2 * SECOND, start_state=True)) == 1


def test_rows_after_a_clock_step_are_in_time_order(home: HomeAssistant) -> None:
    """History sorts by time even when the entity's events went back in time."""
    put(home, "1", START + 5 * SECOND)
    wanted = Wanted(
        entity_id="sensor.a",
        state="2",
        attributes={},
        shape=0,
        updated_us=START + 2 * SECOND,
    )
    home.set(wanted, START + 6 * SECOND)
    put(home, "3", START + 7 * SECOND)

    assert [row["s"] for row in rows(home, START + SECOND)] == ["2", "1", "3"]


def test_unrecorded_events_are_not_in_history(home: HomeAssistant) -> None:
    """An event that the recorder excludes is on the wire only."""
    entity = home.states.entity("sensor.a")
    home.generate(entity, home.shapes.number("run"), START + 1, record=False)

    assert rows(home, START) == []


def test_new_interval_starts_now(home: HomeAssistant) -> None:
    """A changed commit interval counts from the change."""
    home.recorder.set_interval(SECOND, START + 3 * SECOND)

    assert home.recorder.slot_us == START + 4 * SECOND
