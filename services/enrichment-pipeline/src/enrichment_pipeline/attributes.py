"""The raw JSON of an entity's attributes: kept as text, decoded as little as possible.

Pure.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from .errors import PointRefused, Reason

__all__ = [
    "MAX_ATTRIBUTES_BYTES",
    "WeatherAttributes",
    "compact",
    "unit_of",
    "weather_of",
]

# Longer attributes are left out and flagged; a few integrations ship whole images.
MAX_ATTRIBUTES_BYTES = 16 * 1024
_WHITESPACE = b" \t\n\r"


class WeatherAttributes(Struct, frozen=True, kw_only=True):
    """What a weather entity tells, in the units it names."""

    temperature: float | None = None
    temperature_unit: str = ""
    humidity: float | None = None
    pressure: float | None = None
    pressure_unit: str = ""
    wind_speed: float | None = None
    wind_speed_unit: str = ""


class _Unit(Struct):
    unit_of_measurement: str | None = None


_unit = msgspec.json.Decoder(_Unit)
_weather = msgspec.json.Decoder(WeatherAttributes)
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def compact(raw: bytes) -> bytes:
    """Return a JSON object without white space between its tokens.

    Home Assistant sends compact JSON, whose bytes are reused; white space is looked
    for outside of strings only. Other spellings are re-encoded.

    Raises:
        PointRefused: the bytes are no JSON object.
    """
    if raw[:1] != b"{":
        raise PointRefused(Reason.BAD_ATTRIBUTES, "the attributes are no JSON object")
    if _is_compact(raw):
        return raw
    try:
        return msgspec.json.format(raw, indent=-1)
    except _UNREADABLE as err:
        raise PointRefused(Reason.BAD_ATTRIBUTES, str(err)) from err


def unit_of(raw: bytes) -> str:
    """Return `unit_of_measurement`, or an empty text when there is none."""
    if b"unit_of_measurement" not in raw:
        return ""
    try:
        return _unit.decode(raw).unit_of_measurement or ""
    except _UNREADABLE:
        return ""


def weather_of(raw: Raw) -> WeatherAttributes | None:
    """Return the attributes of a weather entity, or None when they are of no use."""
    try:
        return _weather.decode(raw)
    except _UNREADABLE:
        return None


def _is_compact(raw: bytes) -> bool:
    # Splitting looks for white space, and copies nothing where there is none.
    if len(raw.split(None, 1)[0]) == len(raw):
        return True
    if b"\\" in raw:
        return False
    outside = b"".join(raw.split(b'"')[::2])
    return len(outside.translate(None, _WHITESPACE)) == len(outside)
