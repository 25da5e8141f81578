"""Whether a change made it worse, on a machine that is never quiet. Pure.

Both versions run on the same host in turns; ratios of pairs are compared, never
figures of different days. Red needs an effect that is large, that chance does not
explain, and that comes again with fresh pairs.
"""

from __future__ import annotations

from .order import LEAST_PAIRS, Side, order_of
from .ratios import Metric, Pair, Ratio, ratio_of
from .sample import Sample, judge_turn, pair_of, sample_of
from .verdict import (
    THRESHOLDS,
    Finding,
    GateResult,
    Verdict,
    confirm,
    false_alarm_rate,
    judge_pairs,
)

__all__ = [
    "LEAST_PAIRS",
    "THRESHOLDS",
    "Finding",
    "GateResult",
    "Metric",
    "Pair",
    "Ratio",
    "Sample",
    "Side",
    "Verdict",
    "confirm",
    "false_alarm_rate",
    "judge_pairs",
    "judge_turn",
    "order_of",
    "pair_of",
    "ratio_of",
    "sample_of",
]
