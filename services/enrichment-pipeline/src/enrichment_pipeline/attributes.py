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
# Bytes of JSON before and behind white space between tokens, see `_only_in_texts`.
_ENDS = frozenset(b'{}[],:"')
_BEGINS = frozenset(b",}]")


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
    """Tell whether a JSON object has no white space outside of strings."""
    words = raw.split()
    if len(words[0]) == len(raw):
        return True
    return raw[-1:] == b"}" and (_only_in_texts(words) or _none_outside(raw))


def _only_in_texts(words: list[bytes]) -> bool:
    """Tell whether no white space can be outside of strings, by what it stands between.

    Outside it follows a bracket, a comma, a colon or the end of a string; or a number
    or a literal, and then a comma or a closing bracket follows. Names such as "Living
    Room" do not look like that; False says nothing.
    """
    last = words[0][-1]
    for word in words[1:]:
        if last in _ENDS or word[0] in _BEGINS:
            return False
        last = word[-1]
    return True


def _none_outside(raw: bytes) -> bool:
    if b"\\" in raw:
        return False
    outside = b"".join(raw.split(b'"')[::2])
    return len(outside.translate(None, _WHITESPACE)) == len(outside)
