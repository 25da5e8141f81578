"""What was sent is stored, once, as it was, in order."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from stackproof.oracle import Attributes, Flaw

from ...simulator import Sent
from ..observation import Observation, Row, Told
from ..world import World
from .check import Check, Finding, by_oracle, failed, undecided

_SHOWN = 3
_MAX_ATTRIBUTES_BYTES = 16 * 1024
_LEAST_SECONDS = 2
_WORDS = {"on": 1.0, "off": 0.0}
_HARD_VALUES: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("grün 🌡 ½ \\ \" ' , =", {"k": 'ü\n\t\\ " 🌡', "n": [1, 2.5, None, True]}),
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


def no_loss(seen: Observation) -> Finding:
    """Judge that all that the source sent or recorded is stored."""
    judgement = seen.judgement
    if judgement is None:
        return undecided("there is no history to be judged")
    tally = judgement.tally
    too_few = tally.acknowledged < seen.rate * _LEAST_SECONDS
    if too_few and not judgement.count(Flaw.LOST):
        return undecided(
            f"only {tally.acknowledged} events were sent: too few to say anything"
        )
    facts = {
        "events": tally.acknowledged,
        "lost_events": judgement.count(Flaw.LOST),
        "recorded_only_rows": tally.recorded_attributes,
        "loss_window_ms": judgement.loss.longest_ms,
    }
    return by_oracle(
        seen,
        Flaw.LOST,
        observed=f"all {tally.acknowledged} events are stored",
        facts=facts,
    )


def no_duplicate(seen: Observation) -> Finding:
    """Judge that no event is stored twice, and nothing that nobody sent."""
    return by_oracle(
        seen,
        Flaw.DUPLICATED,
        Flaw.UNEXPECTED,
        observed=f"{len(seen.rows)} rows, each of another event",
    )


def values_equal(seen: Observation) -> Finding:
    """Judge that states, values and attributes are what the source had."""
    rows = {row.key: row for row in seen.rows}
    exact = [(told, rows[told.key]) for told in seen.told if told.key in rows]
    if not exact:
        return undecided("none of the changes with known values is stored")
    wrong = [problem for told, row in exact for problem in differences(told, row)]
    if wrong:
        return failed(f"{len(wrong)} values differ", _shown(wrong))
    return by_oracle(
        seen,
        Flaw.CORRUPTED,
        observed=f"{len(rows)} states and {len(exact)} changes in full are equal",
    )


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
    if row.attributes not in {Attributes.LIVE, Attributes.BOTH}:
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
    """Judge that each entity's rows follow each other, and the last is the last."""
    owed = [event for event in seen.sent if event.on_wire or event.recorded]
    last = {event.entity_id: event for event in sorted(owed, key=_by_time)}
    stored = {row.entity_id: row for row in sorted(seen.rows, key=_by_time)}
    stale = [
        entity
        for entity, event in last.items()
        if entity in stored and stored[entity].time_us < event.time_us
    ]
    if stale:
        return failed(f"{len(stale)} entities end with an old state", _shown(stale))
    return by_oracle(
        seen,
        Flaw.REORDERED,
        observed=f"{len(stored)} entities end with their last state",
    )


def _by_time(event: Sent | Row) -> int:
    return event.time_us


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
