"""Tests of what comes after the search: which trials, in which order, in which time."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import numpy as np
import pytest

from capacity.search import (
    EXTRAS,
    FULL,
    QUICK,
    STANDARD,
    Done,
    Profile,
    Search,
    StopReason,
)
from capacity.search.extras import extras_of
from capacity.simulated import SimulatedMachine
from capacity.trial import Accounting, Phase, Slo, TrialResult, TrialSpec

SLO = Slo()


def specs(
    profile: Profile,
    *,
    capacity: float = 16_000.0,
    skip: Collection[Phase] = (),
    spoil: Callable[[TrialResult], TrialResult] = lambda result: result,
) -> tuple[list[TrialSpec], Done]:
    """Return the trials after the search on a calm machine, and the end."""
    search = Search(profile, SLO, skip=skip)
    machine = SimulatedMachine(random=np.random.default_rng(1), capacity=capacity)
    asked = []
    while isinstance(spec := search.next(), TrialSpec):
        if spec.phase in EXTRAS:
            asked.append(spec)
        search.observe(spoil(machine.run(spec, SLO)))
    return asked, spec


def phases(found: list[TrialSpec]) -> list[Phase]:
    """Return the phase of each."""
    return [spec.phase for spec in found]


@pytest.mark.parametrize(
    ("profile", "again"),
    [pytest.param(STANDARD, 3, id="standard"), pytest.param(FULL, 3, id="full")],
)
def test_all_is_measured_in_its_order(profile: Profile, again: int) -> None:
    """A fast and calm machine leaves time for everything.

    What is left lets steps of entities be made again, those with most first.
    """
    found, done = specs(profile)

    assert phases(found) == [
        Phase.IDLE,
        Phase.LOW,
        Phase.DIRECT,
        Phase.COLD,
        *[Phase.CARDINALITY] * 3,
        *[Phase.AGE] * 2,
        *[Phase.CARDINALITY] * again,
    ]
    assert done.used <= profile.trial_budget


@pytest.mark.parametrize("capacity", [300, 1_000, 16_000, 30_000])
def test_quick_measures_idle_and_direct_writes(capacity: float) -> None:
    """They fit into 8 minutes, and nothing else does."""
    found, done = specs(QUICK, capacity=capacity)

    assert phases(found) == [Phase.IDLE, Phase.DIRECT]
    assert done.used <= QUICK.trial_budget


def test_each_trial_says_what_it_needs() -> None:
    """Entities, the past, and rates that follow from the sustained one."""
    found, done = specs(STANDARD)
    assert done.sustained is not None
    by_phase = {phase: [s for s in found if s.phase is phase] for phase in EXTRAS}
    steps, ages = by_phase[Phase.CARDINALITY], by_phase[Phase.AGE]

    assert [s.entities for s in steps[:3]] == [1_000, 10_000, 100_000]
    assert {s.rate for s in (*steps, *ages)} == {0.5 * done.sustained}
    assert steps[2].settle * steps[2].rate > 100_000
    assert [s.past_points for s in ages] == [36_000, 864_000]
    assert [s.past_hours for s in by_phase[Phase.COLD]] == [72.0]
    assert [s.rate for s in by_phase[Phase.LOW]] == [300.0]
    assert [s.past_rate for s in by_phase[Phase.DIRECT]] == [done.sustained]
    unloaded = (Phase.IDLE, Phase.DIRECT, Phase.COLD)
    assert {s.rate for phase in unloaded for s in by_phase[phase]} == {0.0}


def test_entities_are_measured_there_and_back() -> None:
    """Each step lies as far from the middle twice, so a steady drift cancels out."""
    found, _ = specs(FULL)
    entities = [s.entities for s in found if s.phase is Phase.CARDINALITY]

    assert entities == [1_000, 10_000, 100_000, 100_000, 10_000, 1_000]


def test_only_a_real_source_is_asked_what_it_can_emit() -> None:
    """Four times the edge, and never more than the generator can send."""
    search = Search(STANDARD, SLO, real=True)
    machine = SimulatedMachine(
        random=np.random.default_rng(1), capacity=2_000, generator=3_500
    )
    asked = {}
    while isinstance(spec := search.next(), TrialSpec):
        asked[spec.phase] = spec.rate
        search.observe(machine.run(spec, SLO))
    assert spec.edge is not None
    assert spec.cap is not None

    assert Phase.DIRECT not in asked
    assert asked[Phase.EMIT] == min(4 * spec.edge.lower, spec.cap)
    assert Phase.EMIT not in phases(specs(STANDARD)[0])


def test_slow_machine_is_not_asked_for_the_low_rate() -> None:
    """300 events/s are no low rate where 210 are sustained."""
    found, _ = specs(STANDARD, capacity=300)

    assert Phase.LOW not in phases(found)
    assert Phase.CARDINALITY in phases(found)


def test_what_is_skipped_is_not_made() -> None:
    """An outage can be left out as well."""
    found, done = specs(STANDARD, skip={Phase.OUTAGE, Phase.CARDINALITY, Phase.COLD})

    assert set(phases(found)) == {Phase.IDLE, Phase.LOW, Phase.DIRECT, Phase.AGE}
    assert done.outage_held is None


def test_without_a_sustained_rate_nothing_is_loaded() -> None:
    """No rate is known that would be safe; what needs none is measured."""
    loads = {extra.phase for extra in extras_of(FULL, sustained=None)}

    assert loads == {Phase.IDLE, Phase.DIRECT, Phase.COLD}


def test_a_step_that_is_not_valid_ends_its_phase_only() -> None:
    """Three tries, no other step to compare with it, and then the next phase."""

    def spoil(result: TrialResult) -> TrialResult:
        if result.spec.phase is not Phase.CARDINALITY:
            return result
        return replace(result, accounting=Accounting(sent=2, stored=1))

    found, _ = specs(STANDARD, spoil=spoil)

    assert phases(found).count(Phase.CARDINALITY) == 3
    assert {s.entities for s in found if s.entities} == {1_000}
    assert phases(found)[-1] is Phase.AGE


def test_time_that_has_run_out_leaves_the_last_ones_out() -> None:
    """The search itself is not cut for them, and the budget is kept."""
    short = replace(STANDARD, budget=1_900.0)
    found, done = specs(short)

    assert done.sustained is not None
    assert phases(found)[:4] == [Phase.IDLE, Phase.LOW, Phase.DIRECT, Phase.COLD]
    assert phases(found)[4:] == [*[Phase.CARDINALITY] * 3, *[Phase.AGE] * 2]
    assert done.used <= short.trial_budget


@pytest.mark.parametrize("budget", range(2_250, 2_700, 50))
def test_budget_is_kept_wherever_time_runs_out(budget: float) -> None:
    """Writing the past is part of what a trial takes."""
    short = replace(STANDARD, budget=budget)

    assert specs(short)[1].used <= short.trial_budget


@pytest.mark.parametrize(
    ("real", "wanted"),
    [(False, {Phase.IDLE, Phase.DIRECT}), (True, {Phase.IDLE, Phase.EMIT})],
)
def test_confirmation_leaves_time_for_the_short_ones(
    wanted: set[Phase], *, real: bool
) -> None:
    """Where bounds do not agree at once, a quick run still looks at its targets."""
    late = 0
    for seed in range(16):
        search = Search(QUICK, SLO, real=real)
        machine = SimulatedMachine(
            random=np.random.default_rng(seed), capacity=16_000.0, noise=0.08
        )
        made = set()
        while isinstance(spec := search.next(), TrialSpec):
            made.add(spec.phase)
            search.observe(machine.run(spec, SLO))
        late += spec.stop is StopReason.TIME_BUDGET
        if spec.outage_held:
            assert wanted <= made

    assert late
