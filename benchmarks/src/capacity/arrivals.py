"""When events are due: offsets in seconds from the start, by their number. Pure.

The simulator has the same schedules and imports nothing, so they stand here a second
time: for blocks and backlog, for the keys that must be stored, and for the entry that
sends to a real Home Assistant. A test holds the two together.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Final, Protocol

from .trial import Arrival

__all__ = ["PERIOD", "Schedule", "peak_of", "schedule_of"]

PERIOD: Final = 60.0
"""Seconds of one round of a burst or a day, unless said otherwise."""

Knots = tuple[tuple[float, float], ...]
# Corners of a curve: a share of the period, and of its events until then.
_BURST: Final[Knots] = ((0.0, 0.0), (25 / 60, 5 / 60), (35 / 60, 55 / 60), (1.0, 1.0))
_HOURS: Final = (9, 11, 15, 21, 29, 37, 46, 54, 62, 68, 72, 76)
_DIURNAL: Final[Knots] = tuple(
    (hour / 24, events / 1_000)
    for hour, events in enumerate(accumulate((*_HOURS, *_HOURS[::-1]), initial=0))
)
_CURVES: Final = {Arrival.BURST: _BURST, Arrival.DIURNAL: _DIURNAL}


class Schedule(Protocol):
    """Events are numbered from 0; neither question may go back."""

    def at(self, number: int, /) -> float:
        """Return the offset of an event."""
        ...

    def due(self, elapsed: float, /) -> int:
        """Return how many events are due after so many seconds."""
        ...


class _Computed:
    """A schedule whose offsets are computed from the number alone."""

    def __init__(self, at: Callable[[int], float]) -> None:
        self.at = at

    def due(self, elapsed: float) -> int:
        """Return how many events are due after so many seconds."""
        low, high = 0, 1
        while self.at(high - 1) <= elapsed:
            low, high = high, 2 * high
        while low < high:
            middle = (low + high) // 2
            if self.at(middle) <= elapsed:
                low = middle + 1
            else:
                high = middle
        return low


class _Poisson:
    """Exponential gaps from a seed, drawn once: both questions move on for good."""

    def __init__(self, rate: float, seed: int) -> None:
        self._rate = rate
        self._random = random.Random(seed)  # noqa: S311 - arrivals, no secrets
        self._number = 0
        self._offset = 0.0

    def at(self, number: int) -> float:
        """Return the offset of an event."""
        while self._number < number:
            self._draw()
        return self._offset

    def due(self, elapsed: float) -> int:
        """Return how many events are due after so many seconds."""
        while self._offset <= elapsed:
            self._draw()
        return self._number

    def _draw(self) -> None:
        self._offset += self._random.expovariate(self._rate)
        self._number += 1


def schedule_of(
    arrival: Arrival,
    *,
    rate: float,
    seed: int = 1,
    period: float = PERIOD,
    offsets: Sequence[float] = (),
) -> Schedule:
    """Return the schedule of a mean rate.

    Args:
        arrival: how events are spaced.
        rate: the mean, in events a second.
        seed: chance of Poisson arrivals.
        period: seconds of one round of a burst or a day, or of the recording.
        offsets: those of a recorded trace, in seconds.
    """
    match arrival:
        case Arrival.CONSTANT:
            return _Computed(lambda number: number / rate)
        case Arrival.POISSON:
            return _Poisson(rate, seed)
        case Arrival.BURST | Arrival.DIURNAL:
            return _Computed(_curve(rate, period, _CURVES[arrival]))
        case Arrival.TRACE:
            return _Computed(_trace(rate, period, offsets))


def peak_of(arrival: Arrival) -> float:
    """Return the highest rate as a multiple of the mean, 1 where it is unknown."""
    knots = _CURVES.get(arrival, ((0.0, 0.0), (1.0, 1.0)))
    return max(
        (events - events_before) / (time - time_before)
        for (time_before, events_before), (time, events) in pairwise(knots)
    )


def _curve(rate: float, period: float, knots: Knots) -> Callable[[int], float]:
    def at(number: int) -> float:
        cycle, share = divmod(number / (rate * period), 1.0)
        place = 1
        while knots[place][1] <= share and place < len(knots) - 1:
            place += 1
        (time, events), (time_after, events_after) = knots[place - 1 : place + 1]
        slope = (share - events) / (events_after - events)
        return (cycle + time + slope * (time_after - time)) * period

    return at


def _trace(
    rate: float, period: float, offsets: Sequence[float]
) -> Callable[[int], float]:
    stretch = len(offsets) / (rate * period)
    lasts = stretch * period
    stretched = [stretch * offset for offset in offsets]

    def at(number: int) -> float:
        cycle, place = divmod(number, len(stretched))
        return cycle * lasts + stretched[place]

    return at
