"""Tests of what is concluded from trials, apart from the report's form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from capacity.conclude import (
    Facts,
    Seen,
    before_outage,
    capacity_of,
    containers_of,
    resilience_of,
)
from capacity.document import Report
from capacity.judge_trial import Judgement, Outcome, Reason, judge
from capacity.kept import Moment, Record
from capacity.model import Container
from capacity.model.demand import Load, demand_of
from capacity.trial import (
    Accounting,
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
FACTS = Facts(
    series=1,
    stored_bytes=None,
    stored_points=0,
    retention_days=1.0,
    spool_limit=1_000_000,
)


def seen(
    rate: float,
    *,
    slope: float = 0.0,
    wait: float = 0.0,
    in_time: float = 1.0,
    cpu: float = 0.0,
) -> Seen:
    """Return a trial of 20 s; what grows is late, and waits as long as is said."""
    spec = TrialSpec(id=1, phase=Phase.BRACKET, rate=rate, settle=1, window=20, drain=1)
    due = round(20 * rate)
    result = TrialResult(
        spec=spec,
        elapsed=30,
        achieved=rate,
        generator=Generator(lag_p50=0, lag_p99=0, cpu_share=0),
        blocks=(Block(due=due, in_time=round(in_time * due)),),
        backlog=Backlog(mean=wait * (rate - slope), end=rate, slope=slope),
        resources={"enrichment-pipeline": Resources(cpu=cpu)},
    )
    return Seen(
        record=Record(result=result, started=0.0), judgement=judge(result, Slo())
    )


def outage(
    rate: float,
    *,
    falling: float = 0.0,
    drain: float = 5,
    usual: float = 0.0,
    late: float = 0.0,
    standing: float = 0.0,
) -> Seen:
    """Return an outage of 10 s, whose backlog falls so many events a second.

    It grows *late* seconds longer than the database is away, then it loses 5 events a
    second for *standing* seconds, before it falls.
    """
    spec = TrialSpec(
        id=9, phase=Phase.OUTAGE, rate=rate, settle=3, window=0, drain=60, outage=10
    )
    most = (10 + late) * rate
    result = TrialResult(
        spec=spec,
        elapsed=30,
        achieved=rate,
        generator=Generator(lag_p50=0, lag_p99=0, cpu_share=0),
        outage=Outage(
            seconds=10,
            backlog_peak=round(most),
            memory_peak={},
            drain=drain,
            usual=usual,
        ),
    )

    def waiting(second: float) -> float:
        since = second - 15 - late
        if since < 0:
            return rate * (second - 5)
        return most - 5 * min(standing, since) - falling * max(0.0, since - standing)

    moments = [
        Moment(
            at=100.0 + second,
            backlog=waiting(second),
            containers={},
        )
        for second in range(5, 30)
    ]
    record = Record(result=result, started=100.0, down_at=5.0, moments=moments)
    return Seen(record=record, judgement=judge(result, Slo()))


def costing(s: Seen, events: int, **cpu_s_per_event: float) -> Seen:
    """Return the trial with so many events, each of which cost so much."""
    used = {n: Resources(cpu=cost * events) for n, cost in cpu_s_per_event.items()}
    result = replace(
        s.record.result,
        resources=used,
        accounting=Accounting(sent=events, stored=events),
    )
    return Seen(
        record=msgspec.structs.replace(s.record, result=result), judgement=s.judgement
    )


def with_phase(s: Seen, phase: Phase) -> Seen:
    """Return the trial as one of another phase."""
    spec = replace(s.record.result.spec, phase=phase)
    result = replace(s.record.result, spec=spec)
    return Seen(
        record=msgspec.structs.replace(s.record, result=result), judgement=s.judgement
    )


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


def test_what_a_short_outage_drained_at_is_what_a_longer_one_will() -> None:
    """It goes before all that was seen without an outage, also where that is more."""
    late = seen(1_500, slope=300, wait=4, in_time=0.5)
    short = outage(500, falling=400.0, drain=5)

    assert capacity_of([late], [], cores=2, edge=950) == 1_200
    assert capacity_of([late, short], [], cores=2, edge=950) == pytest.approx(900)


@pytest.mark.parametrize(
    ("held_us", "expected"),
    [(8.0, 900.0), (10.0, 900 * 20 / 20.8), (6.0, 900.0), (None, 900.0)],
)
def test_merges_that_only_a_long_time_sees_slow_the_drain(
    held_us: float | None, expected: float
) -> None:
    """By what an event costs the database while the sustained rate is held."""
    short = costing(
        outage(500, falling=400.0, drain=5), 10_000, influxdb=8e-6, ingestion=12e-6
    )
    trials = [short]
    if held_us is not None:
        held = costing(seen(500), 10_000, influxdb=held_us * 1e-6, ingestion=90e-6)
        trials = [with_phase(held, Phase.SUSTAINED), short]

    found = capacity_of(trials, [], cores=2, edge=100)

    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "used", "expected"),
    [
        ("ingestion", 0.49, 900.0),
        ("ingestion", 0.40, 900 * 20 / 20.8),
        ("influxdb", 0.50, 900 * 20 / 20.8),
    ],
)
def test_merges_slow_no_drain_that_waits_for_a_service(
    name: str, used: float, expected: float
) -> None:
    """A service at its limit leaves the host room for what the database does."""
    short = costing(
        outage(500, falling=400.0, drain=5), 10_000, influxdb=8e-6, ingestion=12e-6
    )
    moments = [
        msgspec.structs.replace(one, containers={name: (used * one.at, 1, 0.0)})
        for one in short.record.moments
    ]
    short = replace(
        short, record=msgspec.structs.replace(short.record, moments=moments)
    )
    held = costing(seen(500), 10_000, influxdb=10e-6, ingestion=90e-6)
    limited = replace(container(cpu_s_per_event=1e-3, cpu_limit=0.5), name=name)
    trials = [with_phase(held, Phase.SUSTAINED), short]

    found = capacity_of(trials, [limited], cores=2, edge=100)

    assert found == pytest.approx(expected)


def test_a_backlog_drains_from_its_peak_on() -> None:
    """What still grew after the database was back is no part of the fall."""
    short = outage(500, falling=400.0, drain=5, late=1.0)

    assert capacity_of([short], [], cores=2, edge=100) == pytest.approx(900)


def test_a_backlog_that_stands_at_first_does_not_fall_yet() -> None:
    """A database that starts is slow for as long after a longer outage, not longer."""
    short = outage(500, falling=400.0, drain=9, late=1.0, standing=4.0)

    assert capacity_of([short], [], cores=2, edge=100) == pytest.approx(900)


def test_a_backlog_that_was_hardly_looked_at_tells_no_rate() -> None:
    """Two looks are one more than none; an outage that was not valid tells nothing."""
    late = seen(1_500, slope=300, wait=4, in_time=0.5)
    moment = outage(500, falling=400.0, drain=1.5)
    good = outage(500, falling=400.0, drain=5)
    bad = Judgement(outcome=Outcome.INVALID, reasons=(Reason.DISPATCH_LAG,))
    spoilt = Seen(record=good.record, judgement=bad)

    assert capacity_of([late, moment], [], cores=2, edge=950) == 1_200
    assert capacity_of([late, spoilt], [], cores=2, edge=950) == 1_200


def test_an_outage_is_predicted_from_what_came_before_it() -> None:
    """Its own drain must not tell how long it was going to take."""
    short, long = outage(500, falling=400.0, drain=5), outage(500, falling=100.0)
    after = seen(900)
    spoilt = Seen(
        record=long.record,
        judgement=Judgement(outcome=Outcome.INVALID, reasons=(Reason.STEAL,)),
    )

    assert before_outage([short, long, after]) == [short]
    assert before_outage([short, spoilt, after]) == []
    assert before_outage([after]) == [after]


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


def test_draining_is_over_where_only_the_usual_waits() -> None:
    """Of 5,000 missed events 4,000 are too many: at 400/s that takes 10 s, not 12.5."""
    long = outage(500, usual=1_000)
    record = msgspec.structs.replace(long.record, spool_bytes_per_event=100.0)

    found = resilience_of([Seen(record=record, judgement=PASSED)], FACTS, capacity=900)
    assert found is not None
    assert found.drain_s.predicted == pytest.approx(10)


def test_an_outage_that_is_not_valid_shows_nothing() -> None:
    """Events that left late would make the backlog small and the drain short."""
    good = outage(500)
    record = msgspec.structs.replace(good.record, spool_bytes_per_event=100.0)
    late = Judgement(outcome=Outcome.INVALID, reasons=(Reason.DISPATCH_LAG,))

    found = resilience_of([Seen(record=record, judgement=PASSED)], FACTS, capacity=None)
    assert found is not None
    assert found.drain_s.measured == 5
    assert found.drain_s.predicted is None
    assert (
        resilience_of([Seen(record=record, judgement=late)], FACTS, capacity=None)
        is None
    )
