"""What an outage of the database does to the rates: backlog, draining, survival."""

from __future__ import annotations

import math

__all__ = ["drain_seconds", "longest_outage", "sustained_for"]


def drain_seconds(*, rate: float, capacity: float, outage: float) -> float:
    """Return how long the backlog of an outage takes while the load goes on.

    rate * outage / (capacity - rate); infinite at or above the capacity.
    """
    if rate <= 0 or outage <= 0:
        return 0.0
    return rate * outage / (capacity - rate) if capacity > rate else math.inf


def longest_outage(*, rate: float, buffer: float) -> float:
    """Return for how many seconds a buffer of so many events lasts at a rate."""
    return buffer / rate if rate > 0 else math.inf


def sustained_for(*, capacity: float, times: float) -> float:
    """Return the rate at which draining takes at most `times` the outage."""
    return capacity * times / (1 + times)
