r"""InfluxDB line protocol, written by hand. Pure.

The rules are those that InfluxDB 2.7.12 enforces: a tag value is not empty, holds no
newline and does not end in a backslash; a string field escapes `"` and `\` and may
hold newlines; a float is finite; a series key, with a separator and the name of the
longest field, has at most 65,535 bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from .errors import PointRefused, Reason

__all__ = [
    "MAX_SERIES_KEY_BYTES",
    "MAX_STRING_BYTES",
    "Field",
    "field_value",
    "line",
    "quoted",
    "series_key",
]

Field = float | int | str | bool

# InfluxDB's 65,535 less its 4-byte separator and 64 bytes for a field's name.
MAX_SERIES_KEY_BYTES = 65_467
# Longer string fields are dropped by InfluxDB with 422.
MAX_STRING_BYTES = 1_048_576
# A character takes at most 4 bytes in UTF-8, so shorter text needs no exact count.
_BYTES_PER_CHARACTER = 4

_MEASUREMENT = str.maketrans({",": r"\,", " ": r"\ "})
_KEY = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ "})


def series_key(measurement: str, tags: Mapping[str, str]) -> str:
    """Return the escaped measurement and tags, sorted by tag key.

    Raises:
        PointRefused: a name or a tag value that line protocol cannot carry, or a key
            that is too long.
    """
    parts = [_checked(measurement, "measurement").translate(_MEASUREMENT)]
    for key, value in sorted(tags.items()):
        name = _checked(key, "tag key").translate(_KEY)
        parts.append(f"{name}={_checked(value, f'tag {key}').translate(_KEY)}")
    joined = ",".join(parts)
    if _too_long(joined, MAX_SERIES_KEY_BYTES):
        raise PointRefused(
            Reason.SERIES_KEY_TOO_LONG, f"more than {MAX_SERIES_KEY_BYTES} bytes"
        )
    return joined


def quoted(text: str) -> str:
    """Return text as a string field value.

    Raises:
        PointRefused: the text is longer than InfluxDB takes.
    """
    if _too_long(text, MAX_STRING_BYTES):
        raise PointRefused(
            Reason.STRING_TOO_LONG, f"more than {MAX_STRING_BYTES} bytes"
        )
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    return '"' + text.replace('"', '\\"') + '"'


def field_value(value: Field) -> str:
    """Return a field value in the notation of its own type.

    Raises:
        PointRefused: a float that is not finite, or a text that is too long.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return f"{value}i"
        case float():
            if not isfinite(value):
                raise PointRefused(Reason.BAD_ATTRIBUTES, f"{value} is not finite")
            return repr(value)
        case str():
            return quoted(value)


def line(key: str, fields: Mapping[str, Field], time_us: int) -> bytes:
    """Return one line, without its newline.

    Args:
        key: what `series_key` returned.
        fields: at least one field; the names are constants of this package.
        time_us: integer microseconds since 1970.

    Raises:
        PointRefused: a field value that line protocol cannot carry.
    """
    written = ",".join(
        f"{name.translate(_KEY)}={field_value(value)}" for name, value in fields.items()
    )
    return f"{key} {written} {time_us}".encode()


def _checked(text: str, what: str) -> str:
    if not text:
        raise PointRefused(Reason.BAD_ENTITY_ID, f"{what} is empty")
    if "\n" in text:
        raise PointRefused(Reason.BAD_ENTITY_ID, f"{what} holds a newline")
    if text[-1] == "\\":
        raise PointRefused(Reason.BAD_ENTITY_ID, f"{what} ends in a backslash")
    return text


def _too_long(text: str, limit: int) -> bool:
    if len(text) * _BYTES_PER_CHARACTER <= limit:
        return False
    return len(text.encode()) > limit
