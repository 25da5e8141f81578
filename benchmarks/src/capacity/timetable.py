"""What is due of an order at any moment, over all workers. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from .order import Order

__all__ = ["Timetable"]


class Timetable:
    """Counts due events; moments are seconds from the first start and never go back."""

    def __init__(self, parts: Sequence[Order], starts: Sequence[float]) -> None:
        first = min(starts, default=0.0)
        self._rows = [
            (part.schedule(), start - first, math.nextafter(part.seconds, 0.0))
            for part, start in zip(parts, starts, strict=True)
        ]

    def due(self, elapsed: float) -> int:
        """Return how many events were due at a moment."""
        return sum(
            schedule.due(min(elapsed - later, last))
            for schedule, later, last in self._rows
        )

    def blocks(self, edges: Sequence[float]) -> list[int]:
        """Return how many events are due in each block, its end left out."""
        counts = [self.due(math.nextafter(edge, -math.inf)) for edge in edges]
        return [after - before for before, after in pairwise(counts)]
