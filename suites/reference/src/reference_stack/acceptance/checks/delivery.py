"""What was sent is stored, once, as it was, in order."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from ...simulator import Sent
from ..observation import Observation, Row, Told
from ..world import World
from .check import Check, Finding, failed, passed, undecided

_SHOWN = 3
_MAX_ATTRIBUTES_BYTES = 16 * 1024
_LEAST_SECONDS = 2
_WORDS = {"on": 1.0, "off": 0.0}
_HARD_VALUES: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("grün 🌡 ½ \\ \" ' , =", {"k": "ü\n\t\\ \" 🌡", "n": [1, 2.5, None, True]}),
    ("x" * 255, {"deep": {"a": {"b": {"c": ["d", {}]}}}}),
    ("NaN", {}),
    ("inf", {}),
    ("1e400", {}),
    ("-0.0", {"unit_of_measurement": "°C"}),
    ("1_000", {}),
    ("unknown", {}),
    ("unavailable", {}),
    ("on", {}),
    ("off", {}),
    (" padded ", {"spaces": "  a  b  "}),
    ("9007199254740993", {"large": 9007199254740993}),
    ("0.1", {"image": "x" * 15_000}),
    ("0.2", {"image": "x" * 17_000}),
)
"""States and attributes that have broken a store before, and what they are like."""


def _owed(seen: Observation) -> dict[str, Sent]:
    """Return what must be stored: all that was on the wire or is in the recorder."""
    return {
        event.key: event for event in seen.sent if event.on_wire or event.recorded
    }


def no_loss(seen: Observation) -> Finding:
    """Judge that all that the source sent or recorded is stored."""
    owed = _owed(seen)
    if len(owed) < seen.rate * _LEAST_SECONDS:
        return undecided(f"only {len(owed)} events were sent: too few to say anything")
    stored = {row.key for row in seen.rows}
    lost = [event for key, event in owed.items() if key not in stored]
    facts = {
        "sent_events": len(owed),
        "stored_events": len(stored),
        "lost_events": len(lost),
        "only_recorded_events": sum(not event.on_wire for event in owed.values()),
    }
    if not lost:
        return passed(f"all {len(owed)} events are stored", **facts)
    window = (max(e.time_us for e in lost) - min(e.time_us for e in lost)) / 1e6
    recorded = sum(event.recorded for event in lost)
    wire = sum(event.on_wire for event in lost)
    return failed(
        f"{len(lost)} of {len(owed)} events are not stored",
        f"lost within {window:.3f} s, {wire} of them on the wire and {recorded} in "
        f"the recorder, such as {_shown(event.key for event in lost)}",
        loss_window_seconds=round(window, 3),
        **facts,
    )


def no_duplicate(seen: Observation) -> Finding:
    """Judge that no event is stored twice, and nothing that nobody sent."""
    known = {event.key for event in seen.sent}
    foreign = [row.key for row in seen.rows if row.key not in known]
    serials = Counter(row.serial for row in seen.rows if row.serial is not None)
    twice = [serial for serial, times in serials.items() if times > 1]
    if not foreign and not twice:
        return passed(f"{len(seen.rows)} rows, each of another event")
    return failed(
        f"{len(twice)} events are stored twice, {len(foreign)} rows are of no event",
        f"serials twice: {_shown(map(str, twice))}; foreign: {_shown(foreign)}",
    )


def values_equal(seen: Observation) -> Finding:
    """Judge that states, values and attributes are what the source had."""
    known = {event.key: event for event in seen.sent}
    rows = {row.key: row for row in seen.rows}
    wrong = [
        f"{row.key} is {row.state!r}, was {known[row.key].state!r}"
        for row in seen.rows
        if row.key in known and row.state != known[row.key].state
    ]
    wrong += [
        f"{row.key} has the serial {row.serial}, was {known[row.key].serial}"
        for row in seen.rows
        if row.key in known
        and row.serial is not None
        and row.serial != known[row.key].serial
    ]
    exact = [(told, rows[told.key]) for told in seen.told if told.key in rows]
    if not exact:
        return undecided("none of the changes with known values is stored")
    wrong += [problem for told, row in exact for problem in differences(told, row)]
    if not wrong:
        return passed(f"{len(rows)} states and {len(exact)} changes in full are equal")
    return failed(f"{len(wrong)} values differ", _shown(wrong))


def differences(told: Told, row: Row) -> Iterable[str]:
    """Yield how a stored row differs from a change that is known exactly (pure)."""
    fields = row.fields
    if fields.get("state") != told.state:
        yield f"{told.key} is {fields.get('state')!r}, was {told.state!r}"
    number = number_of(told.state)
    stored = fields.get("value")
    if (None if stored in {None, ""} else float(str(stored))) != number:
        yield f"{told.key} has the value {stored}, its state says {number}"
    text = json.dumps(told.attributes, ensure_ascii=False, separators=(",", ":"))
    if not row.live:
        return
    if len(text.encode()) > _MAX_ATTRIBUTES_BYTES:
        if fields.get("attrs_truncated") != "true":
            yield f"{told.key} does not say that its attributes are left out"
    elif json.loads(fields.get("attrs") or "null") != told.attributes:
        yield f"{told.key} has other attributes: {fields.get('attrs')}"


def number_of(state: str) -> float | None:
    """Return the number that must be stored beside a state (pure)."""
    if state in _WORDS:
        return _WORDS[state]
    try:
        number = float(state) if "_" not in state and state == state.strip() else None
    except ValueError:
        return None
    return number if number is not None and math.isfinite(number) else None


def in_order(seen: Observation) -> Finding:
    """Judge that each entity's rows follow each other as its changes did."""
    if seen.scenario.steps_clock:
        # Time is the order of a database; the source's own was another.
        latest = [event for event in seen.sent if event.on_wire or event.recorded]
        return passed(f"by the source's stepping clock: {len(latest)} events")
    serials: dict[str, list[int]] = defaultdict(list)
    known = {event.key: event.serial for event in seen.sent}
    for row in seen.rows:
        if row.key in known:
            serials[row.entity_id].append(known[row.key])
    if not serials:
        return undecided("nothing is stored")
    wrong = [entity for entity, found in serials.items() if found != sorted(found)]
    last = {event.entity_id: event.key for event in _owed(seen).values()}
    stored_last = {row.entity_id: row.key for row in seen.rows if row.key in known}
    stale = [
        entity
        for entity, key in last.items()
        if entity in stored_last and known[stored_last[entity]] < known[key]
    ]
    if not wrong and not stale:
        return passed(f"{len(serials)} entities end with their last state")
    return failed(
        f"{len(wrong)} entities are out of order, {len(stale)} end with an old state",
        _shown([*wrong, *stale]),
    )


def say_hard_values(world: World) -> None:
    """Make changes that are hard to store."""
    place = len(world.told)
    world.told += world.traffic.say(
        {
            "entity_id": f"sensor.{world.traffic.run_id}_hard{number}",
            "state": state,
            "attributes": {**attributes, "place": place},
        }
        for number, (state, attributes) in enumerate(_HARD_VALUES)
    )


def _shown(texts: Iterable[str]) -> str:
    listed = list(texts)
    more = len(listed) - _SHOWN
    return "; ".join(listed[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")


CHECKS = (
    Check(
        name="no-loss",
        promise="All that Home Assistant sent or recorded is stored.",
        judge=no_loss,
        reads=("sent", "rows"),
    ),
    Check(
        name="no-duplicate",
        promise="No event is stored twice, and nothing that nobody sent.",
        judge=no_duplicate,
        reads=("sent", "rows"),
    ),
    Check(
        name="values-equal",
        promise="States, numbers and attributes are stored as they were.",
        judge=values_equal,
        populate=say_hard_values,
        perturb=say_hard_values,
        reads=("sent", "rows"),
    ),
    Check(
        name="order",
        promise="Each entity's rows follow each other as its changes did.",
        judge=in_order,
        reads=("sent", "rows"),
    ),
)
