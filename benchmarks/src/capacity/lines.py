"""Lines like those that the stack has stored, with times and entities of our own. Pure.

The services' encoder may not be imported, so stored points are read back and written
down again: same measurement, tags, fields and texts. What differs from event to event
differs here too, the entity, the time, the serial and the number that is its state, so
that the database can compress them no better than the real ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .errors import NotEnoughData

__all__ = ["Lines", "moulds_of"]

MEASUREMENT: Final = "state"
FIRST: Final = ("state", "attrs", "unit", "last_changed", "value")
"""The order in which the services write these fields; others come after them."""
# Stand for what differs; no text of Home Assistant holds them.
_SERIAL: Final = "\x01"
_TIME: Final = "\x02"
_STATE: Final = "\x03"
_SERIALS: Final = re.compile(r'("serial":)\d+')
_TIMES: Final = re.compile(r'("intended_us":)\d+')
_TENTHS: Final = re.compile(r"\d+\.\d")
_WHOLE: Final = re.compile(r"\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Line i is at `start_us` + i * `step_us`; `moulds` and `entities` take turns."""

    moulds: Sequence[str]
    entities: Sequence[str]
    start_us: int
    step_us: float

    def batch(self, first: int, count: int) -> bytes:
        """Return lines `first` to `first` + `count`, without a newline at the end."""
        return "\n".join(self._line(i) for i in range(first, first + count)).encode()

    def _line(self, number: int) -> str:
        serial = number + 1
        time = str(self.start_us + round(number * self.step_us))
        fields = (
            self.moulds[number % len(self.moulds)]
            .replace(_SERIAL, str(serial))
            .replace(_STATE, f"{serial // 10}.{serial % 10}")
            .replace(_TIME, time)
        )
        entity = self.entities[number % len(self.entities)]
        domain = entity.partition(".")[0]
        return f"{MEASUREMENT},domain={domain},entity_id={entity} {fields} {time}"


def moulds_of(
    rows: Sequence[tuple[int, Mapping[str, Any]]],
) -> tuple[str, ...]:
    """Return the fields of stored points, with gaps for what differs.

    Args:
        rows: the time of each point in microseconds, and its fields.

    Raises:
        NotEnoughData: there is no point.
    """
    found = {_mould(time_us, fields) for time_us, fields in rows}
    if not found:
        raise NotEnoughData("lines like the stored ones", 1, 0)
    return tuple(sorted(found))


def _mould(time_us: int, fields: Mapping[str, Any]) -> str:
    gaps = _gaps(str(fields.get("state", ""))) if "value" in fields else {}
    names = [name for name in FIRST if name in fields]
    names += sorted(set(fields) - set(FIRST))
    parts = []
    for name in names:
        value = fields[name]
        if name in gaps:
            text = gaps[name]
        elif value == time_us and isinstance(value, int):
            text = f"{_TIME}i"
        else:
            text = _encoded(value)
        parts.append(f"{name}={text}")
    return ",".join(parts)


def _gaps(state: str) -> dict[str, str]:
    """Return what stands for a state that is a number, and for its value."""
    if _TENTHS.fullmatch(state):
        return {"state": f'"{_STATE}"', "value": _STATE}
    if _WHOLE.fullmatch(state):
        return {"state": f'"{_SERIAL}"', "value": f"{_SERIAL}.0"}
    return {}


def _encoded(value: object) -> str:
    """Return a field as the services encode it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value}i"
    if isinstance(value, float):
        return repr(value)
    text = _SERIALS.sub(rf"\1{_SERIAL}", str(value))
    text = _TIMES.sub(rf"\1{_TIME}", text)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
