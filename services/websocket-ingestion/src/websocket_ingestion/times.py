"""Home Assistant's times as microseconds since 1970, UTC, and back. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["isoformat", "micros", "time_us"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def time_us(text: str) -> int:
    """Return an ISO 8601 time with zone as microseconds, 0 if it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0
    return 0 if moment.tzinfo is None else micros(moment)


def micros(moment: datetime) -> int:
    """Return an aware moment as microseconds, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def isoformat(time_us: int) -> str:
    """Return microseconds as ISO 8601 in UTC."""
    return (_EPOCH + time_us * _MICROSECOND).isoformat(timespec="microseconds")
