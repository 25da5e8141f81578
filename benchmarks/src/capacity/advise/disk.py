"""Bytes on disk for a load that is kept for some days (pure)."""

from __future__ import annotations

from typing import Final

from ..document import Storage

__all__ = ["bytes_needed", "daily_bytes", "shard_days"]

_DAY_S: Final = 86400.0
_HOUR: Final = 1 / 24


def shard_days(retention_days: float) -> float:
    """Return the length of InfluxDB's shards for a retention (documentation of 2.x).

    Data go by whole shards, so they stay for the retention and up to one shard more.
    """
    if retention_days == 0 or retention_days > 183:
        return 7.0
    return _HOUR if retention_days < 2 else 1.0


def daily_bytes(storage: Storage, rate: float) -> float:
    """Return what a day of events takes once it is compacted."""
    points = rate * _DAY_S * storage.points_per_event
    return points * storage.bytes_per_point.cold


def bytes_needed(storage: Storage, *, rate: float, retention_days: float) -> float:
    """Return the most that data take on disk at a retention that is not for ever.

    Compacted data of the whole time, what the newest shard takes more, and what does
    not depend on the days, with room to compact the largest shard.
    """
    shard = shard_days(retention_days)
    points = rate * _DAY_S * storage.points_per_event
    cold, hot = storage.bytes_per_point.cold, storage.bytes_per_point.hot
    kept = points * (retention_days + shard) * cold
    newest = points * shard * max(0.0, hot - cold)
    scratch = points * shard * cold
    return kept + newest + scratch + storage.fixed_bytes
