"""Rows of InfluxDB become events again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

__all__ = ["StoredEvent", "event_of"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_WEATHER = "w_"
_WORDS = frozenset({"condition"})
_RECORDED_TRUNCATED = "attrs_recorded_truncated"


class StoredEvent(Struct, frozen=True, kw_only=True):
    """One event as it is stored; `time` and `time_us` are the same moment."""

    time: str
    time_us: int
    entity_id: str
    domain: str
    state: str
    value: float | None
    unit: str | None
    last_changed_us: int | None
    attributes: Any
    attributes_truncated: bool
    removed: bool
    weather: dict[str, float | str] | None


def event_of(row: Mapping[str, str]) -> StoredEvent:
    """Return the event of a row of `queries.recent_events`; empty cells are absent.

    Attributes are those of the live event, else those that history kept.
    """
    moment = datetime.fromisoformat(row["_time"])
    value, changed = row.get("value", ""), row.get("last_changed", "")
    live, recorded = row.get("attrs", ""), row.get("attrs_recorded", "")
    cut = [row.get("attrs_truncated"), "" if live else row.get(_RECORDED_TRUNCATED)]
    return StoredEvent(
        time=moment.astimezone(UTC).isoformat(timespec="microseconds"),
        time_us=(moment - _EPOCH) // _MICROSECOND,
        entity_id=row.get("entity_id", ""),
        domain=row.get("domain", ""),
        state=row.get("state", ""),
        value=float(value) if value else None,
        unit=row.get("unit") or None,
        last_changed_us=int(changed) if changed else None,
        attributes=_decoded(live or recorded),
        attributes_truncated="true" in cut,
        removed=row.get("removed") == "true",
        weather=_weather_of(row),
    )


def _decoded(text: str) -> Any:
    if not text:
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        # Written by somebody else: shown as it is stored.
        return text


def _weather_of(row: Mapping[str, str]) -> dict[str, float | str] | None:
    found: dict[str, float | str] = {}
    for column, text in row.items():
        name = column.removeprefix(_WEATHER)
        if text and name != column:
            found[name] = text if name in _WORDS else float(text)
    return found or None
