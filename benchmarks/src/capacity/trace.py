"""A recorded trace: when events came, one JSON value a line.

A line is a number of seconds, or an object with `at` in seconds or `last_updated_us`
in µs, as the simulator's ledger has it. Times never fall; where they begin and how
fast they pass does not matter, for a trial stretches them to its rate.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from .errors import TraceUnusable

__all__ = ["MOST_EVENTS", "RecordedTrace", "parse_trace", "read_trace"]

MOST_EVENTS: Final = 100_000
"""What one control request of the simulator carries."""
_FIX: Final = (
    'write a number of seconds, {"at": seconds} or {"last_updated_us": microseconds}'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedTrace:
    """Offsets in seconds from the first event; after `period` they begin anew."""

    offsets: tuple[float, ...] = ()
    period: float = 1.0
    name: str = ""


def read_trace(file: Path) -> RecordedTrace:
    """Return a trace; its name has the start of the content's digest.

    Raises:
        TraceUnusable: the file cannot be read, or is no trace.
    """
    try:
        content = file.read_bytes()
    except OSError as err:
        raise TraceUnusable(
            str(file), err.strerror or repr(err), fix="name a file that can be read"
        ) from err
    return parse_trace(content, file=str(file))


def parse_trace(content: bytes, *, file: str) -> RecordedTrace:
    """Return the trace that a file holds (pure); it repeats after one mean gap.

    Raises:
        TraceUnusable: a line is of another shape, or the whole makes no trace.
    """
    times: list[float] = []
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        moment = _moment(line, file=file, number=number)
        if times and moment < times[-1]:
            raise TraceUnusable(
                file,
                f"{moment!r} s is before {times[-1]!r} s",
                fix="sort the lines by time",
                line=number,
            )
        times.append(moment)
        if len(times) > MOST_EVENTS:
            raise TraceUnusable(
                file,
                f"more than {MOST_EVENTS:,} events",
                fix="cut it: a trial repeats a shorter one",
                line=number,
            )
    length = times[-1] - times[0] if times else 0.0
    if length <= 0:
        raise TraceUnusable(
            file,
            f"{len(times)} events in {length:g} s make no rate",
            fix="record at least two events at different times",
        )
    digest = hashlib.sha256(content).hexdigest()[:12]
    return RecordedTrace(
        offsets=tuple(moment - times[0] for moment in times),
        period=length * len(times) / (len(times) - 1),
        name=f"{Path(file).name} ({len(times)} events, sha256 {digest})",
    )


def _moment(line: bytes, *, file: str, number: int) -> float:
    """Return the time of one line in seconds."""
    try:
        value = msgspec.json.decode(line)
    except msgspec.DecodeError as err:
        raise TraceUnusable(file, f"no JSON: {err}", fix=_FIX, line=number) from err
    scale = 1.0
    if isinstance(value, dict):
        if "last_updated_us" in value:
            value, scale = value["last_updated_us"], 1e-6
        else:
            value = value.get("at")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value):
        raise TraceUnusable(file, f"no time: {value!r:.60}", fix=_FIX, line=number)
    return float(value) * scale
