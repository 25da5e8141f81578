"""From a quantity to a place on the drawing, and the ticks to label (pure)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Linear", "Log", "Nines", "Scale", "nice_step"]

_SLACK = 1e-9


class Scale(Protocol):
    """Maps a quantity between `low` and `high` to between `start` and `end`."""

    @property
    def start(self) -> float:
        """Where the lowest quantity is."""
        ...

    @property
    def end(self) -> float:
        """Where the highest quantity is."""
        ...

    def __call__(self, value: float) -> float:
        """Return the place of a quantity; what is outside is put at the rim."""
        ...

    def ticks(self, about: int) -> tuple[float, ...]:
        """Return about so many round quantities."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """Equal differences are equal distances."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the place of a quantity."""
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)

    def ticks(self, about: int) -> tuple[float, ...]:
        """Return multiples of 1, 2 or 5 times a power of ten."""
        step = nice_step(self.high - self.low, about)
        first = math.ceil(self.low / step - _SLACK)
        last = math.floor(self.high / step + _SLACK)
        return tuple(index * step for index in range(first, last + 1))

    @classmethod
    def covering(
        cls, high: float, *, start: float, end: float, about: int = 5
    ) -> Linear:
        """Return a scale from 0 to the next tick above *high*."""
        top = high if high > 0 else 1.0
        step = nice_step(top, about)
        return cls(
            low=0.0, high=math.ceil(top / step - _SLACK) * step, start=start, end=end
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """Equal ratios are equal distances; quantities are above 0."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the place of a quantity."""
        whole = math.log10(self.high / self.low) or 1.0
        share = math.log10(max(value, self.low) / self.low) / whole
        return self.start + min(1.0, share) * (self.end - self.start)

    def ticks(self, about: int) -> tuple[float, ...]:
        """Return powers of ten, and 2 and 5 times them where there is room."""
        lowest = math.floor(math.log10(self.low) - _SLACK)
        highest = math.ceil(math.log10(self.high) + _SLACK)
        decades = range(lowest, highest + 1)
        for factors in ((1, 2, 5), (1, 3), (1,)):
            found = tuple(
                factor * 10.0**decade
                for decade in decades
                for factor in factors
                if self.low * (1 - _SLACK)
                <= factor * 10.0**decade
                <= self.high * (1 + _SLACK)
            )
            if len(found) <= about + 2:
                return found
        return found[:: max(1, math.ceil(len(found) / about))]

    @classmethod
    def covering(cls, low: float, high: float, *, start: float, end: float) -> Log:
        """Return a scale whose ends are 1, 2 or 5 times a power of ten."""
        return cls(low=_round_down(low), high=_round_up(high), start=start, end=end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nines:
    """Shares of 1 by how many nines they have: 90, 99, 99.9 % are equally far."""

    nines: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the place of a share."""
        rest = max(1.0 - value, 10.0**-self.nines)
        share = -math.log10(rest) / self.nines
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)

    def ticks(self, about: int) -> tuple[float, ...]:
        """Return 0, 50, 90, 99, 99.9 %, and so on."""
        whole = math.floor(self.nines + _SLACK)
        shares = (0.0, 0.5, *(1.0 - 10.0**-nine for nine in range(1, whole + 1)))
        return shares[: max(2, about)] if len(shares) > about else shares


def nice_step(span: float, about: int) -> float:
    """Return 1, 2 or 5 times a power of ten that cuts a span into about so many."""
    raw = (span or 1.0) / max(1, about)
    power = 10.0 ** math.floor(math.log10(raw))
    return next(f * power for f in (1, 2, 5, 10) if f * power >= raw * (1 - _SLACK))


def _round_down(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value) + _SLACK)
    return max(f * power for f in (1, 2, 5) if f * power <= value * (1 + _SLACK))


def _round_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value) + _SLACK)
    return min(f * power for f in (1, 2, 5, 10) if f * power >= value * (1 - _SLACK))
