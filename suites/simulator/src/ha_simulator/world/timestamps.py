"""Instants as integer microseconds since 1970 UTC, and their texts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

SECOND: Final = 1_000_000
"""Microseconds in one second."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@lru_cache(maxsize=512)
def _whole_second(seconds: int) -> bytes:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19].encode()


def isoformat(us: int) -> bytes:
    """Write an instant as Python's `isoformat()` does: no fraction when it is 0."""
    seconds, fraction = divmod(us, SECOND)
    if fraction:
        return b"%b.%06d+00:00" % (_whole_second(seconds), fraction)
    return _whole_second(seconds) + b"+00:00"


def parse(text: str) -> int | None:
    """Read an ISO 8601 text; a text without an offset means UTC; None if it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND


def timestamp(us: int) -> bytes:
    """Write an instant as history rows carry it: float seconds, exact to the µs."""
    return repr(us / SECOND).encode()
