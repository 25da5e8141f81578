"""Lines that are written again: the same texts, other entities, times and serials."""

from __future__ import annotations

from typing import Any

import pytest

from capacity.errors import NotEnoughData
from capacity.lines import Lines, moulds_of

SIMULATED: dict[str, Any] = {
    "value": 123.4,
    "unit": "W",
    "last_changed": 1_700_000_000_000_000,
    "state": "123.4",
    "attrs": '{"serial":1234,"run_id":"t7","intended_us":1700000000000000,'
    '"unit_of_measurement":"W"}',
}


def written(fields: dict[str, Any], number: int, time_us: int = 0) -> str:
    """Return line *number* like a stored point."""
    lines = Lines(
        moulds=moulds_of([(time_us or 1_700_000_000_000_000, fields)]),
        entities=[f"sensor.x_{place}" for place in range(10)],
        start_us=1_000_000,
        step_us=2.5,
    )
    return lines.batch(number, 1).decode()


def test_a_simulated_event_is_written_as_the_services_write_it() -> None:
    """Order, notation and escapes are theirs; serial, state and times are new."""
    assert written(SIMULATED, 41) == (
        "state,domain=sensor,entity_id=sensor.x_1 "
        'state="4.2",attrs="{\\"serial\\":42,\\"run_id\\":\\"t7\\",'
        '\\"intended_us\\":1000102,\\"unit_of_measurement\\":\\"W\\"}",'
        'unit="W",last_changed=1000102i,value=4.2 1000102'
    )


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"state": "12", "value": 12.0}, 'state="42",value=42.0'),
        ({"state": "on", "value": 1.0}, 'state="on",value=1.0'),
        ({"state": "12"}, 'state="12"'),
        ({"removed": True}, "removed=true"),
        (
            {"state": 'a "b" \\c', "last_changed": 7},
            'state="a \\"b\\" \\\\c",last_changed=7i',
        ),
        (
            {"state": "on", "weather_temperature": 3.0, "a": False},
            'state="on",a=false,weather_temperature=3.0',
        ),
    ],
)
def test_other_events_keep_what_they_say(fields: dict[str, Any], wanted: str) -> None:
    """Words, a state without a value, a removal, the weather beside it."""
    line = written(fields, 41, time_us=9)

    assert line == f"state,domain=sensor,entity_id=sensor.x_1 {wanted} 1000102"


def test_lines_of_a_batch_are_all_different_points() -> None:
    """Entities in turn, and times that do not drift."""
    lines = Lines(
        moulds=moulds_of([(0, SIMULATED)]),
        entities=[f"sensor.x_{place}" for place in range(7)],
        start_us=0,
        step_us=1e6 / 3,
    )
    rows = [line.decode() for line in lines.batch(0, 9_001).split(b"\n")]
    keys = {(row.split(" ", 1)[0], row.rsplit(" ", 1)[1]) for row in rows}

    assert len(rows) == len(keys) == 9_001
    assert rows[9_000].endswith(" 3000000000")


def test_equal_points_are_one_mould() -> None:
    """What differs between events is a gap, so nothing is kept twice."""
    later = {
        **SIMULATED,
        "state": "99.9",
        "value": 99.9,
        "last_changed": 5,
        "attrs": SIMULATED["attrs"].replace("1234", "999").replace("17", "18", 1),
    }

    rows = [(1_700_000_000_000_000, SIMULATED), (5, later)]
    assert len(moulds_of(rows)) == 1


def test_no_point_makes_no_lines() -> None:
    """Nothing is made up."""
    with pytest.raises(NotEnoughData):
        moulds_of([])
