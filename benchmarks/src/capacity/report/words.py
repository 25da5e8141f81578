"""Numbers as a person reads them: few digits, the unit that fits (pure)."""

from __future__ import annotations

import math

__all__ = [
    "bytes_text",
    "cores_text",
    "days_text",
    "duration",
    "memory_text",
    "milliseconds",
    "number",
    "per_event",
    "percent",
    "plural",
    "rate",
    "rate_range",
]

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


def number(value: float, digits: int = 3) -> str:
    """Return a number with so many significant digits and thousands separated."""
    if value == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, places)
    text = f"{rounded:,.{max(0, places)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def rate(value: float) -> str:
    """Return "1,840 events/s"."""
    return f"{number(value)} events/s"


def rate_range(low: float, high: float) -> str:
    """Return "430\N{EN DASH}470 events/s"."""
    return f"{number(low)}\N{EN DASH}{number(high)} events/s"


def milliseconds(value: float) -> str:
    """Return "180 ms", or from a second on "1.2 s"."""
    if value >= 1000:
        return f"{number(value / 1000)} s"
    if value >= 1:
        return f"{number(value)} ms"
    return f"{number(value * 1000)} \N{MICRO SIGN}s"


def duration(seconds: float) -> str:
    """Return "45 s", "14 min", "2.5 h" or "61 days"."""
    if seconds < 1.5 * _MINUTE:
        return f"{number(seconds, 2)} s"
    if seconds < 1.5 * _HOUR:
        return f"{number(seconds / _MINUTE, 2)} min"
    if seconds < 2 * _DAY:
        return f"{number(seconds / _HOUR, 2)} h"
    return days_text(seconds / _DAY)


def days_text(days: float) -> str:
    """Return "61 days", or years where they are many."""
    if days >= 3 * 365:
        return f"{number(days / 365, 2)} years"
    return plural(number(days, 2) if days < 10 else f"{days:,.0f}", "day")


def bytes_text(value: float) -> str:
    """Return "35.4 GB": decimal, as disks are sold."""
    return _scaled(value, 1000.0, ("B", "kB", "MB", "GB", "TB", "PB"))


def memory_text(value: float) -> str:
    """Return "512 MiB": binary, as memory limits are set."""
    return _scaled(value, 1024.0, ("B", "KiB", "MiB", "GiB", "TiB"))


def _scaled(value: float, step: float, units: tuple[str, ...]) -> str:
    unit = 0
    while value >= step * 0.9995 and unit < len(units) - 1:
        value, unit = value / step, unit + 1
    return f"{number(value)} {units[unit]}"


def cores_text(value: float) -> str:
    """Return "0.5 cores"."""
    return plural(number(value, 2), "core")


def per_event(cpu_s: float) -> str:
    """Return CPU time of one event: "31 \N{MICRO SIGN}s"."""
    return milliseconds(cpu_s * 1000)


def percent(share: float, digits: int = 3) -> str:
    """Return "99.4 %" of 0.994."""
    return f"{number(100 * share, digits)} %"


def plural(amount: str | int, noun: str) -> str:
    """Return "1 day", "2 days"."""
    return f"{amount} {noun}" if str(amount) == "1" else f"{amount} {noun}s"
