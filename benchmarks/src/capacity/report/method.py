"""How it was measured, and what to keep in mind when using it (pure)."""

from __future__ import annotations

from collections.abc import Iterator

from ..document import (
    Arrival,
    Outcome,
    Placement,
    Profile,
    Report,
    Stage,
    Workload,
)
from .words import (
    duration,
    milliseconds,
    number,
    per_event,
    percent,
    plural,
    rate,
)

__all__ = ["caveats", "method", "without_generator"]

_ARRIVALS = {
    Arrival.CONSTANT: "at a constant distance, which flatters the tail",
    Arrival.POISSON: "at random (Poisson)",
    Arrival.BURST: "in bursts of 5 times the rate",
    Arrival.DIURNAL: "along a day's course",
    Arrival.TRACE: "as in a recording",
}


def method(report: Report) -> list[str]:
    """Return how the numbers came about."""
    return list(_method(report))


def _method(report: Report) -> Iterator[str]:
    slo, load = report.slo, report.workload
    yield (
        f"Open loop: each event has an intended time, {_arrival(load)}, and its "
        " latency counts from then. A stall delays all events behind it, and each "
        "of them shows it."
    )
    yield (
        f"A rate passes when {percent(slo.p)} of events are stored within "
        f"{milliseconds(slo.limit_ms)}, at most {slo.loss:,} are lost, and the backlog "
        f"grows by at most {percent(slo.backlog_slope)} of the rate. An event that is "
        "not stored by then counts as a miss."
    )
    yield (
        "The edge lies between the highest rate that passed and the lowest that "
        "failed. The sustained rate is below it on purpose: what was not tried "
        "for long is no promise."
    )
    yield (
        "CPU per event is the slope of CPU-seconds over events of the passing trials; "
        f"a container is full at {percent(report.model.headroom.cpu)} of its limit."
    )
    growth = load.entity_growth
    yield (
        f"{number(load.entities)} entities, "
        + (f"{number(growth)} new entities a minute, " if growth else "")
        + f"{number(load.event_bytes)} bytes an event, from "
        + ("the simulator" if load.entry == "fake_ha" else "a real Home Assistant")
        + f". At the end InfluxDB held {number(load.series)} series."
    )
    trial = report.sustained
    if trial is not None and (found := trial.latency.get(Stage.QUERYABLE)):
        yield (
            f"At the sustained rate {plural(found.count, 'event')} were looked for, "
            "one after the other, until a query found them: "
            f"p50 {milliseconds(found.p50)}, p99 {milliseconds(found.p99)} after the "
            "intended time."
        )
    yield (
        f"The generator keeps its schedule up to {rate(report.generator.g_max)}; its "
        f"lag in this run was {milliseconds(report.generator.lag_ms.p99)} at p99."
    )


def _arrival(load: Workload) -> str:
    said = _ARRIVALS[load.arrival]
    if load.period_s is not None:
        return f"{said} in each {duration(load.period_s)}"
    return f"{said}, {load.trace}" if load.trace else said


def caveats(report: Report) -> list[str]:
    """Return what limits the use of the numbers."""
    return list(_caveats(report))


def _caveats(report: Report) -> Iterator[str]:
    if not report.run.complete:
        yield "The run was ended early: what stands here was measured, no more."
    if report.run.profile is Profile.QUICK:
        yield "A quick run screens: its trials are short, and miss what is rare."
    invalid = [t.id for t in report.trials if t.outcome is Outcome.INVALID]
    if invalid:
        yield (
            f"{plural(len(invalid), 'trial')} invalid ({', '.join(invalid)}): shown, "
            "and left out of all figures."
        )
    negative = sum(trial.negative_latencies for trial in report.trials)
    if negative:
        yield (
            f"Latencies below 0: {negative:,}. The clocks differ; they are counted, "
            "not dropped."
        )
    if report.generator.placement is Placement.CO_LOCATED:
        yield _co_located(report)
    single = [
        name
        for name, service in report.environment.services.items()
        if service.max_cores == 1
    ]
    if single:
        yield (
            f"One busy thread, so one core at most, whatever the limit: "
            f"{', '.join(single)}."
        )
    residual = report.model.little_residual
    if residual is not None:
        yield (
            "Little's law (waiting = rate x time) holds within "
            f"{percent(abs(residual))}: the accounting of events and the clocks agree."
        )
    trial = report.sustained
    if trial is not None and trial.attainment is not None:
        low, high = trial.attainment.ci
        yield (
            f"At the sustained rate {percent(trial.attainment.value, 4)} were in time "
            f"({percent(low, 4)} to {percent(high, 4)}, from "
            f"{trial.attainment.blocks} blocks of 10 s, {duration(trial.window_s)})."
        )
    yield from report.warnings


def _co_located(report: Report) -> str:
    said = (
        "The generator ran on the measured host and used "
        f"{per_event(report.generator.cpu_s_per_event)} of CPU per event."
    )
    alone = without_generator(report)
    if alone is None:
        return said
    return f"{said} Without it about {rate(alone)}, if CPU is the limit (extrapolated)."


def without_generator(report: Report) -> float | None:
    """Return the lower edge if the generator's CPU went to the stack, extrapolated.

    None where there is no edge, or no demand to compare with.
    """
    edge = report.verdict.edge
    own = sum(demand.cpu_s_per_event for demand in report.model.demand)
    if edge is None or own <= 0 or report.generator.placement is Placement.OWN_HOST:
        return None
    return edge.lower * (1 + report.generator.cpu_s_per_event / own)
