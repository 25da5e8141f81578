"""Ratios of pairs, and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from scipy import stats

from ..errors import NotEnoughData

__all__ = ["Metric", "Pair", "Ratio", "ratio_of"]

_DRAWS: Final = 2_000
_CONFIDENCE: Final = 0.95


class Metric(StrEnum):
    """What is compared; the order is that of trust, the least noisy first."""

    CPU_PER_EVENT = "cpu_per_event"
    P99 = "p99"
    CAPACITY = "capacity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The figures of both versions, measured one right after the other.

    One that has not carried the load has failed, whatever its figures are.
    """

    base: Mapping[Metric, float]
    new: Mapping[Metric, float]
    base_failed: bool = False
    new_failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """How much worse the new version is: above 1 is worse, for each metric.

    `value` is the geometric mean of the pairs, `low` to `high` its 95 % interval.
    """

    value: float
    low: float
    high: float
    pairs: int


def ratio_of(
    pairs: Sequence[Pair], metric: Metric, random: np.random.Generator
) -> Ratio:
    """Return the ratio with its bootstrap interval over pairs.

    The interval of few pairs is too narrow if it is taken as drawn, so its quantiles
    are moved outwards as Student's t is wider than the normal ("expanded
    percentiles", Hesterberg 2015).

    Raises:
        NotEnoughData: fewer than two pairs have the metric.
    """
    logs = np.array(
        [
            _worse(pair.base[metric], pair.new[metric], metric)
            for pair in having(pairs, metric)
        ]
    )
    count = len(logs)
    if count < 2:
        raise NotEnoughData(f"a ratio of {metric}", 2, count)
    draws = random.choice(logs, size=(_DRAWS, count)).mean(axis=1)
    wide = stats.t.ppf((1 + _CONFIDENCE) / 2, count - 1) * math.sqrt(
        count / (count - 1)
    )
    outer = float(stats.norm.cdf(-wide))
    low, high = np.quantile(draws, [outer, 1 - outer])
    return Ratio(
        value=math.exp(float(logs.mean())),
        low=math.exp(float(low)),
        high=math.exp(float(high)),
        pairs=count,
    )


def having(pairs: Sequence[Pair], metric: Metric) -> list[Pair]:
    """Return the pairs in which both versions have a figure above 0."""
    return [
        pair
        for pair in pairs
        if pair.base.get(metric, 0) > 0 and pair.new.get(metric, 0) > 0
    ]


def _worse(base: float, new: float, metric: Metric) -> float:
    match metric:
        case Metric.CPU_PER_EVENT | Metric.P99:
            return math.log(new / base)
        case Metric.CAPACITY:
            return math.log(base / new)
