"""Durations as Compose prints them ("1m30s", "500ms") in seconds."""

from __future__ import annotations

import re

from .errors import ModelError

_SECONDS = {
    "h": 3600.0,
    "m": 60.0,
    "s": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,
    "ns": 1e-9,
}
_PART = re.compile(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


def parse_duration(text: str) -> float:
    """Return the seconds that a Go duration such as "1m30s" says.

    Raises:
        ModelError: the text is no duration. A bare number other than 0 has no unit and
            is none either.
    """
    if text == "0":
        return 0.0
    if not _WHOLE.fullmatch(text):
        subject = f"duration {text!r}"
        raise ModelError(subject, "expected a number and a unit such as 10s or 1m30s")
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
