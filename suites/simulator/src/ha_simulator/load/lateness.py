"""How late events left, against the times they were intended for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

_BUCKETS: Final = 40
LATE_US: Final = 10_000
"""An event counts as late when it left more than 10 ms after its intended time."""


class Lateness:
    """Histogram over powers of two of microseconds; memory does not grow."""

    __slots__ = ("_buckets", "_sum_us", "count", "late", "max_us")

    def __init__(self) -> None:
        self._buckets = [0] * _BUCKETS
        self._sum_us = 0
        self.count = 0
        self.late = 0
        self.max_us = 0

    def add(self, late_us: Sequence[int]) -> None:
        """Note events that left so many µs after their intended times."""
        lates = [max(late, 0) for late in late_us]
        for power, count in Counter(map(int.bit_length, lates)).items():
            self._buckets[min(power, _BUCKETS - 1)] += count
        self._sum_us += sum(lates)
        self.count += len(lates)
        self.late += sum(late > LATE_US for late in lates)
        self.max_us = max([self.max_us, *lates])

    def quantile_us(self, share: float) -> int:
        """Return an upper bound of this quantile in µs, exact to a factor of two."""
        wanted = share * self.count
        seen = 0
        for power, count in enumerate(self._buckets):
            seen += count
            if count and seen >= wanted:
                return min((1 << power) - 1, self.max_us)
        return 0

    def summary(self) -> dict[str, int | float]:
        """Return the numbers for a status document; times in milliseconds."""
        mean = self._sum_us / self.count if self.count else 0.0
        return {
            "max_ms": self.max_us / 1_000,
            "mean_ms": round(mean / 1_000, 3),
            "p50_ms": self.quantile_us(0.5) / 1_000,
            "p99_ms": self.quantile_us(0.99) / 1_000,
            "late_over_10_ms": self.late,
        }
