"""The gate's verdicts: two steps to red, and how often it is red for nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from .order import LEAST_PAIRS
from .ratios import Metric, Pair, Ratio, having, ratio_of

__all__ = [
    "THRESHOLDS",
    "Finding",
    "GateResult",
    "Verdict",
    "confirm",
    "false_alarm_rate",
    "judge_pairs",
]

THRESHOLDS: Final = {
    Metric.CPU_PER_EVENT: 0.05,
    Metric.P99: 0.10,
    Metric.CAPACITY: 0.10,
}
"""A smaller effect is never red, however sure it is."""


class Verdict(StrEnum):
    """CONFIRM is no end: fresh pairs decide. Only FAIL is red."""

    PASS = "pass"  # noqa: S105 - a verdict
    CONFIRM = "confirm"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOT_COMPARABLE = "not_comparable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One metric: how much worse it is, and whether that is beyond the threshold."""

    metric: Metric
    ratio: Ratio
    threshold: float
    worse: bool
    better: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """The verdict with what it rests on."""

    verdict: Verdict
    findings: tuple[Finding, ...]

    @property
    def worse(self) -> frozenset[Metric]:
        """The metrics that are worse beyond chance and threshold."""
        return frozenset(found.metric for found in self.findings if found.worse)


def judge_pairs(
    pairs: Sequence[Pair],
    *,
    base_fingerprint: str,
    new_fingerprint: str,
    random: np.random.Generator,
) -> GateResult:
    """Judge the first pairs: PASS, or CONFIRM with which metrics.

    A metric that no pair has is left out. INCONCLUSIVE are fewer than five pairs of
    any metric that is there; NOT_COMPARABLE are two hosts, or one that was changed.
    """
    if base_fingerprint != new_fingerprint:
        return GateResult(verdict=Verdict.NOT_COMPARABLE, findings=())
    counts = {metric: len(having(pairs, metric)) for metric in Metric}
    there = {metric: count for metric, count in counts.items() if count}
    if not there or min(there.values()) < LEAST_PAIRS:
        return GateResult(verdict=Verdict.INCONCLUSIVE, findings=())
    findings = tuple(_finding(pairs, metric, random) for metric in there)
    worse = any(found.worse for found in findings)
    return GateResult(
        verdict=Verdict.CONFIRM if worse else Verdict.PASS, findings=findings
    )


def confirm(
    first: GateResult,
    fresh: Sequence[Pair],
    *,
    base_fingerprint: str,
    new_fingerprint: str,
    random: np.random.Generator,
) -> GateResult:
    """Judge fresh pairs after CONFIRM: FAIL only if the same metric is worse again."""
    second = judge_pairs(
        fresh,
        base_fingerprint=base_fingerprint,
        new_fingerprint=new_fingerprint,
        random=random,
    )
    if second.verdict in {Verdict.NOT_COMPARABLE, Verdict.INCONCLUSIVE}:
        return second
    again = first.worse & second.worse
    return GateResult(
        verdict=Verdict.FAIL if again else Verdict.PASS, findings=second.findings
    )


def false_alarm_rate(
    trials: Sequence[Mapping[Metric, float]],
    *,
    pairs: int,
    runs: int,
    random: np.random.Generator,
) -> float:
    """Return how often trials of one and the same version would end red.

    Neighbouring trials become pairs with random sides, and gates are run on pairs
    drawn from them, as measured on this host.
    """
    null = [
        (trials[index], trials[index + 1]) for index in range(0, len(trials) - 1, 2)
    ]
    if len(null) < LEAST_PAIRS:
        return float("nan")

    def drawn() -> list[Pair]:
        chosen = random.integers(len(null), size=pairs)
        turned = random.random(pairs) < 1 / 2
        return [
            Pair(base=null[i][int(turn)], new=null[i][1 - int(turn)])
            for i, turn in zip(chosen, turned, strict=True)
        ]

    red = 0
    for _ in range(runs):
        first = judge_pairs(
            drawn(), base_fingerprint="", new_fingerprint="", random=random
        )
        if first.verdict is Verdict.CONFIRM:
            second = confirm(
                first, drawn(), base_fingerprint="", new_fingerprint="", random=random
            )
            red += second.verdict is Verdict.FAIL
    return red / runs


def _finding(
    pairs: Sequence[Pair], metric: Metric, random: np.random.Generator
) -> Finding:
    ratio = ratio_of(pairs, metric, random)
    threshold = THRESHOLDS[metric]
    return Finding(
        metric=metric,
        ratio=ratio,
        threshold=threshold,
        worse=ratio.low > 1 and ratio.value >= 1 + threshold,
        better=ratio.high < 1 and ratio.value <= 1 / (1 + threshold),
    )
