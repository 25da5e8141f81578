"""Tests of what is concluded from trials, apart from the report's form."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
import pytest

from capacity.conclude import Facts, Seen, capacity_of, containers_of, resilience_of
from capacity.document import Report
from capacity.judge_trial import Judgement, Outcome, Reason, judge
from capacity.kept import Moment, Record
from capacity.model import Container
from capacity.model.demand import Load, demand_of
from capacity.trial import (
    Backlog,
    Block,
    Generator,
    Outage,
    Phase,
    Resources,
    Slo,
    TrialResult,
    TrialSpec,
)

PASSED = Judgement(outcome=Outcome.PASS)


def seen(
    rate: float,
    *,
    slope: float = 0.0,
    wait: float = 0.0,
    in_time: float = 1.0,
    cpu: float = 0.0,
    others: Mapping[str, float] | None = None,
    lag: float = 0.0,
) -> Seen:
    """Return a trial of 20 s; what grows is late, and waits as long as is said.

    *others* are the cores of more containers, *lag* seconds of the generator.
    """
    spec = TrialSpec(id=1, phase=Phase.BRACKET, rate=rate, settle=1, window=20, drain=1)
    due = round(20 * rate)
    result = TrialResult(
        spec=spec,
        elapsed=30,
        achieved=rate,
        generator=Generator(lag_p50=lag, lag_p99=lag, cpu_share=0),
        blocks=(Block(due=due, in_time=round(in_time * due)),),
        backlog=Backlog(mean=wait * (rate - slope), end=rate, slope=slope),
        resources={
            "enrichment-pipeline": Resources(cpu=cpu),
            **{name: Resources(cpu=20 * used) for name, used in (others or {}).items()},
        },
    )
    return Seen(
        record=Record(result=result, started=0.0), judgement=judge(result, Slo())
    )


def outage(rate: float, *, arriving: Mapping[str, float]) -> Seen:
    """Return an outage of 10 s from the fifth on, with the cores of the receiving."""
    spec = TrialSpec(
        id=9, phase=Phase.OUTAGE, rate=rate, settle=3, window=0, drain=60, outage=10
    )
    result = TrialResult(
        spec=spec,
        elapsed=30,
        achieved=rate,
        generator=Generator(lag_p50=0, lag_p99=0, cpu_share=0),
        outage=Outage(seconds=10, backlog_peak=1, memory_peak={}, drain=5),
    )
    moments = [
        Moment(
            at=100.0 + second,
            backlog=0.0,
            containers={
                # While the database is up all of them work harder.
                name: (cores * second * (1 if 5 <= second <= 15 else 9), 1, 0.0)
                for name, cores in arriving.items()
            },
        )
        for second in range(20)
    ]
    record = Record(result=result, started=100.0, down_at=5.0, moments=moments)
    return Seen(record=record, judgement=judge(result, Slo()))


def container(*, cpu_s_per_event: float, cpu_limit: float) -> Container:
    """Return a container whose idle costs nothing."""
    demand = demand_of(
        [Load(rate=rate, cores=rate * cpu_s_per_event) for rate in (100, 500, 900)]
    )
    return Container(
        name="ingestion", demand=demand, cpu_limit=cpu_limit, single_threaded=True
    )


def test_capacity_is_what_was_asked_less_what_grew() -> None:
    """The mean counts, of trials whose events waited for a second and longer."""
    trials = [
        seen(900),
        seen(1_100, slope=90, wait=2, in_time=0.5),
        seen(1_150, slope=140, wait=1, in_time=0.5),
        seen(1_200, slope=190, wait=3, in_time=0.5),
        seen(1_500, slope=400, wait=0.9, in_time=0.9),
        seen(1_120, wait=0.5, in_time=0.9),
    ]
    one = container(cpu_s_per_event=1e-4, cpu_limit=0.5)

    assert capacity_of(trials, [one], cores=2, edge=950) == 1_010
    assert capacity_of(trials, [one], cores=2, edge=1_040) == 1_040


def test_a_standing_backlog_is_served_at_the_whole_rate() -> None:
    """What fell behind at the start and then kept up shows what can be served."""
    behind = seen(2_000, slope=-20, wait=2.5, in_time=0.5)

    assert capacity_of([behind], [], cores=2, edge=950) == 2_020


def test_capacity_is_the_cpu_ceiling_where_only_the_latency_bound() -> None:
    """A trial that was too slow, or grew by a stall in the end, says nothing of it."""
    trials = [
        seen(900),
        seen(1_100, wait=0.3, in_time=0.5),
        seen(1_200, slope=24, wait=0.7, in_time=0.9),
    ]
    one = container(cpu_s_per_event=1e-4, cpu_limit=0.5)

    assert capacity_of(trials, [one], cores=2, edge=950) == pytest.approx(5_000)
    assert capacity_of(trials, [one], cores=2, edge=6_000) == 6_000


def test_capacity_is_the_edge_where_nothing_is_known() -> None:
    """Without a demand and without a wait there is only what passed."""
    assert capacity_of([seen(900)], [], cores=2, edge=950) == 950


def test_capacity_beside_fewer_arriving_events() -> None:
    """A used-up host stores more when its generator and ingestion have less to do."""
    down = outage(500, arriving={"home-assistant": 0.2, "websocket-ingestion": 0.1})
    busy = {"home-assistant": 0.6, "websocket-ingestion": 0.2, "influxdb": 1.0}
    late = seen(1_500, slope=500, wait=4, in_time=0.5, others=busy, lag=0.5)
    calm = {**busy, "influxdb": 0.5}
    idle = seen(1_500, slope=500, wait=4, in_time=0.5, others=calm)

    def capacity(*trials: Seen) -> float:
        return capacity_of(trials, [], cores=2, edge=950)

    assert late.judgement.outcome is Outcome.INVALID
    assert capacity(late, down) == pytest.approx(1_500)
    assert capacity(idle, down) == pytest.approx(1_000)
    assert capacity(idle, late) == pytest.approx(1_000)


def test_what_storing_costs_is_that_of_all_trials_near_the_edge() -> None:
    """Also of those that passed; small batches far from the edge are not asked."""
    down = outage(500, arriving={"home-assistant": 0.2, "websocket-ingestion": 0.1})
    busy = {"home-assistant": 0.6, "websocket-ingestion": 0.2, "influxdb": 1.0}
    merging = seen(1_500, slope=500, wait=4, in_time=0.5, others=busy)
    calm = seen(1_000, others={"home-assistant": 0.6, "influxdb": 0.5})
    slow = seen(100, others={"influxdb": 0.9})

    found = capacity_of([slow, calm, merging, down], [], cores=2, edge=950)
    assert found == pytest.approx(1.5 / 0.75e-3)


def test_a_used_up_host_needs_no_saturated_trial() -> None:
    """Where only the latency was too high the costs are known all the same."""
    down = outage(500, arriving={"home-assistant": 0.2, "websocket-ingestion": 0.1})
    busy = {"home-assistant": 0.6, "websocket-ingestion": 0.2, "influxdb": 1.0}
    slow = seen(1_000, wait=0.4, in_time=0.5, others=busy)

    assert capacity_of([slow, down], [], cores=2, edge=950) == pytest.approx(1_500)


def test_demand_is_that_near_the_edge(made_up: Callable[..., Report]) -> None:
    """Small batches cost more an event; they are not asked where others are there."""
    environment = made_up().environment
    slow = [seen(rate, cpu=20 * rate * 200e-6) for rate in (10, 20, 40)]
    fast = [seen(rate, cpu=20 * rate * 10e-6) for rate in (1_000, 2_000, 4_000)]

    few = containers_of(slow + fast[:2], environment)
    enough = containers_of(slow + fast, environment)

    assert [row.demand.points for row in few] == [5]
    assert [row.demand.points for row in enough] == [3]
    assert round(enough[0].demand.per_event * 1e6, 3) == 10


def test_an_outage_that_is_not_valid_shows_nothing() -> None:
    """Events that left late would make the backlog small and the drain short."""
    facts = Facts(
        series=1,
        stored_bytes=None,
        stored_points=0,
        retention_days=1.0,
        spool_limit=1_000_000,
    )
    good = outage(500, arriving={})
    record = msgspec.structs.replace(good.record, spool_bytes_per_event=100.0)
    late = Judgement(outcome=Outcome.INVALID, reasons=(Reason.DISPATCH_LAG,))

    found = resilience_of([Seen(record=record, judgement=PASSED)], facts, capacity=None)
    assert found is not None
    assert found.drain_s.measured == 5
    assert found.drain_s.predicted is None
    assert (
        resilience_of([Seen(record=record, judgement=late)], facts, capacity=None)
        is None
    )
