"""Service demand: what one event costs a container, apart from its idle cost.

CPU time a second = idle + demand * rate, by least squares over valid trials.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from ..errors import NotEnoughData
from ..trial import TrialResult

__all__ = ["LEAST_RATES", "Demand", "Load", "demand_of", "loads_of"]

LEAST_RATES: Final = 3
"""Two rates give a line and no idea how good it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One trial as a container saw it: events a second, and cores used."""

    rate: float
    cores: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """A container's CPU time: `idle` cores, and seconds an event with 95 % interval.

    `residual` is the largest deviation of a trial from the line, in cores.
    """

    idle: float
    per_event: float
    low: float
    high: float
    residual: float
    points: int

    def cores_at(self, rate: float) -> float:
        """Return the cores that are used at a rate."""
        return self.idle + self.per_event * rate


def loads_of(results: Sequence[TrialResult], container: str) -> list[Load]:
    """Return what a container used in each trial that measured it."""
    return [
        Load(rate=result.window_rate, cores=result.cores[container])
        for result in results
        if container in result.cores
    ]


def demand_of(loads: Sequence[Load]) -> Demand:
    """Fit the line; an idle cost below 0 is taken as 0 and the line fitted anew.

    Trials at high rates spread more, as much as they are larger, so each counts by
    the inverse of its size; else the fastest one alone would make the line.

    Raises:
        NotEnoughData: there are fewer than three different rates.
    """
    rates = np.array([load.rate for load in loads])
    cores = np.array([load.cores for load in loads])
    different = len({round(rate, 6) for rate in rates})
    if different < LEAST_RATES:
        raise NotEnoughData("a service demand", LEAST_RATES, different)
    weights = 1 / np.maximum(cores, 0.01 * max(float(cores.max()), 1e-9))
    design = np.column_stack([np.ones_like(rates), rates])
    idle, slope, error, free = _fit(design, cores, weights)
    if idle < 0:
        _, slope, error, free = _fit(design[:, 1:], cores, weights)
        idle = 0.0
    slope = max(0.0, slope)
    margin = float(stats.t.ppf(0.975, free)) * error
    return Demand(
        idle=idle,
        per_event=slope,
        low=max(0.0, slope - margin),
        high=slope + margin,
        residual=float(np.max(np.abs(cores - idle - slope * rates))),
        points=len(loads),
    )


def _fit(
    design: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    cores: np.ndarray[tuple[int], np.dtype[np.float64]],
    weights: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> tuple[float, float, float, int]:
    """Return idle, slope, the slope's standard error, and degrees of freedom."""
    weighted = design * weights[:, None]
    target = cores * weights
    found, *_ = np.linalg.lstsq(weighted, target, rcond=None)
    rest = target - weighted @ found
    free = max(1, len(cores) - design.shape[1])
    covariance = np.linalg.pinv(weighted.T @ weighted) * float(rest @ rest) / free
    idle = float(found[0]) if design.shape[1] > 1 else 0.0
    return idle, float(found[-1]), math.sqrt(max(0.0, covariance[-1, -1])), free
