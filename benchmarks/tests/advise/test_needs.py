"""Tests of the advice: what it takes from a report, and what it refuses to say."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from capacity.advise import Answer, Need, Question, answer
from capacity.advise.entities import dearer_together
from capacity.document import Confidence, Kind, Report, Resource, Status

Make = Callable[..., Report]
replace = msgspec.structs.replace


def ask(report: Report, **changes: Any) -> Answer:
    """Ask for a load that the made-up machine carries, changed."""
    asked: dict[str, Any] = {"rate": 200.0, "entities": 1000, "retention_days": 30.0}
    return answer(Question(**{**asked, **changes}), report)


def need(found: Answer, what: str) -> Need:
    """Return the need of this name."""
    return next(n for n in (*found.limits, *found.hardware) if n.what == what)


def with_model(report: Report, **changes: Any) -> Report:
    """Return a report with another model."""
    return replace(report, model=replace(report.model, **changes))


def dear(report: Report, **times: tuple[float, float, float]) -> Report:
    """Return a run with steps to 100,000 entities, of which each is so much dearer."""
    assert report.speed is not None
    steps = tuple(
        replace(
            step,
            cpu_s_per_event={
                name: cost * times.get(name, (1.0,) * 3)[place]
                for name, cost in step.cpu_s_per_event.items()
            },
        )
        for place, step in enumerate(report.speed.entities)
    )
    return replace(
        report,
        speed=replace(report.speed, entities=steps),
        workload=replace(report.workload, series=101_000),
        model=replace(
            report.model,
            memory=tuple(replace(m, max_series=101_000) for m in report.model.memory),
        ),
    )


def test_cpu_follows_from_demand_and_headroom(made_up: Make) -> None:
    """(idle + upper end of the demand x rate) / headroom, up to the next 0.05."""
    found = need(ask(made_up()), "CPU of influxdb")
    exact = (0.020 + 0.00304 * 1.03 * 200) / 0.7

    assert found.value == pytest.approx(math.ceil(exact / 0.05) * 0.05)
    assert found.variable == "INFLUXDB_CPU_LIMIT"
    assert found.enough
    assert found.kind is Kind.MEASURED
    assert any("of CPU per event" in line for line in found.evidence)


def test_load_beyond_the_measured_is_extrapolated(made_up: Make) -> None:
    """Up to twice the highest rate that passed, and labelled so."""
    found = need(ask(made_up(), rate=800.0), "CPU of influxdb")

    assert found.kind is Kind.EXTRAPOLATED
    assert not found.enough


def test_memory_follows_from_series_and_headroom(made_up: Make) -> None:
    """The larger of the peak and base + series, at half of the limit."""
    few = need(ask(made_up()), "memory of influxdb")
    many = need(ask(made_up(), entities=2000), "memory of influxdb")
    peak = (420 << 20) + 4_000_000

    assert few.value == math.ceil(peak / 0.5 / (32 << 20)) * (32 << 20)
    assert few.kind is Kind.MEASURED
    assert many.kind is Kind.EXTRAPOLATED
    assert need(ask(made_up()), "InfluxDB's own memory limit").value <= few.value * 0.8


def test_disk_grows_with_rate_and_retention(made_up: Make) -> None:
    """More events or more days need more disk, and the kind is that of the report."""
    plain = need(ask(made_up()), "free disk for 30 days")
    fast = need(ask(made_up(), rate=400.0), "free disk for 30 days")
    long = need(ask(made_up(), retention_days=60.0), "free disk for 60 days")

    assert plain.kind is Kind.EXTRAPOLATED
    assert fast.value > 1.7 * plain.value
    assert long.value > 1.7 * plain.value
    cold = 200 * 86400 * 3.2 * 4.1 * 30
    assert cold / 0.8 < plain.value < (1.3 * cold + 1.3e9) / 0.8


def test_kept_for_ever_has_no_size(made_up: Make) -> None:
    """Growth a year and days to full take the place of a size."""
    found = ask(made_up(), retention_days=0.0)

    assert not [n for n in found.hardware if n.what.startswith("free disk")]
    assert any("a year; this disk is full in" in note for note in found.notes)


def test_outage_asks_for_a_spool(made_up: Make) -> None:
    """Events that wait, at what one takes, filled to four fifths."""
    found = need(ask(made_up(), outage_s=7200.0), "spool for an outage of 2 h")

    assert found.variable == "SPOOL_MAX_MB"
    assert found.value == math.ceil(200 * 7200 * 430 / 0.8 / (1 << 20))
    assert found.enough


def test_below_the_measured_rate_an_event_takes_what_it_is_large(
    made_up: Make,
) -> None:
    """Small rows are not compressed, and fewer events share one."""
    report = made_up()
    assert report.resilience is not None
    packed = msgspec.structs.replace(
        report,
        resilience=msgspec.structs.replace(
            report.resilience, bytes_per_event=100.0, rate_eps=200.0
        ),
    )
    slow, same = (
        need(ask(packed, rate=rate, outage_s=7200.0), "spool for an outage of 2 h")
        for rate in (199.0, 200.0)
    )

    assert slow.value == math.ceil(199 * 7200 * 412 / 0.8 / (1 << 20))
    assert same.value == math.ceil(200 * 7200 * 100 / 0.8 / (1 << 20))


def test_memory_in_a_long_outage_is_not_made_up(made_up: Make) -> None:
    """Beyond twice the backlog that was measured, the answer says where it ends."""
    short = ask(made_up(), outage_s=120.0)
    long = ask(made_up(), outage_s=86400.0)

    assert not any("Memory in such an outage" in note for note in short.notes)
    assert any("Memory in such an outage" in note for note in long.notes)


def test_host_needs_the_cores_of_all_containers(made_up: Make) -> None:
    """A limit above the host's cores is no gain: the cores are asked for."""
    found = need(ask(made_up(), rate=800.0), "cores of the host")

    assert found.value == 5
    assert not found.enough


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (200.0, "the measured machine sustains 305 events/s (measured)"),
        (400.0, "no headroom to drain a backlog"),
        (800.0, "more than the measured machine carries"),
        (5000.0, "do not reach that far"),
    ],
)
def test_headline_says_where_the_load_stands(
    made_up: Make, rate: float, said: str
) -> None:
    """Below the sustained rate, below the edge, above it, or out of sight."""
    assert said in ask(made_up(), rate=rate).headline


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"rate": 873.0}, "more than 2 times the highest rate that passed"),
        ({"entities": 3700}, "more than 2 times what was measured (1,840)"),
    ],
)
def test_far_load_is_refused(
    made_up: Make, asked: dict[str, Any], refusal: str
) -> None:
    """Beyond twice the measured nothing is said, no number at all."""
    found = ask(made_up(), **asked)

    assert len(found.refusals) == 1
    assert refusal in found.refusals[0]
    assert (found.limits, found.hardware, found.notes) == ((), (), ())


def test_one_thread_is_not_helped_by_cores(made_up: Make) -> None:
    """A container whose process uses one core at most is refused beyond it."""
    report = made_up()
    heavy = tuple(
        replace(d, cpu_s_per_event=0.004, ci=(0.004, 0.004))
        if d.container == "enrichment-pipeline"
        else d
        for d in report.model.demand
    )

    found = ask(with_model(report, demand=heavy))

    assert [r.partition(" would")[0] for r in found.refusals] == ["enrichment-pipeline"]
    assert "no limit and no larger machine helps" in found.refusals[0]


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        (Resource.DISK, "the first limit was influxdb disk"),
        (Resource.THREAD, "the first limit was influxdb thread"),
        (Resource.UNKNOWN, "was not explained by CPU"),
    ],
)
def test_other_limit_than_cpu_is_not_moved_by_cpu(
    made_up: Make, resource: Resource, said: str
) -> None:
    """Above the measured rates, CPU limits are advised only where CPU was the limit."""
    report = made_up()
    assert report.model.bottleneck is not None
    found = replace(
        report.model.bottleneck, resource=resource, confidence=Confidence.MEDIUM
    )
    changed = with_model(report, bottleneck=found)

    assert said in ask(changed, rate=500.0).refusals[0]
    assert ask(changed, rate=400.0).refusals == ()


def test_memory_that_was_not_varied_is_not_extrapolated(made_up: Make) -> None:
    """One cardinality gives no slope: more series are refused, fewer are not."""
    report = made_up()
    flat = tuple(replace(m, per_series=None) for m in report.model.memory)
    changed = with_model(report, memory=flat)

    assert "cannot be said" in ask(changed, entities=2000).refusals[0]
    assert ask(changed, entities=1800).refusals == ()


def test_series_of_the_steps_are_not_those_of_an_entity(made_up: Make) -> None:
    """A run that also had 100,000 entities answers for as many, and for few."""
    report = dear(made_up(), influxdb=(1.0, 1.0, 1.0))

    assert ask(report, entities=100_000).refusals == ()
    assert need(ask(report), "memory of influxdb").kind is Kind.MEASURED


def test_cpu_follows_from_what_more_entities_cost(made_up: Make) -> None:
    """Each container by its own steps, and the host by the sum."""
    report = dear(made_up(), influxdb=(1.0, 2.0, 3.0))
    few, many = (ask(report, rate=100.0, entities=n) for n in (1000, 100_000))
    exact = (0.020 + 3 * 0.00304 * 1.03 * 100) / 0.7
    found = need(many, "CPU of influxdb")

    assert found.value == pytest.approx(math.ceil(exact / 0.05) * 0.05)
    assert found.kind is Kind.MEASURED
    assert "3 times that with 100,000 entities" in found.evidence
    other = "CPU of enrichment-pipeline"
    assert need(many, other).value == need(few, other).value
    cores = "cores of the host"
    assert need(many, cores).value > need(few, cores).value


def test_rates_reach_less_far_with_more_entities(made_up: Make) -> None:
    """The headline, the drain, and what is refused are those of the same CPU."""
    report = dear(made_up(), influxdb=(1.0, 2.0, 3.0))
    times = dearer_together(report, 100_000)
    found = ask(report, rate=100.0, entities=100_000)

    assert 1.2 < times < 3
    assert f"sustains {305 / times:.0f} events/s with so many (ext" in found.headline
    assert any("INFLUXDB_SNAPSHOT_BYTES" in note for note in found.notes)
    assert not any("INFLUXDB_SNAPSHOT" in note for note in ask(report).notes)
    assert ask(report, rate=800.0).refusals == ()
    refused = ask(report, rate=800.0, entities=100_000).refusals
    assert f"the highest rate that passed ({436 / times:.0f} events/s" in refused[0]


def test_more_entities_than_any_step_are_extrapolated(made_up: Make) -> None:
    """So are more than the search had, where no step was made."""
    report = dear(made_up(), influxdb=(1.0, 2.0, 3.0))
    assert report.speed is not None
    bare = replace(report, speed=replace(report.speed, entities=()))
    name = "CPU of influxdb"

    assert need(ask(report, rate=80.0, entities=150_000), name).kind is (
        Kind.EXTRAPOLATED
    )
    assert need(ask(bare, entities=1000), name).kind is Kind.MEASURED
    assert need(ask(bare, entities=2000), name).kind is Kind.EXTRAPOLATED


@pytest.mark.parametrize("status", [Status.INVALID, Status.FAIL])
def test_bad_run_answers_nothing(made_up: Make, status: Status) -> None:
    """A run without a capacity is no ground for advice."""
    report = made_up()
    bad = replace(report, verdict=replace(report.verdict, status=status))

    assert ask(bad).refusals == (f"the run made-up-0001 has no capacity: {status}",)


def test_run_without_a_model_answers_nothing(made_up: Make) -> None:
    """Without CPU per event there is nothing to multiply."""
    assert "no CPU per event" in ask(with_model(made_up(), demand=())).refusals[0]


def test_what_was_not_measured_is_said(made_up: Make) -> None:
    """A run without storage and outage answers the rest."""
    found = ask(made_up(storage=None, resilience=None))

    assert "Disk: not measured in this run." in found.notes
    assert "Outage: not measured in this run." in found.notes
    assert found.limits
