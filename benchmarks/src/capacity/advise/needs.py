"""What a wanted load needs, from one report (pure).

A number is `measured` where the load lies within what passed, `extrapolated` up to
twice that. Beyond, and where the first limit was not CPU, nothing is said: the model
holds for CPU only, and nobody has seen what comes next.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..document import (
    Demand,
    Kind,
    Memory,
    Outcome,
    Report,
    Resilience,
    Resource,
    Status,
    Storage,
)
from ..model import (
    StorageCost,
    days_to_full,
    drain_seconds,
    forecast,
    longest_outage,
    shard_seconds,
)
from ..report.sentence import limit_name
from ..report.words import (
    bytes_text,
    cores_text,
    days_text,
    duration,
    memory_text,
    number,
    per_event,
    percent,
    rate,
)
from .entities import dearer, dearer_together, most_entities
from .question import Question

__all__ = ["MOST_TIMES", "Answer", "Need", "answer", "highest_rate", "most_series"]

MOST_TIMES: Final = 2.0
"""How far beyond the measurements the model may be used."""
_CORE_STEP: Final = 0.05
_MEMORY_STEP: Final = 32 << 20
_GO_SHARE: Final = 0.8
"""InfluxDB's soft limit as a share of its hard one, as stack/.env.production says."""
_DAY_S: Final = 86_400.0
_SYSTEM_BYTES: Final = 1 << 30
_SPOOL_USABLE: Final = 0.8
"""The spool pauses the source at this share of SPOOL_MAX_MB."""
_MANY_ENTITIES: Final = 20_000
"""From here on a larger snapshot was seen to save CPU, see docs/REQUIREMENTS.md."""
PREFIXES: Final = {
    "websocket-ingestion": "INGESTION",
    "enrichment-pipeline": "ENRICHMENT",
    "influxdb": "INFLUXDB",
    "admin-api": "ADMIN",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One thing that the load needs; with `variable` it is a limit that can be set.

    `value` is in cores, bytes or MiB as the variable takes it; `now` is what the
    measured machine has, None where it has none or that is not known.
    """

    what: str
    value: float
    text: str
    now: float | None
    now_text: str
    kind: Kind
    evidence: tuple[str, ...]
    variable: str = ""

    @property
    def enough(self) -> bool:
        """Whether the measured machine has it already."""
        return self.now is not None and self.now >= self.value * (1 - 1e-9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is needed, what can be said besides, and what cannot be said."""

    question: Question
    report: Report
    headline: str
    limits: tuple[Need, ...]
    hardware: tuple[Need, ...]
    notes: tuple[str, ...]
    refusals: tuple[str, ...]


def answer(question: Question, report: Report) -> Answer:
    """Answer from one report; what the model does not carry is refused, with why."""
    refusals = tuple(_refusals(question, report))
    limits = () if refusals else tuple(_limits(question, report))
    return Answer(
        question=question,
        report=report,
        headline=_headline(question, report, refused=bool(refusals)),
        limits=limits,
        hardware=() if refusals else tuple(_hardware(question, report, limits)),
        notes=() if refusals else tuple(_notes(question, report)),
        refusals=refusals,
    )


def highest_rate(report: Report, entities: int) -> float | None:
    """Return the highest rate that passed, with so many entities, or None.

    With more than the search had, a rate is that of the same CPU.
    """
    passed = [
        trial.target_eps
        for trial in report.rate_trials
        if trial.outcome is Outcome.PASS
    ]
    if not passed:
        return None
    return max(passed) / dearer_together(report, entities)


def most_series(report: Report) -> int:
    """Return the largest number of series that was measured."""
    return max(
        (memory.max_series for memory in report.model.memory),
        default=report.workload.series,
    )


def _refusals(question: Question, report: Report) -> Iterator[str]:
    if report.verdict.status in {Status.INVALID, Status.FAIL}:
        yield f"the run {report.run.id} has no capacity: {report.verdict.status}"
        return
    highest = highest_rate(report, question.entities)
    if highest is None or not report.model.demand:
        yield f"the run {report.run.id} has no CPU per event: too few trials passed"
        return
    if question.rate > highest * MOST_TIMES:
        yield (
            f"{rate(question.rate)} is more than {MOST_TIMES:g} times the highest rate "
            f"that passed ({rate(highest)}): measure on a machine that carries more"
        )
    elif question.rate > highest:
        yield from _not_cpu(report, highest)
    known = most_series(report)
    if question.entities > known * MOST_TIMES:
        yield (
            f"{question.entities:,} entities are as many series, more than "
            f"{MOST_TIMES:g} times what was measured ({known:,}): measure with more "
            "entities"
        )
    else:
        yield from _unknown_memory(report, question.entities, known)
    for demand in report.model.demand:
        yield from _one_core(question, report, demand)


def _not_cpu(report: Report, highest: float) -> Iterator[str]:
    found = report.model.bottleneck
    if found is None or found.resource is Resource.UNKNOWN:
        yield (
            f"above {rate(highest)} nothing can be said: what stopped the machine "
            "there was not explained by CPU"
        )
    elif found.resource is not Resource.CPU:
        yield (
            f"above {rate(highest)} nothing can be said: the first limit was "
            f"{limit_name(found)}, and a higher CPU limit does not move it"
        )


def _unknown_memory(report: Report, wanted: int, known: int) -> Iterator[str]:
    unknown = [m.container for m in report.model.memory if m.per_series is None]
    if wanted > known and unknown:
        yield (
            f"memory for {wanted:,} series cannot be said: {', '.join(unknown)} was "
            f"measured with {known:,} only; a full run varies the number of entities"
        )


def _one_core(question: Question, report: Report, demand: Demand) -> Iterator[str]:
    service = report.environment.services.get(demand.container)
    if service is None or service.max_cores is None:
        return
    needed = _cores(question, report, demand)
    if needed > service.max_cores:
        yield (
            f"{demand.container} would need {cores_text(needed)}, and its process can "
            f"use {cores_text(service.max_cores)} at most: no limit and no larger "
            "machine helps"
        )


def _limits(question: Question, report: Report) -> Iterator[Need]:
    for demand in report.model.demand:
        yield _cpu(question, report, demand)
    for memory in report.model.memory:
        yield from _memory(question, report, memory)
    yield from _spool(question, report)


def _cpu(question: Question, report: Report, demand: Demand) -> Need:
    headroom = report.model.headroom.cpu
    value = _rounded_up(_cores(question, report, demand), _CORE_STEP)
    service = report.environment.services.get(demand.container)
    now = None if service is None else service.cpu_limit
    return Need(
        what=f"CPU of {demand.container}",
        value=round(value, 2),
        text=cores_text(value),
        now=now,
        now_text="no limit" if now is None else cores_text(now),
        kind=_kind(question, report),
        evidence=(
            f"{per_event(demand.cpu_s_per_event)} of CPU per event, at most "
            + per_event(demand.ci[1]),
            *_dearer_text(question, report, demand),
            f"{number(demand.idle, 2)} cores idle",
            f"used to {percent(headroom)}",
        ),
        variable=_variable(demand.container, "CPU_LIMIT"),
    )


def _dearer_text(question: Question, report: Report, demand: Demand) -> Iterator[str]:
    times = dearer(report, demand.container, question.entities)
    if times > 1:
        yield f"{number(times)} times that with {question.entities:,} entities"


def _memory(question: Question, report: Report, memory: Memory) -> Iterator[Need]:
    headroom = report.model.headroom.memory
    # An entity is one series: the tags are the entity and its domain.
    grown = memory.base + (memory.per_series or 0.0) * question.entities
    waiting = min(_waiting(question), _most_waiting(report))
    grown += (memory.per_backlog_event or 0.0) * waiting
    used = max(float(memory.peak), grown)
    value = _rounded_up(used / headroom, _MEMORY_STEP)
    service = report.environment.services.get(memory.container)
    now = None if service is None else service.mem_limit
    measured = question.entities <= memory.max_series and not (
        question.outage_s and memory.per_backlog_event
    )
    yield Need(
        what=f"memory of {memory.container}",
        value=value,
        text=memory_text(value),
        now=None if now is None else float(now),
        now_text="no limit" if now is None else memory_text(now),
        kind=Kind.MEASURED if measured else Kind.EXTRAPOLATED,
        evidence=(
            f"peak {memory_text(memory.peak)} with {memory.max_series:,} series",
            f"used to {percent(headroom)}",
        ),
        variable=_variable(memory.container, "MEMORY_LIMIT"),
    )
    if memory.container == "influxdb":
        yield Need(
            what="InfluxDB's own memory limit",
            value=math.floor(value * _GO_SHARE / (1 << 20)) * (1 << 20),
            text=memory_text(value * _GO_SHARE),
            now=None if now is None else now * _GO_SHARE,
            now_text="no limit" if now is None else memory_text(now * _GO_SHARE),
            kind=Kind.RULE_OF_THUMB,
            evidence=(f"{percent(_GO_SHARE)} of its memory limit",),
            variable="INFLUXDB_GO_MEMORY",
        )


def _spool(question: Question, report: Report) -> Iterator[Need]:
    found = report.resilience
    if found is None or question.outage_s is None:
        return
    per_event = _waiting_bytes(question, report, found)
    value = math.ceil(
        question.rate * question.outage_s * per_event / _SPOOL_USABLE / (1 << 20)
    )
    now = found.buffer_bytes / (1 << 20)
    yield Need(
        what=f"spool for an outage of {duration(question.outage_s)}",
        value=float(value),
        text=memory_text(value * (1 << 20)),
        now=now,
        now_text=memory_text(found.buffer_bytes),
        kind=Kind.EXTRAPOLATED,
        evidence=(
            f"{number(per_event)} bytes an event in the spool",
            f"filled to {percent(_SPOOL_USABLE)}",
        ),
        variable="SPOOL_MAX_MB",
    )


def _waiting_bytes(question: Question, report: Report, found: Resilience) -> float:
    """Return what an event takes in the spool at the rate that is asked for.

    Under load events share rows, which are compressed; below the rate of the outage
    that was measured one may have a row of its own, as large as it is.
    """
    if question.rate >= found.rate_eps:
        return found.bytes_per_event
    return max(found.bytes_per_event, report.workload.event_bytes)


def _hardware(
    question: Question, report: Report, limits: tuple[Need, ...]
) -> Iterator[Need]:
    env = report.environment
    used = sum(_used(question, report, demand) for demand in report.model.demand)
    cores = math.ceil(round(used / report.model.headroom.cpu, 6))
    yield Need(
        what="cores of the host",
        value=float(cores),
        text=cores_text(cores),
        now=float(env.cpu.cores),
        now_text=cores_text(env.cpu.cores),
        kind=_kind(question, report),
        evidence=(
            f"the containers use {cores_text(used)} together",
            f"of this processor: {env.cpu.model}",
        ),
    )
    memory = sum(need.value for need in limits if need.what.startswith("memory of "))
    total = _rounded_up(memory + _SYSTEM_BYTES, 1 << 29)
    yield Need(
        what="memory of the host",
        value=total,
        text=memory_text(total),
        now=float(env.mem_bytes),
        now_text=memory_text(env.mem_bytes),
        kind=Kind.RULE_OF_THUMB,
        evidence=(
            f"the limits together, and {memory_text(_SYSTEM_BYTES)} for the rest",
        ),
    )
    yield from _disk(question, report, limits)


def _disk(
    question: Question, report: Report, limits: tuple[Need, ...]
) -> Iterator[Need]:
    storage, disk = report.storage, report.environment.disk
    if storage is None or question.retention_days == 0:
        return
    retention = question.retention_days * _DAY_S
    plateau = (retention + shard_seconds(retention)) / _DAY_S
    data = forecast(
        _cost(storage), rate=question.rate, retention=retention, days=plateau
    ).size
    spool = next(
        (n.value * (1 << 20) for n in limits if n.variable == "SPOOL_MAX_MB"), 0
    )
    value = (data + spool) / report.model.headroom.disk
    yield Need(
        what=f"free disk for {days_text(question.retention_days)}",
        value=value,
        text=bytes_text(value),
        now=float(disk.free),
        now_text=f"{bytes_text(disk.free)} free",
        kind=storage.kind,
        evidence=(
            f"{number(storage.bytes_per_point.cold)} bytes a point when compacted",
            f"{number(storage.points_per_event)} points an event",
            f"filled to {percent(report.model.headroom.disk)}",
        ),
    )


def _notes(question: Question, report: Report) -> Iterator[str]:
    storage, found, edge = report.storage, report.resilience, report.verdict.edge
    if storage is None:
        yield "Disk: not measured in this run."
    elif question.retention_days == 0:
        cost = _cost(storage)
        daily = question.rate * _DAY_S * cost.cold
        full = days_to_full(
            cost, rate=question.rate, retention=0, free=report.environment.disk.free
        )
        yield (
            f"Disk: kept for ever, data grow by {bytes_text(daily * 365)} a year"
            + ("." if full is None else f"; this disk is full in {days_text(full)}.")
        )
    if found is None:
        yield "Outage: not measured in this run."
    else:
        held = longest_outage(
            rate=question.rate,
            buffer=found.buffer_bytes / _waiting_bytes(question, report, found),
        )
        yield (
            f"Outage: the spool as it was measured holds {duration(held)} of "
            f"{rate(question.rate)}."
        )
        if _waiting(question) > _most_waiting(report):
            yield (
                f"Memory in such an outage: measured up to {found.backlog_peak:,} "
                f"events that wait, told up to {MOST_TIMES:g} times that; "
                f"{number(_waiting(question))} would wait."
            )
    carried = (
        0.0 if edge is None else edge.lower / dearer_together(report, question.entities)
    )
    if question.rate < carried:
        drain = drain_seconds(rate=question.rate, capacity=carried, outage=600)
        yield (
            f"Drain: ten minutes of outage are gone after {duration(drain)} "
            "on the measured machine (extrapolated)."
        )
    if question.entities >= _MANY_ENTITIES:
        yield (
            f"Entities: from {_MANY_ENTITIES:,} on InfluxDB takes less CPU an event, "
            "and stores it later, with INFLUXDB_SNAPSHOT_BYTES=134217728 "
            "(docs/REQUIREMENTS.md)."
        )


def _headline(question: Question, report: Report, *, refused: bool) -> str:
    kept = days_text(question.retention_days) if question.retention_days else "for ever"
    asked = f"{rate(question.rate)} from {question.entities:,} entities, kept {kept}"
    if refused:
        return f"{asked}: the measurements do not reach that far."
    sustained, edge = report.verdict.sustained_eps, report.verdict.edge
    times = dearer_together(report, question.entities)
    with_so_many = "" if times == 1 else " with so many"
    if sustained is not None and question.rate <= sustained / times:
        kind = "measured" if times == 1 else "extrapolated"
        return (
            f"{asked}: the measured machine sustains {rate(sustained / times)}"
            f"{with_so_many} ({kind})."
        )
    if edge is not None and question.rate <= edge.lower / times:
        return (
            f"{asked}: the measured machine carries {rate(edge.lower / times)}"
            f"{with_so_many}, but with no headroom to drain a backlog."
        )
    return f"{asked}: more than the measured machine carries."


def _cost(storage: Storage) -> StorageCost:
    """Return what an event takes on disk."""
    return StorageCost(
        hot=storage.bytes_per_point.hot * storage.points_per_event,
        cold=storage.bytes_per_point.cold * storage.points_per_event,
        fixed=float(storage.fixed_bytes),
    )


def _waiting(question: Question) -> float:
    """Return how many events wait at the end of the outage that is asked for."""
    return question.rate * (question.outage_s or 0.0)


def _most_waiting(report: Report) -> float:
    """Return the backlog up to which memory may be told from what was measured."""
    found = report.resilience
    return 0.0 if found is None else MOST_TIMES * found.backlog_peak


def _kind(question: Question, report: Report) -> Kind:
    highest = highest_rate(report, question.entities) or 0.0
    measured = question.rate <= highest and question.entities <= most_entities(report)
    return Kind.MEASURED if measured else Kind.EXTRAPOLATED


def _used(question: Question, report: Report, demand: Demand) -> float:
    """Return the cores in use, by the upper end of the demand's interval."""
    per_event = max(demand.ci[1], demand.cpu_s_per_event)
    times = dearer(report, demand.container, question.entities)
    return demand.idle + per_event * times * question.rate


def _cores(question: Question, report: Report, demand: Demand) -> float:
    return _used(question, report, demand) / report.model.headroom.cpu


def _variable(container: str, limit: str) -> str:
    prefix = PREFIXES.get(container)
    return "" if prefix is None else f"{prefix}_{limit}"


def _rounded_up(value: float, step: float) -> float:
    return math.ceil(value / step - 1e-9) * step
