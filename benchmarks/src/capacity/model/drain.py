"""What an outage of the database does to the rates: backlog, draining, survival."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "Served",
    "drain_seconds",
    "longest_outage",
    "served_beside",
    "sustained_for",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Events that a loaded stack served, and what storing them took.

    `storing` are CPU seconds of those who bring events into the database.
    """

    events: float
    storing: float


def served_beside(served: Sequence[Served], *, cores: float, receiving: float) -> float:
    """Return the events a second that a used-up host serves beside those that arrive.

    A backlog drains beside a lower rate than the one that used the host up: what the
    fewer arriving events leave of its cores goes into storing, at the mean cost of an
    event over all trials. One merge of the database's files makes a trial of seconds
    twice as dear, or is in none of them; in minutes it is what it is on the mean.

    Args:
        served: trials near the edge, where events travel in full batches.
        cores: what the containers use of the host when it is used up.
        receiving: the cores of those who make and take in events, whose work follows
            the rate that arrives.
    """
    storing = sum(row.storing for row in served)
    if storing <= 0:
        return math.inf
    return max(0.0, cores - receiving) * sum(row.events for row in served) / storing


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
