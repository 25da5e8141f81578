"""How much disk the data takes after so many days, and when it is full.

InfluxDB removes whole shards, and looks every 30 minutes: data lives for the
retention and up to one shard longer. A shard that is written to is larger than the
same shard when it is fully compacted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

__all__ = ["DiskForecast", "StorageCost", "days_to_full", "forecast", "shard_seconds"]

DAY: Final = 86_400.0
HOUR: Final = 3_600.0
FREE_SHARE: Final = 0.8
"""A disk is called full when this share of what was free is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageCost:
    """Bytes an event takes: `hot` before, `cold` after full compaction.

    `fixed` are bytes that do not grow: write-ahead log, cache, indexes. `error` is
    the relative uncertainty of hot and cold.
    """

    hot: float
    cold: float
    fixed: float = 0.0
    error: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskForecast:
    """Bytes after `days`, with what the uncertainty of the cost makes of them."""

    days: float
    size: float
    low: float
    high: float


def shard_seconds(retention: float) -> float:
    """Return the length of a shard that InfluxDB 2 chooses; 0 is for ever."""
    if retention == 0 or retention > 183 * DAY:
        return 7 * DAY
    return HOUR if retention < 2 * DAY else DAY


def forecast(
    cost: StorageCost, *, rate: float, retention: float, days: float
) -> DiskForecast:
    """Return what lies on the disk after so many days of a constant rate.

    Cold data of at most the retention and a shard, the difference to hot for one
    shard, room for the compaction of one shard, and what is fixed. The retention is
    in seconds, 0 keeps for ever.
    """
    shard = shard_seconds(retention)
    kept = math.inf if retention == 0 else retention + shard
    age = days * DAY
    stored = min(age, kept)
    young = min(age, shard)
    growing = rate * (
        stored * cost.cold
        + young * max(0.0, cost.hot - cost.cold)
        + young * cost.cold  # scratch: the largest shard, written anew
    )
    return DiskForecast(
        days=days,
        size=growing + cost.fixed,
        low=growing * (1 - cost.error) + cost.fixed,
        high=growing * (1 + cost.error) + cost.fixed,
    )


def days_to_full(
    cost: StorageCost, *, rate: float, retention: float, free: float
) -> float | None:
    """Return after how many days the disk is full, or None if it never is.

    Full is 0.8 of the bytes that were free. The size only grows with the days, so
    the day is found by halving.
    """
    room = FREE_SHARE * free

    def size(days: float) -> float:
        return forecast(cost, rate=rate, retention=retention, days=days).size

    if size(0) > room:
        return 0.0
    plateau = 1e6 if retention == 0 else (retention + shard_seconds(retention)) / DAY
    if size(plateau) <= room:
        return None
    low, high = 0.0, plateau
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if size(middle) <= room else (low, middle)
    return high
