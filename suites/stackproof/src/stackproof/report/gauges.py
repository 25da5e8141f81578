"""Compare what was used with what was allowed: memory and time to stop (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_NEAR = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """One bar.

    Attributes:
        share: used part of what is allowed, 0 to 1; more is drawn as 1.
        level: ok, near (above 80 %) or over.
    """

    service: str
    used: str
    allowed: str
    share: float
    level: str


def memory_gauges(checks: Iterable[Mapping[str, Any]]) -> list[Gauge]:
    """Return each service's peak of memory against its limit."""
    return _gauges(checks, "memory_peak_bytes", "memory_limit_bytes", human_bytes)


def stop_gauges(checks: Iterable[Mapping[str, Any]]) -> list[Gauge]:
    """Return each service's time to stop against its grace period."""
    return _gauges(checks, "stop_seconds", "grace_seconds", "{:.2f} s".format)


def human_bytes(number: float) -> str:
    """Return a size as people read it."""
    size = float(number)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.2f} GiB"


def _gauges(
    checks: Iterable[Mapping[str, Any]], used: str, allowed: str, show: Any
) -> list[Gauge]:
    worst: dict[str, tuple[float, float]] = {}
    for check in checks:
        service = check["subject"]["service"]
        one, other = check["facts"].get(used), check["facts"].get(allowed)
        if not service or not _number(one) or not _number(other) or other <= 0:
            continue
        seen = worst.get(service)
        if seen is None or one / other > seen[0] / seen[1]:
            worst[service] = (float(one), float(other))
    return [
        Gauge(
            service=service,
            used=show(one),
            allowed=show(other),
            share=min(1.0, max(0.0, one / other)),
            level="over" if one > other else "near" if one > _NEAR * other else "ok",
        )
        for service, (one, other) in sorted(worst.items())
    ]


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
