"""Tests of the regression gate: order, ratios, verdicts, false alarms, power.

The noise is made up after what is published of shared machines: CPU time an event
varies by a few percent, a p99 by a fifth with outliers, and both drift together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.errors import NotEnoughData
from capacity.gate import (
    Metric,
    Pair,
    Side,
    Verdict,
    confirm,
    false_alarm_rate,
    judge_pairs,
    order_of,
    ratio_of,
)
from capacity.gate.verdict import GateResult

PAIRS = 5
RUNS = 200


def random(seed: int = 1) -> np.random.Generator:
    """Return a source of chance that is the same in each run."""
    return np.random.default_rng(seed)


class NoisyHost:
    """A host whose trials drift and jump; a version costs `worse` times as much."""

    def __init__(self, seed: int) -> None:
        self.random = random(seed)
        self.drift = 0.0

    def trial(self, *, worse: float = 1.0) -> Mapping[Metric, float]:
        """Measure one trial of a version."""
        self.drift = 0.9 * self.drift + self.random.normal(0, 0.02)
        cpu = math.exp(self.random.normal(0, 0.03) + self.drift)
        p99 = math.exp(self.random.normal(0, 0.15) + 2 * self.drift)
        if self.random.random() < 0.05:
            p99 *= 4
        return {
            Metric.CPU_PER_EVENT: 40e-6 * cpu * worse,
            Metric.P99: 0.1 * p99 * worse,
        }

    def pairs(self, count: int = PAIRS, *, worse: float = 1.0) -> list[Pair]:
        """Measure pairs in the gate's own order."""
        order = order_of(count, self.random)
        found = []
        for first, second in zip(order[::2], order[1::2], strict=True):
            measured = {
                side: self.trial(worse=worse if side is Side.NEW else 1.0)
                for side in (first, second)
            }
            found.append(Pair(base=measured[Side.BASE], new=measured[Side.NEW]))
        return found

    def gate(self, *, worse: float = 1.0) -> Verdict:
        """Run the whole gate, with its confirmation."""
        first = judged(self.pairs(worse=worse), self.random)
        if first.verdict is not Verdict.CONFIRM:
            return first.verdict
        return confirm(
            first,
            self.pairs(worse=worse),
            base_fingerprint="a",
            new_fingerprint="a",
            random=self.random,
        ).verdict


def judged(pairs: list[Pair], chance: np.random.Generator) -> GateResult:
    """Judge pairs of one host."""
    return judge_pairs(pairs, base_fingerprint="a", new_fingerprint="a", random=chance)


def pairs_of(metric: Metric, *ratios: float) -> list[Pair]:
    """Return pairs in which the new version has these ratios."""
    return [Pair(base={metric: 2.0}, new={metric: 2.0 * ratio}) for ratio in ratios]


@given(count=st.integers(0, 30), seed=st.integers(0, 99))
def test_order_is_balanced_and_mirrored(count: int, seed: int) -> None:
    """Each pair has both sides, and each second pair mirrors the one before."""
    order = order_of(count, random(seed))
    pairs = list(zip(order[::2], order[1::2], strict=True))

    assert len(pairs) == count
    assert all(set(pair) == set(Side) for pair in pairs)
    assert all(second == first[::-1] for first, second in list(pairwise(pairs))[::2])


def test_order_is_left_to_chance() -> None:
    """Either side begins about as often, and the same seed gives the same order."""
    begun = [order_of(1, random(seed))[0] for seed in range(200)]

    assert 70 <= begun.count(Side.BASE) <= 130
    assert order_of(8, random(3)) == order_of(8, random(3))


@pytest.mark.parametrize(
    ("metric", "ratios", "value"),
    [
        (Metric.CPU_PER_EVENT, (1.1, 1.1, 1.1), 1.1),
        (Metric.P99, (2.0, 0.5), 1.0),
        (Metric.CAPACITY, (0.5, 0.5), 2.0),
    ],
)
def test_ratio_above_one_is_worse(
    metric: Metric, ratios: tuple[float, ...], value: float
) -> None:
    """More CPU, a longer p99 and less capacity are all worse."""
    ratio = ratio_of(pairs_of(metric, *ratios), metric, random())

    assert ratio.value == pytest.approx(value)
    assert ratio.low - 1e-9 <= ratio.value <= ratio.high + 1e-9


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    """With five noisy pairs of equal versions the interval mostly holds 1."""
    chance = random()
    missed = 0
    for _ in range(RUNS):
        pairs = pairs_of(Metric.P99, *np.exp(chance.normal(0, 0.1, PAIRS)))
        ratio = ratio_of(pairs, Metric.P99, chance)
        missed += not ratio.low <= 1 <= ratio.high

    assert missed <= 0.12 * RUNS


def test_one_pair_has_no_ratio() -> None:
    """One pair says nothing of its own spread."""
    with pytest.raises(NotEnoughData, match="ratio of p99 needs 2"):
        ratio_of(pairs_of(Metric.P99, 1.0), Metric.P99, random())


@pytest.mark.parametrize(
    ("metric", "ratios", "verdict"),
    [
        (Metric.CPU_PER_EVENT, (1.06, 1.055, 1.06, 1.065, 1.06), Verdict.CONFIRM),
        (Metric.CPU_PER_EVENT, (1.04, 1.045, 1.04, 1.04, 1.04), Verdict.PASS),
        (Metric.CPU_PER_EVENT, (1.5, 0.7, 1.5, 0.8, 1.3), Verdict.PASS),
        (Metric.CPU_PER_EVENT, (0.5, 0.5, 0.5, 0.5, 0.5), Verdict.PASS),
        (Metric.P99, (1.09, 1.09, 1.09, 1.09, 1.09), Verdict.PASS),
        (Metric.P99, (1.11, 1.12, 1.13, 1.12, 1.11), Verdict.CONFIRM),
        (Metric.CAPACITY, (0.89, 0.88, 0.9, 0.89, 0.88), Verdict.CONFIRM),
        (Metric.CAPACITY, (1.2, 1.2, 1.2, 1.2, 1.2), Verdict.PASS),
        (Metric.P99, (2, 2, 2, 2), Verdict.INCONCLUSIVE),
        (Metric.P99, (0, 2, 2, 2, 2), Verdict.INCONCLUSIVE),
        (Metric.P99, (), Verdict.INCONCLUSIVE),
    ],
    ids=str,
)
def test_effect_must_be_large_and_sure(
    metric: Metric, ratios: tuple[float, ...], verdict: Verdict
) -> None:
    """Small, unsure and welcome effects pass; too few valid pairs decide nothing."""
    assert judged(pairs_of(metric, *ratios), random()).verdict is verdict


@pytest.mark.parametrize(
    ("base", "new", "verdict"),
    [
        (0, 1, Verdict.PASS),
        (0, 2, Verdict.CONFIRM),
        (1, 2, Verdict.PASS),
        (1, 3, Verdict.CONFIRM),
        (2, 5, Verdict.INCONCLUSIVE),
    ],
)
def test_failures_count_beyond_those_of_the_base(
    base: int, new: int, verdict: Verdict
) -> None:
    """One may be an accident; a base that fails says that the load is too much."""
    figures = {Metric.P99: 2.0}
    pairs = [
        Pair(base=figures, new=figures, base_failed=i < base, new_failed=i < new)
        for i in range(5)
    ]

    assert judged(pairs, random()).verdict is verdict


def test_other_host_is_not_comparable() -> None:
    """Neither a disaster nor a triumph counts where the fingerprints differ."""
    for ratio in (0.1, 10.0):
        result = judge_pairs(
            pairs_of(Metric.P99, *[ratio] * 5),
            base_fingerprint="a",
            new_fingerprint="b",
            random=random(),
        )

        assert result.verdict is Verdict.NOT_COMPARABLE
        assert result.findings == ()


@pytest.mark.parametrize(
    ("cpu", "p99", "count", "verdict"),
    [
        (1.2, 1.0, 5, Verdict.FAIL),
        (1.0, 1.0, 5, Verdict.PASS),
        (1.0, 1.5, 5, Verdict.PASS),
        (1.2, 1.5, 5, Verdict.FAIL),
        (1.2, 1.0, 4, Verdict.INCONCLUSIVE),
    ],
    ids=["again", "not again", "another metric", "both", "too few"],
)
def test_red_needs_the_same_again(
    cpu: float, p99: float, count: int, verdict: Verdict
) -> None:
    """Fresh pairs must be worse in the metric that was worse before."""

    def pairs(cpu: float, p99: float, count: int) -> list[Pair]:
        base = {Metric.CPU_PER_EVENT: 1.0, Metric.P99: 1.0}
        new = {Metric.CPU_PER_EVENT: cpu, Metric.P99: p99}
        return [Pair(base=base, new=new)] * count

    first = judged(pairs(1.2, 1.0, 5), random())
    second = confirm(
        first,
        pairs(cpu, p99, count),
        base_fingerprint="a",
        new_fingerprint="a",
        random=random(),
    )

    assert first.worse == {Metric.CPU_PER_EVENT}
    assert second.verdict is verdict


@pytest.mark.parametrize(
    ("fresh", "verdict"),
    [
        ((1.3, 0.98, 1.4, 0.99, 1.3), Verdict.INCONCLUSIVE),
        ((1.1, 0.98, 1.1, 0.97, 1.0), Verdict.PASS),
        ((1.3, 1.2, 1.4, 1.3, 1.3), Verdict.FAIL),
    ],
    ids=["large and unsure", "small and unsure", "large and sure"],
)
def test_what_is_large_again_and_unsure_is_not_green(
    fresh: tuple[float, ...], verdict: Verdict
) -> None:
    """On a restless host the second set may be too noisy to confirm anything."""
    first = judged(pairs_of(Metric.P99, 1.2, 1.2, 1.2, 1.2, 1.2), random())
    second = confirm(
        first,
        pairs_of(Metric.P99, *fresh),
        base_fingerprint="a",
        new_fingerprint="a",
        random=random(),
    )

    assert second.verdict is verdict


@pytest.mark.parametrize(
    ("failures", "verdict"),
    [(0, Verdict.PASS), (1, Verdict.INCONCLUSIVE), (2, Verdict.FAIL)],
)
def test_a_version_that_fails_once_more_is_not_green(
    failures: int, verdict: Verdict
) -> None:
    """Neither is it red: one failure may be an accident."""

    def pairs(count: int) -> list[Pair]:
        same = {Metric.P99: 2.0}
        return [Pair(base=same, new=same, new_failed=i < count) for i in range(5)]

    second = confirm(
        judged(pairs(3), random()),
        pairs(failures),
        base_fingerprint="a",
        new_fingerprint="a",
        random=random(),
    )

    assert second.verdict is verdict


def test_equal_versions_are_seldom_red() -> None:
    """On a noisy host one gate in twenty at most is red for nothing."""
    host = NoisyHost(1)
    red = sum(host.gate() is Verdict.FAIL for _ in range(RUNS))

    assert red / RUNS <= 1 / 20


@pytest.mark.parametrize(
    ("worse", "least", "most"), [(1.15, 0.9, 1.0), (1.02, 0.0, 0.05)]
)
def test_power_of_the_gate(worse: float, least: float, most: float) -> None:
    """15 % more CPU is nearly always red, 2 % hardly ever."""
    host = NoisyHost(2)
    red = sum(host.gate(worse=worse) is Verdict.FAIL for _ in range(RUNS)) / RUNS

    assert least <= red <= most


def test_false_alarm_rate_is_measured() -> None:
    """From trials of one version the rate is small, and unknown from too few."""
    host = NoisyHost(3)
    trials = [host.trial() for _ in range(20)]

    rate = false_alarm_rate(trials, pairs=PAIRS, runs=RUNS, random=random())

    assert rate <= 1 / 20
    assert math.isnan(
        false_alarm_rate(trials[:9], pairs=PAIRS, runs=RUNS, random=random())
    )


def test_gate_that_sees_regressions_everywhere_would_be_noticed() -> None:
    """A host on which sides of a pair differ wildly alike shows a rate above 0."""
    trials = [{Metric.CPU_PER_EVENT: 1.0 if i % 2 else 1.3} for i in range(20)]

    rate = false_alarm_rate(trials, pairs=5, runs=500, random=random())

    assert 0 < rate < 0.05
