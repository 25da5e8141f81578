"""From the trials of a run to its document. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from . import document as doc
from .conclude import (
    Facts,
    Seen,
    advice_of,
    before_outage,
    capacity_of,
    containers_of,
    first_limit,
    model_of,
    resilience_of,
    storage_of,
)
from .judge_trial import (
    MOST_GENERATOR_CPU,
    MOST_LAG,
    MOST_SLOPE,
    MOST_STEAL,
    Outcome,
    attainment_of,
)
from .kept import Begun, Moment, Record
from .names import SOURCE
from .search import Done, StopReason
from .speed import speed_of
from .trial import CYCLIC, Phase, Quantiles, Slo, Stage

__all__ = ["assemble", "status_of", "timeline_of"]

_OTHER_CORES: Final = 0.10
_MOST_PRESSURE: Final = 0.05
_SLOW_FSYNC_MS: Final = 10.0
_STEP: Final = 2.0
_STAGES: Final = {
    Stage.TOTAL: doc.Stage.TOTAL,
    Stage.QUERYABLE: doc.Stage.QUERYABLE,
    Stage.HA_TO_INGEST: doc.Stage.HA_TO_INGEST,
    Stage.INGEST_TO_ENRICH: doc.Stage.INGEST_TO_ENRICH,
    Stage.ENRICH_TO_STORED: doc.Stage.ENRICH_TO_STORED,
}
_LETTERS: Final = {
    Phase.CALIBRATE: "C",
    Phase.WARM_UP: "W",
    Phase.BRACKET: "B",
    Phase.BISECT: "S",
    Phase.CONFIRM_LOWER: "L",
    Phase.CONFIRM_UPPER: "U",
    Phase.SUSTAINED: "R",
    Phase.OUTAGE: "O",
    Phase.LOW: "Q",
    Phase.CARDINALITY: "E",
    Phase.AGE: "A",
}


def assemble(
    begun: Begun,
    seen: Sequence[Seen],
    done: Done | None,
    *,
    environment: doc.Environment,
    facts: Facts,
    slo: Slo,
    git: doc.Git,
    duration: float,
    problems: Sequence[str] = (),
) -> doc.Report:
    """Return the document of a run; without *done* it was interrupted."""
    named = _named(seen)
    cores = float(environment.cpu.cores)
    containers = containers_of(seen, environment)
    passed = [s.result.spec.rate for s in seen if s.passed and s.result.blocks]
    edge = done.edge.lower if done and done.edge else max(passed, default=None)
    limit = first_limit(seen, containers, cores=cores, edge=edge)
    sustained = done.sustained if done else None
    held = [
        name
        for name, s in named.items()
        if s.passed
        and s.result.spec.phase is Phase.SUSTAINED
        and s.result.spec.rate == sustained
    ]
    cold = [s.record.cold for s in seen if s.valid and s.record.cold]
    storage = storage_of(
        environment,
        facts,
        rate=sustained or edge,
        cold=cold[-1] if cold else None,
    )
    capacity = None
    # A real Home Assistant is slower than the stack: that is no rate to drain at.
    scripted = begun.entry == doc.Entry.FAKE_HA
    if scripted and done is not None and done.edge is not None:
        capacity = capacity_of(
            before_outage(seen),
            containers,
            cores=cores,
            edge=done.edge.middle or done.edge.lower,
        )
    return doc.Report(
        schema_version=1,
        run=doc.Run(
            id=begun.id,
            started=begun.started,
            duration_s=round(duration, 1),
            profile=doc.Profile(begun.profile),
            command=begun.command,
            git=git,
            seed=begun.seed,
            complete=done is not None,
        ),
        verdict=doc.Verdict(
            status=status_of(done),
            sentence="",
            figures=(),
            sustained_eps=sustained,
            sustained_trial=held[-1] if held else None,
            edge=_edge(done),
            stop_reason=_stop(done),
        ),
        environment=environment,
        workload=doc.Workload(
            entities=begun.entities,
            series=max(1, facts.series),
            event_bytes=float(_EVENT_BYTES + begun.payload_bytes),
            payload_bytes=begun.payload_bytes,
            arrival=doc.Arrival(begun.arrival),
            period_s=begun.period if begun.arrival in CYCLIC else None,
            trace=begun.trace or None,
            entity_growth=begun.entity_growth,
            entry=doc.Entry(begun.entry),
        ),
        slo=doc.Objective(
            p=slo.p, limit_ms=1000 * slo.limit, loss=0, backlog_slope=MOST_SLOPE
        ),
        generator=_generator(seen, done),
        validity=tuple(_checks(seen, environment)),
        trials=tuple(_trial(name, s) for name, s in named.items()),
        timeline=timeline_of([s.record for s in seen]),
        model=model_of(seen, containers, limit, environment, facts),
        storage=storage,
        speed=speed_of(
            named,
            seen,
            held=held[-1] if held else None,
            entry=begun.entry,
        ),
        resilience=resilience_of(seen, facts, capacity=capacity),
        recommendations=advice_of(
            containers, limit, environment, storage, edge=edge, source=SOURCE
        ),
        baseline=None,
        warnings=tuple(_warnings(seen, done, environment, problems)),
    )


_EVENT_BYTES: Final = 1_085
"""What an event of the simulator has on the wire, as suites/simulator says."""


def status_of(done: Done | None) -> doc.Status:
    """Return the run's verdict."""
    if done is None:
        return doc.Status.INCONCLUSIVE
    if done.sustained is not None:
        return doc.Status.PASS
    if done.stop is StopReason.MIN_RATE_FAILS:
        return doc.Status.FAIL
    if done.edge is None and done.stop in {
        StopReason.NOT_VALID,
        StopReason.GENERATOR_LIMITED,
    }:
        return doc.Status.INVALID
    return doc.Status.INCONCLUSIVE


def timeline_of(records: Sequence[Record]) -> doc.Timeline | None:
    """Return the containers over time in even steps; between looks they were idle."""
    moments = [moment for record in records for moment in record.moments]
    if len(moments) < 2:
        return None
    names = sorted({name for moment in moments for name in moment.containers})
    count = int(moments[-1].at // _STEP) + 1
    return doc.Timeline(
        step_s=_STEP,
        containers={name: _series(name, moments, count) for name in names},
    )


def _series(name: str, moments: Sequence[Moment], count: int) -> doc.Series:
    cores, memory, throttled = [0.0] * count, [0] * count, [0.0] * count
    last: tuple[float, tuple[float, int, float]] | None = None
    for moment in moments:
        now = moment.containers.get(name)
        if now is None:
            last = None
            continue
        place = min(count - 1, int(moment.at // _STEP))
        memory[place] = max(memory[place], now[1])
        if last is not None and moment.at > last[0] and now[0] >= last[1][0]:
            span = moment.at - last[0]
            used = (now[0] - last[1][0]) / span
            waited = max(0.0, now[2] - last[1][2]) / span
            cores[place] = max(cores[place], round(used, 4))
            throttled[place] = max(throttled[place], min(1.0, round(waited, 4)))
        last = (moment.at, now)
    before = next((bytes_ for bytes_ in memory if bytes_), 0)
    for place, bytes_ in enumerate(memory):
        memory[place] = before = bytes_ or before
    return doc.Series(
        cpu_cores=tuple(cores), mem_bytes=tuple(memory), throttled=tuple(throttled)
    )


def _named(seen: Sequence[Seen]) -> dict[str, Seen]:
    counts: dict[str, int] = {}
    named = {}
    for s in seen:
        letter = _LETTERS.get(s.result.spec.phase)
        if letter is not None:
            counts[letter] = counts.get(letter, 0) + 1
            named[f"{letter}{counts[letter]}"] = s
    return named


def _trial(name: str, s: Seen) -> doc.Trial:
    record, result = s.record, s.result
    spec, count = result.spec, result.accounting
    share = attainment_of(result.blocks) if result.blocks else None
    timed = bool(result.blocks)
    window = result.window or max(1.0, result.elapsed)
    return doc.Trial(
        id=name,
        phase=doc.Phase(spec.phase.value),
        started_s=round(max(0.0, record.started), 3),
        target_eps=spec.rate,
        achieved_eps=result.achieved,
        window_s=window,
        outcome=doc.Outcome(s.judgement.outcome.value),
        reasons=tuple(str(reason) for reason in s.judgement.reasons),
        attainment=None
        if share is None
        else doc.Attainment(
            value=share.value, ci=(share.low, share.high), blocks=share.blocks
        ),
        latency={
            _STAGES[stage]: _latency(
                found, record.counts.get(stage, 0), record.histograms.get(stage)
            )
            for stage, found in result.latency.items()
            if stage in _STAGES
        },
        negative_latencies=count.negative,
        accounting=doc.Accounting(
            sent=count.sent,
            acked=count.stored + count.rejected,
            stored=count.stored,
            rejected=count.rejected,
            lost=count.lost,
            duplicate=count.duplicate,
            out_of_order=count.out_of_order,
            unexpected=count.unexpected,
            compared=count.compared,
            named=tuple(record.named),
        ),
        backlog=doc.Backlog(
            mean=result.backlog.mean,
            end=result.backlog.end,
            slope=result.backlog.slope,
        )
        if timed
        else None,
        resources={
            container: doc.Resources(
                cpu_s=round(max(0.0, used.cpu), 6),
                throttled_s=round(used.throttled, 6),
                mem_peak=used.memory_peak,
                io=doc.Io(read=record.io[container][0], write=record.io[container][1])
                if container in record.io
                else None,
                psi=None
                if used.cpu_pressure is None
                else doc.Pressure(
                    cpu=100 * used.cpu_pressure,
                    io=100 * (used.io_pressure or 0.0),
                    memory=100 * (used.memory_pressure or 0.0),
                ),
            )
            for container, used in result.resources.items()
        },
        blocks=tuple(
            doc.Block(
                at_s=max(0.0, row.at),
                count=row.count,
                p50=1000 * row.p50,
                p99=1000 * row.p99,
                max=1000 * row.max,
            )
            for row in record.slices
        ),
        incidents=tuple(
            doc.Incident(at_s=max(0.0, at), kind=doc.IncidentKind(kind), text=text)
            for at, kind, text in record.incidents
        ),
    )


def _latency(found: Quantiles, count: int, blob: str | None) -> doc.Latency:
    return doc.Latency(
        count=count,
        mean=1000 * found.mean,
        p50=1000 * found.p50,
        p90=1000 * found.p90,
        p99=1000 * found.p99,
        p999=1000 * found.p999,
        max=1000 * found.max,
        hdr=blob,
    )


def _generator(seen: Sequence[Seen], done: Done | None) -> doc.Generator:
    good = [s.result for s in seen if s.passed and s.result.blocks]
    calibrated = [
        s.result.spec.rate
        for s in seen
        if s.passed and s.result.spec.phase is Phase.CALIBRATE
    ]
    most = (done.generator_max if done else None) or max(calibrated, default=0.0)
    rows = good or [s.result for s in seen if s.result.accounting.sent]
    sent = sum(r.window_events for r in rows)
    cpu = sum(r.generator.cpu for r in rows)
    return doc.Generator(
        placement=doc.Placement.CO_LOCATED,
        workers=1,
        g_max=most or max((r.achieved for r in rows), default=0.0) or 1.0,
        cpu_s_per_event=cpu / sent if sent else 0.0,
        lag_ms=doc.LagMs(
            p50=1000 * max((r.generator.lag_p50 for r in rows), default=0.0),
            p99=1000 * max((r.generator.lag_p99 for r in rows), default=0.0),
        ),
    )


def _checks(seen: Sequence[Seen], environment: doc.Environment) -> Iterator[doc.Check]:
    """Yield what was looked at to trust the run; invalid trials are left out of it."""
    good = [s for s in seen if s.passed and s.result.blocks]
    timed = [s for s in seen if s.result.spec.phase in _LETTERS]
    lag = max((s.result.generator.lag_p99 for s in good), default=None)
    if lag is not None:
        yield _check(
            "dispatch lag, p99", lag <= MOST_LAG, f"{1000 * lag:.3g} ms", "10 ms"
        )
        worst = min(s.result.achieved / s.result.spec.rate for s in good)
        yield _check(
            "achieved / target rate",
            worst >= 0.99,
            f"{100 * worst:.4g} %",
            "at least 99 %",
        )
        share = max(s.result.generator.cpu_share for s in good)
        yield _check(
            "generator CPU",
            share <= MOST_GENERATOR_CPU,
            f"{100 * share:.3g} % of its share",
            "80 %",
        )
    counted = [s.result.accounting for s in timed]
    wrong = [c for c in counted if c.sent != c.stored + c.rejected + c.lost]
    yield _check(
        "sent = stored + rejected + lost",
        not wrong,
        f"holds in {len(counted) - len(wrong)} of {len(counted)} trials",
        "all",
    )
    steal = max((s.result.host.steal for s in seen), default=0.0)
    yield _check("CPU steal", steal < MOST_STEAL, f"{100 * steal:.3g} %", "5 %")
    first = [s.result.host for s in seen if s.result.spec.phase is Phase.PREFLIGHT]
    if first:
        before = first[0].pressure_before
        yield _check(
            "other load before the start",
            before < _MOST_PRESSURE,
            f"{100 * before:.3g} % (PSI)",
            "5 %",
            why="somebody else's work makes the machine look smaller",
        )
    others = [s.record.other_cores for s in good if s.record.other_cores is not None]
    if others:
        yield _check(
            "other processes during trials",
            max(others) <= _OTHER_CORES * environment.cpu.cores,
            f"{max(others):.2g} cores",
            f"{_OTHER_CORES * environment.cpu.cores:g} cores",
            why="the engine, the kernel and whoever else is on this host",
        )
    fsync = environment.disk.fsync_ms.p99
    yield _check(
        "disk fsync, p99",
        fsync <= _SLOW_FSYNC_MS,
        f"{fsync:.3g} ms",
        "10 ms",
        why="a slow disk delays each group commit and each write of InfluxDB",
    )
    # A calibration is to find what the generator cannot do: its last steps always fail.
    meant = [s for s in timed if s.result.spec.phase is not Phase.CALIBRATE]
    invalid = [s for s in meant if s.judgement.outcome is Outcome.INVALID]
    yield _check(
        "invalid trials",
        not invalid,
        f"{len(invalid)} of {len(meant)}",
        "0",
        why="left out of all figures",
    )


def _check(
    name: str,
    holds: bool,  # noqa: FBT001 - the fact itself
    value: str,
    limit: str,
    *,
    why: str = "",
) -> doc.Check:
    standing = doc.Standing.OK if holds else doc.Standing.WARNING
    return doc.Check(
        name=name,
        standing=standing,
        value=value,
        limit=limit,
        why="" if holds else why,
    )


def _warnings(
    seen: Sequence[Seen],
    done: Done | None,
    environment: doc.Environment,
    problems: Sequence[str],
) -> Iterator[str]:
    yield "the load came from the measured host and used some of it (co-located)"
    if done is not None and not done.compaction_seen:
        yield "no compaction seen in the long trials: a stall may come that none met"
    if done is not None and not done.warm:
        yield "the warm-up ended before two blocks in a row were alike"
    if not any(s.result.resources and _has_pressure(s.result.resources) for s in seen):
        yield "this kernel keeps no pressure (PSI) for single containers"
    if not any(s.record.io for s in seen):
        yield "this kernel does not tell what containers read and write"
    if environment.cpu.governor is None:
        yield "the CPU's frequency governor is unknown"
    for s in seen:
        phase = s.result.spec.phase.replace("_", " ")
        yield from (f"{phase}: {problem}" for problem in s.record.problems)
    yield from problems


def _has_pressure(rows: Mapping[str, object]) -> bool:
    return any(getattr(row, "cpu_pressure", None) is not None for row in rows.values())


def _edge(done: Done | None) -> doc.Edge | None:
    if done is None or done.edge is None:
        return None
    return doc.Edge(
        lower=done.edge.lower, upper=done.edge.upper, confirmed=done.edge.confirmed
    )


def _stop(done: Done | None) -> doc.StopReason:
    if done is None:
        return doc.StopReason.INTERRUPTED
    return doc.StopReason(done.stop.value)
