"""How memory grows: a base, so much a series, so much an event that waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import optimize

from ..errors import NotEnoughData

__all__ = ["MemoryModel", "MemoryPoint", "memory_of"]

MEMORY_SHARE: Final = 0.5
"""Of its memory limit a container should use so much at its peak."""
LEAST_POINTS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPoint:
    """A peak in bytes, at so many series and so many waiting events."""

    series: float
    backlog: float
    peak: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryModel:
    """Bytes: `base`, `per_series`, `per_event`; `residual` is the largest miss."""

    base: float
    per_series: float
    per_event: float
    residual: float

    def at(self, *, series: float, backlog: float = 0.0) -> float:
        """Return the expected peak."""
        return self.base + self.per_series * series + self.per_event * backlog

    def most_series(self, limit: float, *, share: float = MEMORY_SHARE) -> float | None:
        """Return at how many series the share of a limit is used; None is never."""
        if self.per_series <= 0:
            return None
        return max(0.0, (limit * share - self.base) / self.per_series)


def memory_of(points: Sequence[MemoryPoint]) -> MemoryModel:
    """Fit base and growth; none of them is below 0.

    A growth whose cause did not change between the points is 0: it was not measured.

    Raises:
        NotEnoughData: there are fewer than three points.
    """
    if len(points) < LEAST_POINTS:
        raise NotEnoughData("a memory model", LEAST_POINTS, len(points))
    peaks = np.array([point.peak for point in points])
    causes = np.array([[point.series, point.backlog] for point in points])
    scale = np.maximum(causes.max(axis=0), 1.0)
    moved = np.ptp(causes, axis=0) > 0
    design = np.column_stack([np.ones(len(points)), causes / scale * moved])
    found, _ = optimize.nnls(design, peaks)
    return MemoryModel(
        base=float(found[0]),
        per_series=float(found[1] / scale[0]),
        per_event=float(found[2] / scale[1]),
        residual=float(np.max(np.abs(design @ found - peaks))),
    )
