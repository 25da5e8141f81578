"""What a Home Assistant state means as a number, and in which unit. Pure tables.

A field has one type for ever, by its name: `value` is a float or is absent, `state`
is always the raw text.
"""

from __future__ import annotations

from math import isfinite
from types import MappingProxyType

__all__ = [
    "WORDS",
    "domain_of",
    "pressure_in_hectopascal",
    "temperature_in_celsius",
    "value_of",
    "wind_speed_in_metres_per_second",
]

# States that are words for a number; every other word has no value.
WORDS = MappingProxyType(
    {
        "on": 1.0,
        "off": 0.0,
        "open": 1.0,
        "closed": 0.0,
        "home": 1.0,
        "not_home": 0.0,
        "locked": 1.0,
        "unlocked": 0.0,
        "true": 1.0,
        "false": 0.0,
        "unknown": None,
        "unavailable": None,
    }
)
# What a number can start with; spares most words the cost of a failed `float()`.
_NUMBER_STARTS = frozenset("0123456789+-.")

# Weather values are stored in °C, %, hPa and m/s, as (factor, offset).
_CELSIUS = MappingProxyType(
    {"°C": (1.0, 0.0), "°F": (5 / 9, -160 / 9), "K": (1.0, -273.15)}
)
_HECTOPASCAL = MappingProxyType(
    {
        "hPa": (1.0, 0.0),
        "mbar": (1.0, 0.0),
        "Pa": (0.01, 0.0),
        "kPa": (10.0, 0.0),
        "bar": (1000.0, 0.0),
        "inHg": (33.863886666667, 0.0),
        "mmHg": (1.333223684211, 0.0),
        "psi": (68.947572931684, 0.0),
    }
)
_METRES_PER_SECOND = MappingProxyType(
    {
        "m/s": (1.0, 0.0),
        "km/h": (1 / 3.6, 0.0),
        "mph": (0.44704, 0.0),
        "kn": (0.514444444444, 0.0),
        "ft/s": (0.3048, 0.0),
    }
)


def value_of(state: str) -> float | None:
    """Return the number that a state stands for, or None when it is no number.

    Numbers are what `float()` takes, finite, and without Python's `_` separators;
    words are those of `WORDS`.
    """
    if state in WORDS:
        return WORDS[state]
    if state[:1] not in _NUMBER_STARTS:
        return None
    try:
        number = float(state)
    except ValueError:
        return None
    return number if isfinite(number) and "_" not in state else None


def domain_of(entity_id: str) -> str:
    """Return the part of an entity id before the first dot; empty when none."""
    return entity_id.partition(".")[0]


def temperature_in_celsius(value: float | None, unit: str) -> float | None:
    """Convert a temperature to °C; None for an unknown unit."""
    return _converted(value, _CELSIUS.get(unit))


def pressure_in_hectopascal(value: float | None, unit: str) -> float | None:
    """Convert a pressure to hPa; None for an unknown unit."""
    return _converted(value, _HECTOPASCAL.get(unit))


def wind_speed_in_metres_per_second(value: float | None, unit: str) -> float | None:
    """Convert a wind speed to m/s; None for an unknown unit, as Beaufort is."""
    return _converted(value, _METRES_PER_SECOND.get(unit))


def _converted(value: float | None, scale: tuple[float, float] | None) -> float | None:
    if value is None or scale is None:
        return None
    factor, offset = scale
    return value * factor + offset
