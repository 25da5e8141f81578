"""Tests of the search, on simulated machines with many seeds.

What is asserted of simulated machines says that the search is sound, not how fast a
real one is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.errors import SearchMismatch
from capacity.judge_trial import Outcome, Reason
from capacity.search import (
    EXTRAS,
    FULL,
    PROFILES,
    QUICK,
    STANDARD,
    Done,
    Profile,
    Search,
    StopReason,
)
from capacity.simulated import SimulatedMachine, Stalls, run_search
from capacity.trial import UNLOADED, Accounting, Phase, Slo, TrialResult, TrialSpec

SEEDS = range(16)
SLO = Slo()
CALM: dict[str, Any] = {"capacity": 1_000}
MILD_STALLS = {**CALM, "stalls": Stalls(every=60, shortest=0.3, longest=1.5)}
LONG_STALLS = {**CALM, "stalls": Stalls(every=60, shortest=5, longest=5)}
CLIFF = {**CALM, "collapse": 0.3}
WARMING = {**CALM, "cold": 0.5, "warm_after": 60}
NOISY = {**CALM, "noise": 0.08, "disturbed": 0.1}
ALL_MACHINES: dict[str, dict[str, Any]] = {
    "calm": CALM,
    "fast": {"capacity": 16_000},
    "slow": {"capacity": 40},
    "mild stalls": MILD_STALLS,
    "long stalls": LONG_STALLS,
    "cliff": CLIFF,
    "warming": WARMING,
    "noisy": NOISY,
    "dead": {"capacity": 0},
    "late": {**CALM, "latency": 2.0},
    "generator limited": {"capacity": 5_000, "generator": 3_000},
    "no generator": {**CALM, "generator": 0.1},
    "disturbed host": {**CALM, "disturbed": 1.0},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One search that is done."""

    search: Search
    done: Done

    @property
    def lower(self) -> float:
        """The lower end of the edge, which must be there."""
        assert self.done.edge is not None
        return self.done.edge.lower


LOADS = frozenset(Phase) - UNLOADED - {Phase.CALIBRATE}


def ran(profile: Profile, seed: int, *, slo: Slo = SLO, **machine: Any) -> Ran:
    """Run one search on one simulated machine."""
    search = Search(profile, slo)
    simulated = SimulatedMachine(random=np.random.default_rng(seed), **machine)
    return Ran(search=search, done=run_search(search, simulated, slo))


def spread(figures: list[float]) -> float:
    """Return the coefficient of variation."""
    return float(np.std(figures) / np.mean(figures))


@pytest.mark.parametrize("machine", [CALM, CLIFF, WARMING], ids=str)
def test_standard_search_holds_the_true_capacity(machine: dict[str, Any]) -> None:
    """Both ends are confirmed, 10 % apart at most, and the truth lies between them."""
    runs = [ran(STANDARD, seed, **machine) for seed in SEEDS]

    for run in runs:
        edge = run.done.edge
        assert edge is not None
        assert edge.upper is not None
        assert run.done.stop is StopReason.WIDTH_REACHED
        assert edge.confirmed
        assert edge.lower * 0.99 <= 1_000 <= edge.upper * 1.01
        assert edge.upper / edge.lower <= 1.10
    assert spread([run.lower for run in runs]) <= 0.03


@pytest.mark.parametrize("capacity", [3, 40, 1_000, 16_000])
def test_capacity_of_any_size_is_found(capacity: float) -> None:
    """From 3 to 16,000 events/s the interval holds the truth."""
    for seed in SEEDS:
        run = ran(STANDARD, seed, capacity=capacity)

        assert run.done.edge is not None, run.done
        assert run.done.edge.upper is not None
        assert run.lower * 0.98 <= capacity <= run.done.edge.upper * 1.02


def test_quick_runs_agree() -> None:
    """Two quick searches differ by less than 15 %, and the truth is near."""
    lowers = [ran(QUICK, seed, **CALM).lower for seed in SEEDS]

    assert max(lowers) / min(lowers) < 1.15
    assert 900 <= min(lowers) <= max(lowers) <= 1_050


def test_quick_finds_a_fast_machine() -> None:
    """Much of the budget goes into the way there, and still a bound is confirmed."""
    runs = [ran(QUICK, seed, capacity=16_000) for seed in SEEDS]

    assert all(0.9 * 16_000 <= run.lower <= 1.05 * 16_000 for run in runs)
    assert all(run.done.sustained is not None for run in runs)


def test_stalls_lower_the_result_and_not_the_repeatability() -> None:
    """With a stall a minute, long trials make the bound repeatable, and it holds."""
    runs = [ran(STANDARD, seed, **MILD_STALLS) for seed in SEEDS]

    assert spread([run.lower for run in runs]) <= 0.08
    assert max(run.lower for run in runs) <= 1_000
    assert all(run.done.sustained is not None for run in runs)


def test_sustained_rate_holds_when_it_is_run_again() -> None:
    """Ten minutes at the sustained rate pass on another day, 9 times of 10."""
    held = []
    for seed in SEEDS:
        sustained = ran(STANDARD, seed, **MILD_STALLS).done.sustained
        assert sustained is not None
        again = SimulatedMachine(
            random=np.random.default_rng(1_000 + seed), **MILD_STALLS
        )
        spec = TrialSpec(
            id=1, phase=Phase.SUSTAINED, rate=sustained, settle=10, window=600, drain=60
        )
        shares = [
            sum(b.in_time for b in r.blocks) / sum(b.due for b in r.blocks)
            for r in (again.run(replace(spec, id=i), SLO) for i in range(5))
        ]
        held += [share >= SLO.p for share in shares]

    assert sum(held) / len(held) >= 0.9


def test_a_soak_that_fails_is_followed_by_one_that_fits() -> None:
    """What is left is too short for a long soak, and enough for one that confirms.

    It is longer than that only as far as the outage still has its place.
    """
    for seed in SEEDS[:4]:
        search = Search(replace(STANDARD, budget=2_300.0), SLO)
        machine = SimulatedMachine(random=np.random.default_rng(seed), **CALM)
        soaks: list[TrialSpec] = []
        while isinstance(spec := search.next(), TrialSpec):
            result = machine.run(spec, SLO)
            if spec.phase is Phase.SUSTAINED:
                soaks.append(spec)
                if spec.rate > 650:
                    lost = Accounting(sent=400_000, stored=399_999, lost=1)
                    result = replace(result, accounting=lost)
            search.observe(result)

        first, second = soaks
        assert first.window == STANDARD.soak
        assert first.rest == second.rest == STANDARD.rest
        assert not any(
            s.result.spec.rest for s in search.observed if s.result.spec not in soaks
        )
        assert STANDARD.confirm_window <= second.window < STANDARD.soak
        assert spec.sustained == second.rate == pytest.approx(0.9 * first.rate)
        made = {s.result.spec.phase for s in search.observed}
        assert Phase.OUTAGE in made or second.window == STANDARD.confirm_window


def test_a_soak_that_cannot_pass_leaves_time_for_a_whole_one() -> None:
    """It ends when more is late than all of it may have late, not after 10 minutes."""
    random = np.random.default_rng(1)
    search = Search(STANDARD, SLO)
    fresh = SimulatedMachine(random=random, **CALM)
    tired = SimulatedMachine(random=random, capacity=500)
    soaks: list[TrialResult] = []
    while isinstance(spec := search.next(), TrialSpec):
        soaking = spec.phase is Phase.SUSTAINED
        machine = tired if soaking and spec.rate > 650 else fresh
        search.observe(result := machine.run(spec, SLO))
        soaks += [result] if soaking else []

    first, second = soaks
    assert first.window == first.ended_after == 20.0
    assert second.window == STANDARD.soak
    assert Phase.OUTAGE in {s.result.spec.phase for s in search.observed}


def test_what_would_not_drain_is_a_clear_fail_though_it_was_ended() -> None:
    """A cliff is not walked over twice: one long trial says it."""
    for seed in SEEDS[:4]:
        rates = [
            seen.result.spec.rate
            for seen in ran(STANDARD, seed, **CLIFF).search.observed
            if seen.result.ended_after is not None
        ]
        assert rates
        assert len(rates) == len(set(rates))


def test_stalls_beyond_the_promise_are_never_promised() -> None:
    """Where 5 s of each minute stall, no rate is called sustained within 1 s."""
    for seed in SEEDS:
        run = ran(STANDARD, seed, **LONG_STALLS)

        assert run.done.sustained is None
        assert run.done.edge is None or not run.done.edge.confirmed


def test_stalls_within_the_promise_are_carried() -> None:
    """The same stalls are no obstacle to a promise of 6 s."""
    runs = [ran(STANDARD, seed, slo=Slo(limit=6), **LONG_STALLS) for seed in SEEDS]

    assert all(run.done.sustained is not None for run in runs)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda p: str(p.name))
@pytest.mark.parametrize("capacity", [0, 0.2])
def test_dead_machine_has_no_capacity_and_not_a_zero_one(
    profile: Profile, capacity: float
) -> None:
    """A machine that serves nothing ends the search soon, with the reason."""
    for seed in SEEDS:
        run = ran(profile, seed, capacity=capacity)

        assert run.done.edge is None
        assert run.done.sustained is None
        assert run.done.stop in {StopReason.NOT_DRAINED, StopReason.MIN_RATE_FAILS}
        assert Reason.ATTAINMENT in run.done.reasons
        assert len(run.search.observed) <= 40


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda p: str(p.name))
def test_machine_that_is_always_late_fails_at_the_least_rate(profile: Profile) -> None:
    """The search comes down to 1 event/s and says what it was that failed there."""
    for seed in SEEDS:
        run = ran(profile, seed, capacity=1_000, latency=2.0)

        assert run.done.stop is StopReason.MIN_RATE_FAILS
        assert run.done.reasons == (Reason.ATTAINMENT,)
        assert run.search.observed[-1].result.spec.rate == 1


def test_generator_is_not_taken_for_the_machine() -> None:
    """A machine faster than the generator gets a lower bound and no upper one."""
    for seed in SEEDS:
        run = ran(STANDARD, seed, capacity=5_000, generator=3_000)

        assert run.done.stop is StopReason.GENERATOR_LIMITED
        assert run.done.edge is not None
        assert run.done.edge.upper is None
        assert run.done.edge.lower_confirmed
        assert run.done.generator_max is not None
        assert 3_000 / 1.5 <= run.done.generator_max <= 3_000
        loads = [rate for phase, rate, _ in outcomes(run) if phase in LOADS]
        assert max(loads) == run.done.cap
        assert run.done.cap == pytest.approx(0.7 * run.done.generator_max)


def test_generator_that_slows_down_later_is_a_wall() -> None:
    """What the calibration promised and the load cannot keep bounds nothing."""
    for seed in SEEDS:
        search = Search(STANDARD, SLO)
        fast = SimulatedMachine(random=np.random.default_rng(seed), capacity=5_000)
        slow = replace(fast, generator=700)
        while isinstance(spec := search.next(), TrialSpec):
            calibrating = spec.phase in {Phase.PREFLIGHT, Phase.CALIBRATE}
            search.observe((fast if calibrating else slow).run(spec, SLO))

        assert spec.stop is StopReason.GENERATOR_LIMITED
        assert spec.edge is not None
        assert spec.edge.upper is None
        assert 600 <= spec.edge.lower <= 700


def test_fastest_rate_asked_for_is_enough() -> None:
    """A machine that carries the most that is asked for ends with `max_rate`."""
    run = ran(replace(STANDARD, max_rate=500.0), 1, **CALM)

    assert run.done.stop is StopReason.MAX_RATE
    assert run.done.edge is not None
    assert run.done.edge.lower == 500
    assert run.done.edge.upper is None


def test_disturbed_host_gives_no_figure() -> None:
    """Where each trial is disturbed, the search ends and names the disturbance."""
    run = ran(STANDARD, 1, **CALM, disturbed=1.0)

    assert run.done.stop is StopReason.NOT_VALID
    assert run.done.edge is None
    assert run.done.reasons == (Reason.STEAL,)


def test_disturbed_trials_are_made_again() -> None:
    """A tenth of trials disturbed costs time and does not change the result."""
    runs = [ran(STANDARD, seed, **CALM, disturbed=0.1) for seed in SEEDS]

    assert all(980 / 1.06 <= run.lower <= 1_010 for run in runs)
    assert any(
        seen.judgement.outcome is Outcome.INVALID
        for run in runs
        for seen in run.search.observed
        if seen.result.spec.phase is not Phase.CALIBRATE
    )


def contradicting(flips: Callable[[int], bool]) -> Done:
    """Run a search on a machine whose long trials pass and fail as told."""
    search = Search(replace(FULL, budget=1e9), SLO)
    machine = SimulatedMachine(random=np.random.default_rng(1), capacity=1_000)
    strong = replace(machine, capacity=10_000)
    weak = replace(machine, capacity=1)
    long = {Phase.CONFIRM_LOWER, Phase.CONFIRM_UPPER}
    asked: list[tuple[Phase, float]] = []
    while isinstance(spec := search.next(), TrialSpec):
        chosen = machine
        if spec.phase in long:
            if (spec.phase, spec.rate) not in asked:
                asked.append((spec.phase, spec.rate))
            chosen = strong if flips(len(asked)) else weak
        result = chosen.run(spec, SLO)
        chosen.backlog = 0
        search.observe(replace(result, drained=True))
    return spec


@pytest.mark.parametrize(
    "flips", [lambda _: True, lambda _: False], ids=["ever higher", "ever lower"]
)
def test_bounds_that_do_not_settle_are_unstable(
    flips: Callable[[int], bool],
) -> None:
    """After six moves no scalar is given, and the interval holds all that was seen."""
    done = contradicting(flips)

    assert done.stop is StopReason.UNSTABLE
    assert done.adjustments == 7
    assert not done.scalar
    assert done.edge is not None
    assert done.edge.upper is not None
    assert not done.edge.confirmed
    assert done.edge.upper / done.edge.lower > 1.3


@pytest.mark.parametrize(
    ("latency", "rates"),
    [
        (0.02, [400, 1_600, 6_400, 25_600]),
        (0.2, [400, 800, 1_600, 3_200, 6_400, 12_800, 25_600]),
    ],
    ids=["far below the promise", "near it"],
)
def test_the_way_to_the_edge_is_in_larger_steps_where_it_is_far(
    latency: float, rates: list[float]
) -> None:
    """A p99 below a tenth of the promise is that of a machine with little to do."""
    run = ran(QUICK, 1, capacity=16_000, latency=latency)
    asked = [rate for phase, rate, _ in outcomes(run) if phase is Phase.BRACKET]

    assert asked == [*rates, rates[-1]]


def test_a_disturbed_calibration_is_tried_with_less() -> None:
    """Else half the rate would bound the search, and the generator be blamed."""
    search = Search(QUICK, SLO)
    machine = SimulatedMachine(random=np.random.default_rng(1), capacity=1_000)
    asked = []
    while isinstance(spec := search.next(), TrialSpec):
        result = machine.run(spec, SLO)
        if spec.phase is Phase.CALIBRATE:
            asked.append(spec.rate)
            if spec.rate > 50_000:
                result = replace(result, host=replace(result.host, steal=0.08))
        search.observe(result)

    between = pytest.approx(45_255, abs=1)
    assert asked == [16_000, 32_000, 64_000, 64_000, 64_000, between]
    assert spec.generator_max == between


def test_a_calibration_that_was_late_once_bounds_nothing() -> None:
    """One hiccup of 10 ms would be the generator's limit, and the run's."""
    search = Search(QUICK, SLO)
    machine = SimulatedMachine(random=np.random.default_rng(1), capacity=1_000)
    asked = []
    while isinstance(spec := search.next(), TrialSpec):
        result = machine.run(spec, SLO)
        if spec.phase is Phase.CALIBRATE:
            asked.append(spec.rate)
            if asked == [16_000, 32_000]:
                late = replace(result.generator, lag_p99=0.02)
                result = replace(result, generator=late)
        search.observe(result)

    assert asked[:4] == [16_000, 32_000, 32_000, 64_000]
    assert spec.generator_max == pytest.approx(45_255, abs=1)


def test_an_outage_is_rehearsed() -> None:
    """A short one tells how fast the backlog of the long one will drain."""
    for profile in PROFILES.values():
        run = ran(profile, 1, **CALM)
        found = [
            seen.result.spec.outage
            for seen in run.search.observed
            if seen.result.spec.phase is Phase.OUTAGE
        ]

        assert found == [profile.rehearsal, profile.outage]
        assert run.done.outage_held


def test_a_rehearsal_that_lost_events_is_not_made_good() -> None:
    """The long outage may go well; the promise was broken all the same."""
    search = Search(QUICK, SLO)
    machine = SimulatedMachine(random=np.random.default_rng(1), capacity=1_000)
    while isinstance(spec := search.next(), TrialSpec):
        result = machine.run(spec, SLO)
        if spec.outage == QUICK.rehearsal:
            lost = replace(
                result.accounting, stored=result.accounting.stored - 1, lost=1
            )
            result = replace(result, accounting=lost)
        search.observe(result)

    assert spec.outage_held is False


@pytest.mark.parametrize("budget", range(1_800, 2_800, 100))
def test_last_word_on_the_lower_bound_is_no_fail(budget: int) -> None:
    """Wherever time runs out, no bound is told of which the last long trial failed."""
    for seed in SEEDS:
        run = ran(replace(STANDARD, budget=budget), seed, **MILD_STALLS)
        last = {
            rate: outcome
            for phase, rate, outcome in outcomes(run)
            if phase is Phase.CONFIRM_LOWER
        }

        assert last.get(run.lower) is not Outcome.FAIL


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda p: str(p.name))
@pytest.mark.parametrize("machine", ALL_MACHINES.values(), ids=ALL_MACHINES)
def test_budget_is_kept(profile: Profile, machine: dict[str, Any]) -> None:
    """No machine makes a search longer than its profile, or go below 1 event/s."""
    for seed in (1, 2):
        run = ran(profile, seed, **machine)
        rates = [
            seen.result.spec.rate
            for seen in run.search.observed
            if seen.result.spec.phase not in UNLOADED
        ]

        assert run.done.used <= profile.trial_budget
        assert run.done.used == pytest.approx(
            sum(seen.result.elapsed for seen in run.search.observed)
        )
        assert min(rates, default=1) >= 1
        assert len(run.search.observed) <= 60
        used = 0.0
        for seen in run.search.observed:
            spec = seen.result.spec
            most = spec.settle + spec.window + spec.outage + spec.drain
            assert used + most + profile.overhead <= profile.trial_budget + 1e-6
            used += seen.result.elapsed


def test_the_second_outage_is_all_that_is_left_of_the_two() -> None:
    """Once the rehearsal is over it is not waited for again."""
    search = Search(QUICK, SLO, skip=EXTRAS)
    machine = SimulatedMachine(random=np.random.default_rng(1), **CALM)
    left = {}
    while isinstance(spec := search.next(), TrialSpec):
        left[spec.phase, spec.outage] = search.progress().left
        search.observe(machine.run(spec, SLO))

    first = left[Phase.OUTAGE, QUICK.rehearsal]
    second = left[Phase.OUTAGE, QUICK.outage]
    assert second < first - QUICK.rehearsal - QUICK.settle
    assert second == pytest.approx(
        QUICK.outage * 3.8 + QUICK.confirm_settle + 2, rel=0.01
    )


def test_a_phase_that_is_skipped_takes_no_time() -> None:
    """Nor is it told as time that is left."""
    every, without = (
        Search(QUICK, SLO, skip=skip).progress().left for skip in ((), {Phase.OUTAGE})
    )

    assert without < every - QUICK.outage


@pytest.mark.parametrize("machine", ALL_MACHINES.values(), ids=ALL_MACHINES)
def test_progress_is_told(machine: dict[str, Any]) -> None:
    """The time left is never more than the budget, and 0 at the end."""
    search = Search(QUICK, SLO)
    simulated = SimulatedMachine(random=np.random.default_rng(5), **machine)
    before = search.progress()
    assert 200 <= before.left <= QUICK.trial_budget
    while isinstance(spec := search.next(), TrialSpec):
        now = search.progress()
        assert 0 <= now.left <= QUICK.trial_budget - now.used
        search.observe(simulated.run(spec, SLO))

    assert search.progress().left == 0
    assert search.progress().trials == len(search.observed)


def test_estimate_of_the_time_left_is_near() -> None:
    """At the first confirmation the estimate is within a third of the truth."""
    search = Search(STANDARD, SLO)
    machine = SimulatedMachine(random=np.random.default_rng(5), **CALM)
    estimate = None
    while isinstance(spec := search.next(), TrialSpec):
        if spec.phase is Phase.CONFIRM_LOWER and estimate is None:
            search.observe(machine.run(spec, SLO))
            progress = search.progress()
            estimate = progress.used, progress.left
        else:
            search.observe(machine.run(spec, SLO))

    assert estimate is not None
    used, left = estimate
    assert left == pytest.approx(spec.used - used, rel=0.33)


@given(
    seed=st.integers(0, 1_000),
    cut=st.integers(0, 60),
    machine=st.sampled_from(sorted(ALL_MACHINES)),
)
@settings(max_examples=30, deadline=None)
def test_interrupted_search_goes_on(seed: int, cut: int, machine: str) -> None:
    """Replaying what was kept gives the same next trial, and the same end."""
    whole = ran(QUICK, seed, **ALL_MACHINES[machine])
    results = [seen.result for seen in whole.search.observed]
    kept = results[:cut]

    search = Search.replay(QUICK, SLO, kept)
    for result in results[cut:]:
        assert search.next() == result.spec
        search.observe(result)

    assert search.next() == whole.done


@given(
    capacity=st.floats(0.1, 60_000),
    noise=st.floats(0, 0.2),
    collapse=st.floats(0.05, 1),
    generator=st.floats(1, 100_000),
    latency=st.floats(0, 1.5),
    disturbed=st.floats(0, 1),
    seed=st.integers(0, 1_000),
)
@settings(max_examples=60, deadline=None)
def test_any_machine_gets_an_honest_end(
    capacity: float,
    noise: float,
    collapse: float,
    generator: float,
    latency: float,
    disturbed: float,
    seed: int,
) -> None:
    """Each search ends in time; a bound has passed, and an upper one has failed."""
    run = ran(
        QUICK,
        seed,
        capacity=capacity,
        noise=noise,
        collapse=collapse,
        generator=generator,
        latency=latency,
        disturbed=disturbed,
    )
    done = run.done

    assert done.used <= QUICK.trial_budget
    assert (done.edge is None) <= bool(
        done.reasons or done.stop is StopReason.TIME_BUDGET
    )
    if done.sustained is not None:
        assert (Phase.SUSTAINED, done.sustained, Outcome.PASS) in outcomes(run)
    if done.edge is not None and done.edge.lower_confirmed:
        passed = [rate for _, rate, how in outcomes(run) if how is Outcome.PASS]
        assert done.edge.lower in passed
    if done.edge is not None and done.edge.upper_confirmed:
        failed = [rate for _, rate, how in outcomes(run) if how is Outcome.FAIL]
        assert done.edge.upper in failed
    for seen in run.search.observed:
        assert math.isfinite(seen.result.spec.rate)


def outcomes(run: Ran) -> list[tuple[Phase, float, Outcome]]:
    """Return what each trial was and how it ended."""
    return [
        (seen.result.spec.phase, seen.result.spec.rate, seen.judgement.outcome)
        for seen in run.search.observed
    ]


def test_long_trials_at_low_rates_are_longer() -> None:
    """A p99 needs 1,000 events, so a long trial at 3/s takes longer than at 300/s."""
    search = ran(STANDARD, 1, capacity=3).search
    long = [
        seen.result.spec
        for seen in search.observed
        if seen.result.spec.phase is Phase.CONFIRM_LOWER
    ]

    assert all(spec.rate * spec.window >= 999 for spec in long)


def test_result_of_another_trial_is_refused() -> None:
    """A result that nobody asked for is an error, not a surprise later."""
    search = Search(QUICK, SLO)
    machine = SimulatedMachine(random=np.random.default_rng(1), **CALM)
    spec = search.next()
    assert isinstance(spec, TrialSpec)
    result = machine.run(spec, SLO)

    with pytest.raises(SearchMismatch, match="expects trial 1"):
        search.observe(replace(result, spec=replace(spec, rate=7)))


def test_results_of_another_profile_are_refused() -> None:
    """A standard search does not go on from the trials of a quick one."""
    results: list[TrialResult] = [
        seen.result for seen in ran(QUICK, 1, **CALM).search.observed
    ]

    with pytest.raises(SearchMismatch):
        Search.replay(STANDARD, SLO, results)


def test_search_that_is_done_takes_no_more() -> None:
    """After the end nothing is asked for, so nothing can be observed."""
    run = ran(QUICK, 1, **CALM)

    with pytest.raises(SearchMismatch, match="expects no trial"):
        run.search.observe(run.search.observed[-1].result)
