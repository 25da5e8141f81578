"""Open-loop schedules: when event *i* is due, whatever happened to the ones before."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Sequence
from enum import StrEnum
from itertools import accumulate
from typing import Final, Protocol

from ..errors import ControlError

Knots = tuple[tuple[float, float], ...]
"""Corners of a curve: a share of the period, and of its events until then."""

BURST: Final[Knots] = ((0.0, 0.0), (25 / 60, 5 / 60), (35 / 60, 55 / 60), (1.0, 1.0))
"""Five times the mean rate for 10 s in the middle of a minute, a fifth of it else."""
_HOURS: Final = (9, 11, 15, 21, 29, 37, 46, 54, 62, 68, 72, 76)
DIURNAL: Final[Knots] = tuple(
    (hour / 24, events / 1_000)
    for hour, events in enumerate(accumulate((*_HOURS, *_HOURS[::-1]), initial=0))
)
"""A day from midnight on, by the hour: at noon 1.8 times the mean, at night 0.2."""


class Profile(StrEnum):
    """How the intended times are spaced at the same mean rate."""

    CONSTANT = "constant"
    POISSON = "poisson"
    BURST = "burst"
    DIURNAL = "diurnal"
    TRACE = "trace"


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
        return _exact(int(elapsed * self._rate) + 1, self.at, elapsed)

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


class Curve:
    """A rate that changes along a curve, over and over; each period has equal events.

    An offset is computed from the event's number, so errors never add up.

    Args:
        rate: the mean, in events a second.
        period: seconds after which the curve begins anew.
        knots: the curve's corners; both shares rise strictly from 0 to 1.
    """

    def __init__(self, rate: float, period: float, knots: Knots) -> None:
        self._rate = rate
        self._period = period
        self._times = [time for time, _ in knots]
        self._counts = [count for _, count in knots]

    def due(self, elapsed: float) -> int:
        """Return how many events are due after *elapsed* seconds."""
        if elapsed < 0:
            return 0
        cycle, share = divmod(elapsed / self._period, 1.0)
        done = cycle + _between(share, self._times, self._counts)
        return _exact(int(done * self._rate * self._period) + 1, self.at, elapsed)

    def at(self, number: int) -> float:
        """Return the offset of event *number*."""
        cycle, share = divmod(number / (self._rate * self._period), 1.0)
        return (cycle + _between(share, self._counts, self._times)) * self._period


class Trace:
    """Recorded offsets, stretched to the mean rate, over and over.

    Args:
        rate: the mean, in events a second.
        period: seconds of the recording after which it begins anew.
        offsets: seconds from its start; they never fall and end by the period.
    """

    def __init__(self, rate: float, period: float, offsets: Sequence[float]) -> None:
        stretch = len(offsets) / (rate * period)
        self._period = stretch * period
        self._offsets = [stretch * offset for offset in offsets]

    def due(self, elapsed: float) -> int:
        """Return how many events are due after *elapsed* seconds."""
        if elapsed < 0:
            return 0
        cycle = int(elapsed / self._period)
        each = len(self._offsets)
        count = cycle * each + bisect_right(
            self._offsets, elapsed - cycle * self._period
        )
        return _exact(count, self.at, elapsed)

    def at(self, number: int) -> float:
        """Return the offset of event *number*."""
        cycle, place = divmod(number, len(self._offsets))
        return cycle * self._period + self._offsets[place]


def _exact(count: int, at: Callable[[int], float], elapsed: float) -> int:
    """Return how many offsets lie by *elapsed*, from a count that is about right.

    The count comes from a division and the offsets from a product, so at an edge the
    two may differ by an event.
    """
    while count > 0 and at(count - 1) > elapsed:
        count -= 1
    while at(count) <= elapsed:
        count += 1
    return count


def _between(value: float, xs: Sequence[float], ys: Sequence[float]) -> float:
    """Return y at x on the line through the knots."""
    place = min(bisect_right(xs, value), len(xs) - 1)
    (x0, x1), (y0, y1) = xs[place - 1 : place + 1], ys[place - 1 : place + 1]
    return y0 + (value - x0) / (x1 - x0) * (y1 - y0)


def make_schedule(
    profile: Profile,
    *,
    rate: float,
    seed: int = 1,
    period: float = 60.0,
    offsets: Sequence[float] = (),
) -> Schedule:
    """Return the schedule for *rate* events per second.

    Args:
        profile: how events are spaced.
        rate: the mean, in events a second.
        seed: chance of `poisson`.
        period: seconds of one round of `burst`, `diurnal` and a `trace`.
        offsets: those of a `trace`, in seconds.

    Raises:
        ControlError: a number that makes no schedule (status 400).
    """
    if not 0 < rate < float("inf"):
        raise ControlError(400, "bad_rate", f"rate must be positive, got {rate}")
    if not 0 < period < float("inf"):
        raise ControlError(400, "bad_period", f"period must be positive, got {period}")
    match profile:
        case Profile.CONSTANT:
            return Constant(rate)
        case Profile.POISSON:
            return Poisson(rate, seed)
        case Profile.BURST:
            return Curve(rate, period, BURST)
        case Profile.DIURNAL:
            return Curve(rate, period, DIURNAL)
        case Profile.TRACE:
            _check_offsets(offsets, period)
            return Trace(rate, period, offsets)


def _check_offsets(offsets: Sequence[float], period: float) -> None:
    if not offsets:
        raise ControlError(400, "bad_trace", "offsets must not be empty")
    before = 0.0
    for place, offset in enumerate(offsets):
        if not before <= offset <= period:
            raise ControlError(
                400,
                "bad_trace",
                f"offsets[{place}] is {offset}: offsets must never fall, begin at 0 "
                f"or later, and end by the period, which is {period}",
            )
        before = offset
