"""When an event is due, for the entry that sends them itself. Pure."""

from __future__ import annotations

import random
from typing import Final

__all__ = ["Lateness", "Schedule", "share_of"]

_LATE: Final = 0.010


class Schedule:
    """Offsets in seconds from the start, computed from the number of the event."""

    def __init__(self, rate: float, *, arrival: str, seed: int) -> None:
        self._rate = rate
        self._poisson = arrival == "poisson"
        self._random = random.Random(seed)  # noqa: S311 - arrivals, no secrets
        self._last = 0.0
        self._next = 0

    def take(self) -> tuple[int, float]:
        """Return the next event's number and when it is due."""
        number = self._next
        self._next += 1
        if self._poisson:
            self._last += self._random.expovariate(self._rate)
            return number, self._last
        return number, number / self._rate


class Lateness:
    """How late events left; keeps what a status tells."""

    def __init__(self) -> None:
        self._seen: list[float] = []
        self.late = 0

    def add(self, seconds: float) -> None:
        """Note one event."""
        self._seen.append(max(0.0, seconds))
        self.late += seconds > _LATE

    def quantile(self, share: float) -> float:
        """Return the quantile by nearest rank, 0 where nothing was noted."""
        ordered = sorted(self._seen)
        if not ordered:
            return 0.0
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def share_of(rate: float, entities: int, *, of: int) -> tuple[float, int]:
    """Return one worker's part of a rate and of the entities."""
    return rate / of, max(1, entities // of)
