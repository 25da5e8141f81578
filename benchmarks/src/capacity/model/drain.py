"""What an outage of the database does to the rates: backlog, draining, survival."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "Saturated",
    "drain_seconds",
    "longest_outage",
    "served_beside",
    "sustained_for",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Saturated:
    """What was served of a rate that was too high, in events a second.

    `receiving` are the cores of those who make and take in events, whose work follows
    the rate that arrives; `storing` are the cores of those who bring them into the
    database, whose work follows what is served.
    """

    served: float
    receiving: float
    storing: float


def served_beside(saturated: Sequence[Saturated], *, receiving: float) -> float:
    """Return what a used-up host serves where arriving events take `receiving` cores.

    A backlog drains beside a lower rate than the one that used the host up; what
    fewer arriving events leave over goes into storing, at what storing cost there:
    served + (receiving then - receiving now) / (storing / served). The mean of all
    trials, each of which had its own merges of the database's files.
    """
    total = 0.0
    for row in saturated:
        freed = row.receiving - receiving
        total += row.served * max(0.0, 1 + freed / row.storing if row.storing else 1.0)
    return total / len(saturated)


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
