"""Counts what shows a flaw and keeps the earliest examples, in bounded memory."""

from __future__ import annotations

from bisect import insort

from .judgement import Example, Finding


class Collector:
    """Counts, and keeps the examples with the earliest times."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._kept: list[tuple[tuple[int, str, int], Example]] = []
        self._count = 0
        self._first_us: int | None = None
        self._last_us: int | None = None

    def add(self, example: Example) -> None:
        """Count one more."""
        self._count += 1
        time_us = example.time_us
        if time_us is not None:
            first, last = self._first_us, self._last_us
            self._first_us = time_us if first is None else min(first, time_us)
            self._last_us = time_us if last is None else max(last, time_us)
        rank = (time_us or 0, example.entity_id, self._count)
        if len(self._kept) < self._keep or (self._kept and rank < self._kept[-1][0]):
            insort(self._kept, (rank, example), key=lambda entry: entry[0])
            del self._kept[self._keep :]

    def finding(self) -> Finding:
        """Return what was collected."""
        return Finding(
            count=self._count,
            examples=tuple(example for _, example in self._kept),
            first_us=self._first_us,
            last_us=self._last_us,
        )
