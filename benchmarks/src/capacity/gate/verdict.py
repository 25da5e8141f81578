"""The gate's verdicts: two steps to red, and how often it is red for nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np

from .order import LEAST_PAIRS
from .ratios import Metric, Pair, Ratio, having, ratio_of

__all__ = [
    "FAILURES",
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
FAILURES: Final = 2
"""So many failed trials are no accident; a single one may be."""


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
    """The verdict with what it rests on.

    Failures are pairs in which that side has not carried the load.
    """

    verdict: Verdict
    findings: tuple[Finding, ...]
    base_failures: int = 0
    new_failures: int = 0

    @property
    def worse(self) -> frozenset[Metric]:
        """The metrics that are worse beyond chance and threshold."""
        return frozenset(found.metric for found in self.findings if found.worse)

    @property
    def broken(self) -> bool:
        """Whether the new version fails under a load that the base carries."""
        return self.new_failures - self.base_failures >= FAILURES


def judge_pairs(
    pairs: Sequence[Pair],
    *,
    base_fingerprint: str,
    new_fingerprint: str,
    random: np.random.Generator,
) -> GateResult:
    """Judge the first pairs: PASS, or CONFIRM with which metrics.

    A metric that no pair has is left out. INCONCLUSIVE are fewer than five pairs of
    any metric that is there, and a base that does not carry the load; NOT_COMPARABLE
    are two hosts, or one that was changed.
    """
    if base_fingerprint != new_fingerprint:
        return GateResult(verdict=Verdict.NOT_COMPARABLE, findings=())
    base_failures = sum(pair.base_failed for pair in pairs)
    new_failures = sum(pair.new_failed for pair in pairs)
    counts = {metric: len(having(pairs, metric)) for metric in Metric}
    there = {metric: count for metric, count in counts.items() if count}
    findings = tuple(
        _finding(pairs, metric, random) for metric, count in there.items() if count > 1
    )
    result = GateResult(
        verdict=Verdict.INCONCLUSIVE,
        findings=findings,
        base_failures=base_failures,
        new_failures=new_failures,
    )
    # What stores nothing has no figures: then the failures say it.
    known = result.broken or min(there.values(), default=0) >= LEAST_PAIRS
    if len(pairs) < LEAST_PAIRS or not known or base_failures >= FAILURES:
        return result
    red = result.broken or result.worse
    return replace(result, verdict=Verdict.CONFIRM if red else Verdict.PASS)


def confirm(
    first: GateResult,
    fresh: Sequence[Pair],
    *,
    base_fingerprint: str,
    new_fingerprint: str,
    random: np.random.Generator,
) -> GateResult:
    """Judge fresh pairs after CONFIRM: FAIL only if the same is worse again.

    INCONCLUSIVE if it is beyond its limit again, and only not sure: that is no reason
    to call it green.
    """
    second = judge_pairs(
        fresh,
        base_fingerprint=base_fingerprint,
        new_fingerprint=new_fingerprint,
        random=random,
    )
    if second.verdict in {Verdict.NOT_COMPARABLE, Verdict.INCONCLUSIVE}:
        return second
    again = first.worse & second.worse or (first.broken and second.broken)
    if again:
        return replace(second, verdict=Verdict.FAIL)
    unsure = any(
        found.metric in first.worse and found.ratio.value >= 1 + found.threshold
        for found in second.findings
    ) or (first.broken and second.new_failures > second.base_failures)
    return replace(second, verdict=Verdict.INCONCLUSIVE if unsure else Verdict.PASS)


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
