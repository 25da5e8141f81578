"""Open-loop schedules: when event *i* is due, whatever happened to the ones before."""

from __future__ import annotations

import random
from bisect import bisect_right
from enum import StrEnum
from typing import Protocol

from ..errors import ControlError


class Profile(StrEnum):
    """How the intended times are spaced at the same mean rate."""

    CONSTANT = "constant"
    POISSON = "poisson"


class Schedule(Protocol):
    """Offsets in seconds from the start; events are numbered from 0."""

    def due(self, elapsed: float) -> int:
        """Return how many events are due after *elapsed* seconds."""

    def at(self, number: int) -> float:
        """Return the offset of event *number*; it must not be one already passed."""


class Constant:
    """Event *i* is due at i / rate, computed from *i* so that errors never add up."""

    def __init__(self, rate: float) -> None:
        self._rate = rate

    def due(self, elapsed: float) -> int:
        """Return how many events are due after *elapsed* seconds."""
        if elapsed < 0:
            return 0
        count = int(elapsed * self._rate) + 1
        while count > 0 and (count - 1) / self._rate > elapsed:
            count -= 1
        return count

    def at(self, number: int) -> float:
        """Return the offset of event *number*."""
        return number / self._rate


class Poisson:
    """Exponential gaps with mean 1 / rate from a seed, so a run can be repeated.

    The offsets are drawn as they are asked for and dropped behind the reader, so a
    long run needs no memory: `at` accepts numbers that never go back.
    """

    def __init__(self, rate: float, seed: int) -> None:
        self._rate = rate
        self._random = random.Random(seed)  # noqa: S311 - arrivals, no secrets
        self._base = 0
        self._offsets = [0.0]

    def due(self, elapsed: float) -> int:
        """Return how many events are due after *elapsed* seconds."""
        while self._offsets[-1] <= elapsed:
            self._draw()
        return self._base + bisect_right(self._offsets, elapsed)

    def at(self, number: int) -> float:
        """Return the offset of event *number*."""
        while number - self._base >= len(self._offsets):
            self._draw()
        place = number - self._base
        if place > 4_096:
            del self._offsets[:place]
            self._base = number
            place = 0
        return self._offsets[place]

    def _draw(self) -> None:
        gap = self._random.expovariate(self._rate)
        self._offsets.append(self._offsets[-1] + gap)


def make_schedule(profile: Profile, *, rate: float, seed: int) -> Schedule:
    """Return the schedule for *rate* events per second.

    Raises:
        ControlError: the rate is not a positive number (status 400).
    """
    if not 0 < rate < float("inf"):
        raise ControlError(400, "bad_rate", f"rate must be positive, got {rate}")
    match profile:
        case Profile.CONSTANT:
            return Constant(rate)
        case Profile.POISSON:
            return Poisson(rate, seed)
