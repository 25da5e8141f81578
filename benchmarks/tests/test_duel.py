"""Tests of the duel: order, confirmation, what is not valid, and who has failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from capacity.duel import Duel, Duelled
from capacity.gate import Metric, Sample, Side, Verdict
from capacity.judge_trial import Outcome


@dataclass
class Host:
    """A host on which the new version costs `worse` times as much.

    Args:
        until: from this pair on, counted over all sets, it costs the same again.
        outcomes: of trials, by side, instead of a pass.
        invalid: numbers of trials that are not valid, counted from 1.
        silent: sides of which nothing can be measured.
    """

    worse: float = 1.0
    until: int = 1_000
    outcomes: dict[Side, Outcome] = field(default_factory=dict)
    invalid: set[int] = field(default_factory=set)
    silent: set[Side] = field(default_factory=set)
    fingerprints: Callable[[int], str] = lambda _trial: "a"
    trials: list[tuple[Side, int]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    now: float = 0.0

    def measure(self, side: Side, pair: int) -> Sample:
        """Make a trial of 100 s."""
        self.now += 100.0
        self.trials.append((side, pair))
        count = len(self.trials)
        worse = self.worse if side is Side.NEW and count <= 2 * self.until else 1.0
        outcome = self.outcomes.get(side, Outcome.PASS)
        if count in self.invalid:
            outcome = Outcome.INVALID
        jitter = 1 + 0.001 * (count % 3)
        metrics = {
            Metric.CPU_PER_EVENT: 5e-4 * worse * jitter,
            Metric.P99: 0.2 * jitter,
        }
        return Sample(
            pair=pair,
            side=side,
            fingerprint=self.fingerprints(count),
            outcome=outcome,
            reasons=() if outcome is Outcome.PASS else ("steal",),
            metrics={} if side in self.silent else metrics,
            cpu={"enrichment-pipeline": 3e-4 * worse},
        )

    def duel(self, pairs: int = 5, seed: int = 1) -> Duelled:
        """Run a whole duel."""
        return self.prepared(pairs, seed).run()

    def prepared(self, pairs: int = 5, seed: int = 1) -> Duel:
        """Return a duel that has not begun."""
        return Duel(
            self.measure,
            pairs=pairs,
            random=np.random.default_rng(seed),
            said=self.lines.append,
            clock=lambda: self.now,
            trial_seconds=60.0,
        )


def test_equal_versions_need_one_set() -> None:
    """Ten trials in mirrored pairs, and green."""
    host = Host()
    ended = host.duel()

    assert ended.result.verdict is Verdict.PASS
    assert ended.first is None
    sides = [side for side, _ in host.trials]
    assert len(sides) == 10
    assert sides[2:4] == sides[:2][::-1]
    assert [number for _, number in host.trials] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_a_worse_version_is_red_after_fresh_pairs() -> None:
    """Twenty trials; the verdict is that of both sets."""
    host = Host(worse=1.3)
    ended = host.duel()

    assert ended.result.verdict is Verdict.FAIL
    assert ended.first is not None
    assert ended.first.verdict is Verdict.CONFIRM
    assert [bout.fresh for bout in ended.bouts] == [False] * 5 + [True] * 5
    assert ended.result.worse == {Metric.CPU_PER_EVENT}


def test_what_does_not_come_again_is_green() -> None:
    """An accident of the first five pairs is none of the fresh ones."""
    ended = Host(worse=1.3, until=5).duel()

    assert ended.result.verdict is Verdict.PASS
    assert ended.first is not None


def test_a_better_version_is_green_without_confirmation() -> None:
    """Nothing is to be confirmed."""
    ended = Host(worse=0.7).duel()

    assert ended.result.verdict is Verdict.PASS
    assert ended.first is None
    assert all(
        found.better == (found.metric is Metric.CPU_PER_EVENT)
        for found in ended.result.findings
    )


def test_a_new_version_that_fails_is_red_whatever_it_costs() -> None:
    """It loses events, or no longer answers: no ratio is needed."""
    ended = Host(outcomes={Side.NEW: Outcome.FAIL}).duel()

    assert ended.result.verdict is Verdict.FAIL
    assert ended.result.broken
    assert (ended.result.base_failures, ended.result.new_failures) == (0, 5)


def test_a_new_version_that_stores_nothing_has_no_figures_and_is_red() -> None:
    """There is no ratio then, and no need for one."""
    host = Host(outcomes={Side.NEW: Outcome.FAIL}, silent={Side.NEW})

    assert host.duel().result.verdict is Verdict.FAIL


def test_few_pairs_that_fail_decide_nothing() -> None:
    """Two failures of two pairs are too few as well."""
    ended = Host(outcomes={Side.NEW: Outcome.FAIL}).duel(2)

    assert ended.result.verdict is Verdict.INCONCLUSIVE


def test_a_base_that_fails_decides_nothing() -> None:
    """The rate is too high to compare at."""
    for new in (Outcome.FAIL, Outcome.PASS):
        host = Host(outcomes={Side.BASE: Outcome.FAIL, Side.NEW: new}, worse=1.3)

        assert host.duel().result.verdict is Verdict.INCONCLUSIVE


def test_a_pair_with_a_trial_that_is_not_valid_is_measured_again() -> None:
    """Both sides of it: a pair is one right after the other."""
    host = Host(invalid={4})
    ended = host.duel()

    assert ended.result.verdict is Verdict.PASS
    assert len(ended.bouts) == 5
    assert [number for _, number in host.trials][2:6] == [2, 2, 2, 2]
    assert any("measured again" in line for line in host.lines)


def test_too_many_trials_that_are_not_valid_decide_nothing() -> None:
    """Five times a pair is measured again; then it ends, and whole pairs are kept."""
    host = Host(invalid=set(range(3, 100)))
    ended = host.duel()

    assert ended.result.verdict is Verdict.INCONCLUSIVE
    assert len(ended.bouts) == 1
    assert len(host.trials) == 8


def test_a_pair_too_few_can_be_spared() -> None:
    """Of seven, five are enough."""
    ended = Host(invalid=set(range(3, 11))).duel(7)

    assert ended.result.verdict is Verdict.PASS
    assert len(ended.bouts) == 6


@pytest.mark.parametrize("pairs", [1, 2, 4])
def test_few_pairs_decide_nothing(pairs: int) -> None:
    """What they show is returned all the same, from two pairs on."""
    ended = Host(worse=2.0).duel(pairs)

    assert ended.result.verdict is Verdict.INCONCLUSIVE
    assert len(ended.result.findings) == (0 if pairs < 2 else 2)


def test_a_host_that_changes_ends_it() -> None:
    """At once, and without a verdict on the version."""
    host = Host(worse=1.3, fingerprints=lambda trial: "a" if trial < 4 else "b")
    ended = host.duel()

    assert ended.result.verdict is Verdict.NOT_COMPARABLE
    assert len(host.trials) == 4


def test_a_host_that_changes_before_the_confirmation_is_no_confirmation() -> None:
    """Fresh pairs of another host say nothing about the first ones."""
    host = Host(worse=1.3, fingerprints=lambda trial: "a" if trial <= 10 else "b")

    assert host.duel().result.verdict is Verdict.NOT_COMPARABLE


def test_whole_pairs_outlive_an_interruption() -> None:
    """Who interrupts finds them in `bouts`."""
    host = Host()

    def interrupted(trial: int) -> str:
        if trial == 4:
            raise KeyboardInterrupt
        return "a"

    host.fingerprints = interrupted
    duel = host.prepared()
    with pytest.raises(KeyboardInterrupt):
        duel.run()
    assert len(duel.bouts) == 1


def test_time_left_is_told_from_what_trials_took() -> None:
    """Expected at first, then by the mean."""
    host = Host()
    host.duel()

    told = [line for line in host.lines if "left" in line]
    assert "pair 1 of 5" in told[0]
    assert "about 10 min left" in told[0]
    assert "about 15 min left" in told[1]
    assert "about 1.7 min left" in told[-1]
