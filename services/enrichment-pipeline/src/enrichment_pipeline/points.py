"""From a state change to its line of the measurement `state`. Pure; the hot path.

The key of a point is (entity_id, time in µs): tags are the entity and its domain only,
so sending an event again overwrites itself. See `normalize` for the meaning of `value`.

Attributes from the recorder have a field of their own: history leaves some out, and
whichever comes last, those of the live event stay.

No text field is ever empty. Flux of InfluxDB 2.7 drops empty texts from a column and
moves the following ones to other times, or panics (influxdata/influxdb#26916); an
empty state is a flag instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from .attributes import MAX_ATTRIBUTES_BYTES, compact, unit_of
from .errors import PointRefused, Reason
from .events import Change, parse_time_us
from .lineprotocol import quoted, series_key
from .normalize import domain_of, value_of

__all__ = ["MEASUREMENT", "Key", "PointBuilder", "WeatherAt", "with_recorded"]

Key = tuple[str, int]
# Returns the weather fields for a time in µs, each with a leading comma, or "".
WeatherAt = Callable[[int], str]

MEASUREMENT = "state"
# Home Assistant expects at most 16,384 entities; when full the cache starts anew.
_MAX_CACHED_ENTITIES = 32_768
# Entity ids as Home Assistant makes them, which need no check and no escape: with
# more entities than the cache holds, each event makes its key anew.
_PLAIN_ENTITY_ID = re.compile(r"[a-z0-9_]{1,255}\.[a-z0-9_]{1,255}")
# Names of fields: attributes of a live event or snapshot, and of a recorded one.
_LIVE = "attrs"
_RECORDED = "attrs_recorded"


class PointBuilder:
    """Builds lines; remembers the escaped series key of each entity it has seen."""

    def __init__(self, weather_at: WeatherAt) -> None:
        self._weather_at = weather_at
        self._prefixes: dict[str, str] = {}

    def build(self, change: Change, *, recorded: bool = False) -> tuple[Key, str]:
        """Return the point's key and its line, without the newline.

        Args:
            change: what happened.
            recorded: it was read back from Home Assistant's history.

        Raises:
            PointRefused: the event cannot be stored; the reason is typed.
        """
        entity_id = change.entity_id
        prefix = self._prefixes.get(entity_id) or self._prefix(entity_id)
        time_us = parse_time_us(change.time)
        weather = self._weather_at(time_us)
        state = change.state
        if state is None:
            text = f"{prefix}removed=true{weather} {time_us}"
            return (entity_id, time_us), text
        attributes = _attributes_fields(
            bytes(change.attributes), _RECORDED if recorded else _LIVE
        )
        text_field = f"state={quoted(state)}" if state else "state_empty=true"
        fields = f"{text_field}{attributes}"
        if change.last_changed == change.time:
            fields = f"{fields},last_changed={time_us}i"
        elif change.last_changed:
            fields = f"{fields},last_changed={parse_time_us(change.last_changed)}i"
        value = value_of(state)
        if value is not None:
            fields = f"{fields},value={value!r}"
        return (entity_id, time_us), f"{prefix}{fields}{weather} {time_us}"

    def _prefix(self, entity_id: str) -> str:
        domain = domain_of(entity_id)
        if _PLAIN_ENTITY_ID.fullmatch(entity_id):
            key = f"{MEASUREMENT},domain={domain},entity_id={entity_id}"
        elif domain == entity_id:
            raise PointRefused(Reason.BAD_ENTITY_ID, f"{entity_id[:64]!r} has no dot")
        else:
            key = series_key(MEASUREMENT, {"domain": domain, "entity_id": entity_id})
        if len(self._prefixes) >= _MAX_CACHED_ENTITIES:
            self._prefixes.clear()
        self._prefixes[entity_id] = prefix = f"{key} "
        return prefix


def with_recorded(text: str, key: Key, recorded: Change) -> str:
    """Return the line of a live event with the recorder's attributes beside its own.

    Args:
        text: the line that `PointBuilder.build` made of the live event.
        key: the key that came with it.
        recorded: the same event, read back from history.

    Raises:
        PointRefused: the attributes cannot be stored.
    """
    fields, _ = _attributes(bytes(recorded.attributes), _RECORDED)
    end = f" {key[1]}"
    return f"{text.removesuffix(end)}{fields}{end}"


def _attributes_fields(raw: bytes, name: str) -> str:
    """Return attributes and unit as fields, each with a leading comma."""
    attributes, unit = _attributes(raw, name)
    return f"{attributes},unit={quoted(unit)}" if unit else attributes


def _attributes(raw: bytes, name: str) -> tuple[str, str]:
    """Return the attributes as fields with a leading comma, and the unit in them."""
    if not raw or raw == b"null":
        return "", ""
    text = compact(raw)
    unit = unit_of(text)
    if len(text) > MAX_ATTRIBUTES_BYTES:
        return f",{name}_truncated=true", unit
    try:
        return f",{name}={quoted(str(text, 'utf-8'))}", unit
    except UnicodeDecodeError as err:
        raise PointRefused(Reason.BAD_ATTRIBUTES, str(err)) from err
