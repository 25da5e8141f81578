"""Tests of the judge: one broken condition at a time, and what follows from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.judge_trial import (
    Judgement,
    Outcome,
    Reason,
    attainment_of,
    judge,
    little_residual,
    may_still_pass,
)
from capacity.trial import (
    Accounting,
    Arrival,
    Backlog,
    Block,
    Generator,
    Host,
    Outage,
    Phase,
    Quantiles,
    Resources,
    Slo,
    Stage,
    TrialResult,
    TrialSpec,
)

SLO = Slo(p=0.99, limit=1.0)
GENERATOR = Generator(lag_p50=0.001, lag_p99=0.010, cpu_share=0.8)
LATENCY = Quantiles(mean=0.1, p50=0.1, p90=0.1, p99=0.2, p999=0.3, max=0.4)
GOOD = TrialResult(
    spec=TrialSpec(
        id=1, phase=Phase.BISECT, rate=1_000, settle=10, window=20, drain=60
    ),
    elapsed=33,
    achieved=990,
    generator=GENERATOR,
    host=Host(steal=0.049, pressure_before=0.049),
    blocks=(Block(due=10_000, in_time=9_900), Block(due=10_000, in_time=9_900)),
    latency={Stage.TOTAL: LATENCY},
    accounting=Accounting(sent=30_000, stored=30_000),
    backlog=Backlog(mean=99, end=500, slope=12.5),
    resources={"influxdb": Resources(cpu=10)},
)


def test_good_trial_passes_at_each_limit() -> None:
    """A trial that is exactly at the limits is valid and passes."""
    assert judge(GOOD, SLO) == Judgement(outcome=Outcome.PASS)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"generator": replace(GENERATOR, lag_p99=0.0101)}, Reason.DISPATCH_LAG),
        ({"achieved": 989.9}, Reason.RATE_NOT_ACHIEVED),
        ({"generator": replace(GENERATOR, cpu_share=0.81)}, Reason.GENERATOR_CPU),
        ({"host": Host(clock_ok=False)}, Reason.CLOCK),
        ({"host": Host(steal=0.05)}, Reason.STEAL),
        ({"host": Host(pressure_before=0.05)}, Reason.OTHER_LOAD),
        ({"host": Host(drained_before=False)}, Reason.NOT_DRAINED),
        ({"accounting": Accounting(sent=30_000, stored=29_999)}, Reason.ACCOUNTING),
        ({"blocks": ()}, Reason.NO_EVENTS),
        ({"blocks": (Block(due=0, in_time=0),)}, Reason.NO_EVENTS),
        ({"backlog": Backlog(mean=120, end=120, slope=0)}, Reason.LITTLE),
        ({"backlog": Backlog(mean=70, end=70, slope=0)}, Reason.LITTLE),
    ],
    ids=lambda value: str(value)[:40],
)
def test_trial_that_says_nothing_is_invalid(
    changes: dict[str, Any], reason: Reason
) -> None:
    """Each reason not to believe a trial is named, and makes it neither bound."""
    judgement = judge(replace(GOOD, **changes), SLO)

    assert judgement == Judgement(outcome=Outcome.INVALID, reasons=(reason,))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"blocks": (Block(due=20_000, in_time=19_799),)}, Reason.ATTAINMENT),
        ({"backlog": Backlog(mean=99, end=0, slope=12.6)}, Reason.BACKLOG_SLOPE),
        ({"backlog": Backlog(mean=1_000, end=1_500, slope=0)}, Reason.BACKLOG_END),
        (
            {"accounting": Accounting(sent=30_000, stored=29_999, lost=1)},
            Reason.LOST,
        ),
        (
            {"accounting": Accounting(sent=30_000, stored=29_999, rejected=1)},
            Reason.REJECTED,
        ),
        (
            {"accounting": Accounting(sent=30_000, stored=30_000, duplicate=1)},
            Reason.DUPLICATE,
        ),
        ({"disconnects": 1}, Reason.DISCONNECT),
        ({"resources": {"a": Resources(cpu=1, restarts=1)}}, Reason.RESTART),
        ({"resources": {"a": Resources(cpu=1, oom_kills=1)}}, Reason.OOM),
    ],
    ids=lambda value: str(value)[:40],
)
def test_valid_trial_fails_on_each_condition(
    changes: dict[str, Any], reason: Reason
) -> None:
    """Each condition that the machine broke is named."""
    judgement = judge(replace(GOOD, **changes), SLO)

    assert judgement == Judgement(outcome=Outcome.FAIL, reasons=(reason,))


SHAPES: dict[str, tuple[dict[str, Any], Reason]] = {
    "grows": ({"backlog": Backlog(mean=99, end=0, slope=12.6)}, Reason.BACKLOG_SLOPE),
    "ends": ({"backlog": Backlog(mean=1_000, end=1_500, slope=0)}, Reason.BACKLOG_END),
    "little": ({"backlog": Backlog(mean=120, end=120, slope=0)}, Reason.LITTLE),
    "misses": ({"blocks": (Block(due=10, in_time=0),)}, Reason.ATTAINMENT),
}


@pytest.mark.parametrize(
    ("arrival", "asked"),
    [
        (Arrival.CONSTANT, ["grows", "ends", "little", "misses"]),
        (Arrival.POISSON, ["grows", "ends", "little", "misses"]),
        (Arrival.BURST, ["grows", "misses"]),
        (Arrival.DIURNAL, ["grows", "misses"]),
        (Arrival.TRACE, ["misses"]),
    ],
)
def test_conditions_of_steady_load_are_asked_of_steady_load(
    arrival: Arrival, asked: list[str]
) -> None:
    """Where the load comes in rounds, the backlog may rise and fall in each."""
    spec = replace(GOOD.spec, arrival=arrival)
    found = {
        shape: judge(replace(GOOD, spec=spec, **changes), SLO).reasons
        for shape, (changes, _) in SHAPES.items()
    }

    assert found == {
        shape: (reason,) if shape in asked else ()
        for shape, (_, reason) in SHAPES.items()
    }


def test_all_broken_conditions_are_named() -> None:
    """A trial that fails in several ways says all of them."""
    broken = replace(
        GOOD,
        blocks=(Block(due=10, in_time=0),),
        backlog=Backlog(mean=5_000, end=9_000, slope=500),
        accounting=Accounting(sent=10, stored=4, lost=6),
        disconnects=2,
    )

    assert judge(broken, SLO).reasons == (
        Reason.ATTAINMENT,
        Reason.BACKLOG_SLOPE,
        Reason.BACKLOG_END,
        Reason.LOST,
        Reason.DISCONNECT,
    )


def test_invalid_trial_is_no_fail() -> None:
    """What a late generator measured does not count against the machine."""
    both = replace(
        GOOD,
        generator=replace(GENERATOR, lag_p99=1),
        blocks=(Block(due=10, in_time=0),),
    )

    assert judge(both, SLO).outcome is Outcome.INVALID


def test_stall_of_a_moment_does_not_break_littles_law() -> None:
    """Samples that jump cannot support the check as well as steady ones."""
    backlog = Backlog(mean=130, end=20, slope=0, error=20)

    assert judge(replace(GOOD, backlog=backlog), SLO).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("samples", "outcome"), [(6, Outcome.PASS), (60, Outcome.INVALID)]
)
def test_few_samples_of_a_backlog_prove_less(samples: int, outcome: Outcome) -> None:
    """Six seconds of a service that works in bursts miss its peaks easily."""
    backlog = Backlog(mean=60, end=60, slope=0, error=7, samples=samples)

    assert judge(replace(GOOD, backlog=backlog), SLO).outcome is outcome


@pytest.mark.parametrize(
    ("changes", "residual"),
    [
        ({}, 0.0),
        ({"backlog": Backlog(mean=198, end=0, slope=0)}, 1.0),
        ({"latency": {}}, None),
        (
            {
                "backlog": Backlog(mean=19, end=0, slope=0),
                "latency": {Stage.TOTAL: replace(LATENCY, mean=0.01)},
            },
            None,
        ),
    ],
)
def test_residual_of_littles_law(
    changes: dict[str, Any], residual: float | None
) -> None:
    """The residual is relative, and None where nothing can be said."""
    assert little_residual(replace(GOOD, **changes)) == (
        None if residual is None else pytest.approx(residual)
    )


SPEC = GOOD.spec


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (
            TrialResult(
                spec=replace(SPEC, phase=Phase.PREFLIGHT, rate=0),
                elapsed=1,
                achieved=0,
                generator=replace(GENERATOR, cpu_share=1),
            ),
            Outcome.PASS,
        ),
        (
            TrialResult(
                spec=replace(SPEC, phase=Phase.CALIBRATE),
                elapsed=1,
                achieved=1_000,
                generator=GENERATOR,
            ),
            Outcome.PASS,
        ),
        (
            TrialResult(
                spec=replace(SPEC, phase=Phase.DRAIN, rate=0),
                elapsed=1,
                achieved=0,
                generator=GENERATOR,
                host=Host(drained_before=False),
                drained=False,
            ),
            Outcome.FAIL,
        ),
        (
            replace(
                GOOD,
                spec=replace(SPEC, phase=Phase.OUTAGE, outage=15, window=0),
                blocks=(),
                backlog=Backlog(mean=9e4, end=9e5, slope=9e3),
                outage=Outage(seconds=15, backlog_peak=9, memory_peak={}, drain=7),
            ),
            Outcome.PASS,
        ),
        (
            replace(
                GOOD,
                spec=replace(SPEC, phase=Phase.OUTAGE, outage=15, window=0),
                outage=Outage(seconds=15, backlog_peak=9, memory_peak={}, drain=None),
            ),
            Outcome.FAIL,
        ),
        (
            replace(
                GOOD,
                spec=replace(SPEC, phase=Phase.OUTAGE, outage=15, window=0),
                disconnects=1,
                outage=Outage(seconds=15, backlog_peak=9, memory_peak={}, drain=7),
            ),
            Outcome.FAIL,
        ),
    ],
    ids=[
        "preflight",
        "calibrate",
        "drain",
        "outage",
        "outage not drained",
        "outage with a disconnect",
    ],
)
def test_phases_are_judged_by_what_they_are_for(
    result: TrialResult, outcome: Outcome
) -> None:
    """Latency of an outage and a load of none are no reasons."""
    assert judge(result, SLO).outcome is outcome


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [(1_000, 0.9817, 0.9946), (10_000, 0.9879, 0.9918), (60_000, 0.9892, 0.9908)],
)
def test_interval_narrows_with_events(count: int, low: float, high: float) -> None:
    """With independent events in one block the interval is Wilson's."""
    found = attainment_of([Block(due=count, in_time=round(0.99 * count))])

    assert found.low == pytest.approx(low, abs=2e-4)
    assert found.high == pytest.approx(high, abs=2e-4)


def test_stall_in_one_block_widens_the_interval() -> None:
    """Misses that come together say less than the same number spread out."""
    spread = attainment_of([Block(due=1_000, in_time=980)] * 10)
    together = attainment_of(
        [Block(due=1_000, in_time=1_000)] * 9 + [Block(due=1_000, in_time=800)]
    )

    assert spread.value == together.value == pytest.approx(0.98)
    assert together.high - together.low > 5 * (spread.high - spread.low)
    assert together.blocks == 10
    assert together.events == 10_000


@given(
    st.lists(
        st.integers(0, 5_000).flatmap(
            lambda due: st.builds(Block, due=st.just(due), in_time=st.integers(0, due))
        ),
        max_size=30,
    )
)
def test_interval_holds_its_value(blocks: list[Block]) -> None:
    """Whatever was measured, 0 <= low <= value <= high <= 1."""
    found = attainment_of(blocks)

    assert 0 <= found.low <= found.value + 1e-12
    assert found.value <= found.high + 1e-12
    assert found.high <= 1


@pytest.mark.parametrize(
    ("planned", "missed", "open_"),
    [(1_000, 0, True), (1_000, 10, True), (1_000, 11, False), (0, 0, True)],
)
def test_trial_is_over_when_it_cannot_pass(
    planned: int, missed: int, *, open_: bool
) -> None:
    """One event in a hundred may be late, the next one decides."""
    blocks = [Block(due=500, in_time=500 - missed), Block(due=500, in_time=500)]

    assert may_still_pass(Phase.SUSTAINED, blocks, planned=planned, slo=SLO) is open_


@pytest.mark.parametrize(
    ("phase", "count"), [(Phase.BRACKET, 2), (Phase.AGE, 9), (Phase.CONFIRM_LOWER, 1)]
)
def test_trial_that_is_asked_for_more_is_not_over(phase: Phase, count: int) -> None:
    """Its figures are wanted, or it is too young to tell what was used up."""
    blocks = [Block(due=500, in_time=0)] * count

    assert may_still_pass(phase, blocks, planned=1_000, slo=SLO)
