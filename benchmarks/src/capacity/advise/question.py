"""What is asked: a load, how long it is kept, and what it must survive (pure)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

from ..errors import UsageError

__all__ = ["Question", "parse_count", "parse_days", "parse_rate", "parse_seconds"]

_AMOUNT: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")
_DAYS: Final = {"h": 1 / 24, "d": 1.0, "": 1.0, "w": 7.0, "m": 30.0, "y": 365.0}
_SECONDS: Final = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Events/s, entities, days that data are kept, and seconds of outage to survive.

    `retention_days` 0 keeps them for ever; `outage_s` None asks for no length.
    """

    rate: float
    entities: int
    retention_days: float
    outage_s: float | None = None


def parse_rate(text: str) -> float:
    """Return events/s.

    Raises:
        UsageError: it is no number above 0.
    """
    return _above_zero("--rate", text, example="--rate 300")


def parse_count(text: str) -> int:
    """Return a number of entities.

    Raises:
        UsageError: it is no whole number above 0.
    """
    value = _above_zero("--entities", text, example="--entities 1000")
    if not value.is_integer():
        raise UsageError(f"--entities {text}: a whole number is meant")
    return int(value)


def parse_days(text: str) -> float:
    """Return the days of "30d", "12h", "8w", "6m", "1y" or "90"; 0 for "forever".

    Raises:
        UsageError: it is none of them.
    """
    if text.strip().lower() in {"0", "forever"}:
        return 0.0
    return _amount("--retention", text, _DAYS, "30d, 8w, 6m, 1y, or forever")


def parse_seconds(text: str) -> float:
    """Return the seconds of "90s", "30min", "4h" or "2d".

    Raises:
        UsageError: it is none of them.
    """
    return _amount("--survive", text, _SECONDS, "30min, 4h, or 2d")


def _amount(option: str, text: str, units: dict[str, float], examples: str) -> float:
    found = _AMOUNT.fullmatch(text.strip().lower())
    if found is None or found[2] not in units or float(found[1]) == 0:
        raise UsageError(f"{option} {text}: a time is meant, for example {examples}")
    return float(found[1]) * units[found[2]]


def _above_zero(option: str, text: str, *, example: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value <= 0:
        raise UsageError(f"{option} {text}: a number above 0 is meant, as in {example}")
    return value
