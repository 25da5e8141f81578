"""Write down what a Home Assistant says so that two of them can be compared.

Pure. What differs from run to run gets a name by the order of its first appearance:
the same instant is `<time 1>` wherever it stands, as text and as seconds, so a
transcript still shows which times and ids are equal. The order of keys and the shape
of frames are kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Any, Final

from .homeassistant import micros

_TIMES: Final = frozenset(
    {
        "end_time",
        "last_changed",
        "last_reported",
        "last_updated",
        "lc",
        "lu",
        "start_time",
        "time_fired",
    }
)
_VERSIONS: Final = frozenset({"ha_version", "version"})
_ISO: Final = re.compile(
    r"\d{4}-(0\d|1[012])-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d(\.\d{6})?\+00:00"
)
_ULID: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_USER: Final = re.compile(r"[0-9a-f]{32}")
_WRITTEN_OUT: Final = frozenset({"Message incorrectly formatted."})
"""The texts of `invalid_format` that do not come from a schema library."""
_NO_MORE: Final = "(nothing more)"
_BEFORE: Final = 2
_SHOWN: Final = 60
_LONGEST: Final = 600


class Notation:
    """Names values; one for each transcript.

    Args:
        own: what the object ids of the script's entities begin with; other entities
            are left out of lists of states.
        masked: keys whose values a test made up itself, so they need not be equal.
    """

    def __init__(self, *, own: str, masked: frozenset[str] = frozenset()) -> None:
        self._own = own
        self._masked = masked
        self._names: dict[str, dict[object, str]] = {}

    def write(self, document: Any) -> str:
        """Return a message, or an array of them, as one line of JSON."""
        return json.dumps(self._plain(document, ""), ensure_ascii=False)

    def _plain(self, value: Any, key: str) -> Any:
        if key in self._masked and value is not None:
            return f"<{key}>"
        match value:
            case dict():
                return {name: self._plain(part, name) for name, part in _told(value)}
            case list():
                return [self._plain(part, key) for part in value if self._is_own(part)]
            case str():
                return self._text(value, key)
            case float() if key in _TIMES:
                return f"{self._time(to_iso(value))} in seconds"
            case _:
                return value

    def _text(self, text: str, key: str) -> str:
        if key == "access_token":
            return "<token>"
        if key in _VERSIONS:
            return "<version>"
        if key in _TIMES and _ISO.fullmatch(text):
            return self._time(text)
        if key == "id" and _ULID.fullmatch(text):
            return self._name("context", text)
        if key == "user_id" and _USER.fullmatch(text):
            return self._name("user", text)
        return text

    def _time(self, stamp: str) -> str:
        return self._name("time", micros(stamp))

    def _name(self, kind: str, value: object) -> str:
        names = self._names.setdefault(kind, {})
        return names.setdefault(value, f"<{kind} {len(names) + 1}>")

    def _is_own(self, part: Any) -> bool:
        """Tell if an element of a list is no state, or a state of the script's."""
        if not isinstance(part, dict) or "entity_id" not in part:
            return True
        return str(part["entity_id"]).partition(".")[2].startswith(self._own)


def to_iso(seconds: float) -> str:
    """Return the ISO text of seconds since 1970, rounded to microseconds as HA does."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def to_seconds(stamp: str) -> float:
    """Return an ISO text as seconds since 1970, as near as a float comes."""
    return datetime.fromisoformat(stamp).timestamp()


def shifted(stamp: str, microseconds: int) -> str:
    """Return the ISO text of an instant some microseconds later."""
    later = datetime.fromisoformat(stamp) + timedelta(microseconds=microseconds)
    return later.isoformat()


def skeleton(document: Any, path: str = "") -> list[str]:
    """Return keys and types of a document, one line for each value; lists are one."""
    if not isinstance(document, dict):
        return [f"{path} {type(document).__name__}"]
    parts = (skeleton(part, f"{path}.{name}") for name, part in document.items())
    return [line for lines in parts for line in lines]


def first_difference(real: Sequence[str], simulated: Sequence[str]) -> str:
    """Return where two transcripts part, for a person; empty when they do not."""
    pairs = zip_longest(real, simulated, fillvalue=_NO_MORE)
    for place, (left, right) in enumerate(pairs):
        if left != right:
            start = max(0, _common(left, right) - _SHOWN)
            return "\n".join(
                [
                    f"they part at line {place + 1}, character {start}, after",
                    *(f"  {line}" for line in real[max(0, place - _BEFORE) : place]),
                    f"Home Assistant: {left[start : start + _LONGEST]}",
                    f"     simulator: {right[start : start + _LONGEST]}",
                ]
            )
    return ""


def _told(document: Mapping[str, Any]) -> Sequence[tuple[str, Any]]:
    """Return key and value pairs without the reason that a schema library gives."""
    if document.get("code") == "invalid_format":
        told = document["message"] in _WRITTEN_OUT
        return [
            (key, value if key != "message" or told else "<why>")
            for key, value in document.items()
        ]
    return list(document.items())


def _common(left: str, right: str) -> int:
    """Return how many characters two texts begin with alike."""
    pairs = enumerate(zip(left, right, strict=False))
    differing = (place for place, (one, other) in pairs if one != other)
    return next(differing, min(len(left), len(right)))
