"""What a run's trials mean: model, storage, outage and advice, for the report. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from . import document as doc
from .errors import NotEnoughData
from .judge_trial import (
    Judgement,
    Outcome,
    little_residual,
)
from .kept import Cold, Moment, Record
from .model import (
    Bottleneck,
    Ceiling,
    Change,
    Container,
    Look,
    MemoryPoint,
    StorageCost,
    bottleneck_of,
    burst_of,
    ceilings,
    days_to_full,
    demand_of,
    drain_seconds,
    forecast,
    gain_of,
    longest_outage,
    memory_of,
    shard_seconds,
)
from .model.demand import LEAST_RATES, loads_of
from .model.disk import DAY
from .names import DATABASE, ENRICHMENT, INGESTION
from .report.words import number
from .report.words import rate as rate_text
from .trial import Phase, TrialResult

__all__ = [
    "HEADROOM",
    "Facts",
    "Seen",
    "advice_of",
    "before_outage",
    "capacity_of",
    "containers_of",
    "first_limit",
    "model_of",
    "points_of",
    "resilience_of",
    "storage_of",
]

HEADROOM: Final = doc.Headroom(cpu=0.7, memory=0.5, disk=0.8)
_FALLING: Final = 0.9
"""Of its peak: a backlog that stays below it is on its way down."""
_LEAST_LOOKS: Final = 3
"""Looks at a backlog between which it can be told how fast it falls."""
LEAST_STEPS: Final = 3
"""Numbers of series between which a growth of memory can be told."""
_SPOOL_SHARE: Final = 0.8
_SLOW_FSYNC_MS: Final = 10.0
_MORE: Final = 2.0
_CLOSE: Final = 0.1
_AT_LIMIT: Final = 0.9
"""Of its CPU limit: a container that uses more is what others wait for."""
_WAITING: Final = 1.0
"""Seconds that events wait on the mean where they travel as those of a backlog do."""
_WAY_TO_SOAK: Final = 0.4
"""How far an outage that was rehearsed is on the way from there to the soak.

By InfluxDB's CPU an event it was 0.29 to 0.65 in six of eight runs (1.5 in one, and in
one the soak cost no more): the files become larger, as in the soak, but what waited
travels in full batches. With this all eight drains are predicted within 20 %.
"""
_SHOWN_DAYS: Final = (0, 1, 7, 30, 60, 90, 180, 270, 365, 540, 730)
_STEADY: Final = frozenset(
    {
        Phase.BRACKET,
        Phase.BISECT,
        Phase.CONFIRM_LOWER,
        Phase.CONFIRM_UPPER,
        Phase.SUSTAINED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was read of the stack besides the trials.

    `stored_bytes` and `stored_points` are what the database's data grew by over the
    run; None where it cannot be seen.
    """

    series: int
    stored_bytes: int | None
    stored_points: int
    retention_days: float
    spool_limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A trial's record, and what it says."""

    record: Record
    judgement: Judgement

    @property
    def result(self) -> TrialResult:
        """What was measured."""
        return self.record.result

    @property
    def valid(self) -> bool:
        """Tell whether it says anything about the stack."""
        return self.judgement.outcome is not Outcome.INVALID

    @property
    def passed(self) -> bool:
        """Tell whether it held."""
        return self.judgement.outcome is Outcome.PASS


def points_of(seen: Sequence[Seen]) -> int:
    """Return how many points were stored; those of a calibration went nowhere.

    What was written past the services lies beside the events.
    """
    return sum(
        s.result.accounting.stored + s.record.past
        for s in seen
        if s.result.spec.phase is not Phase.CALIBRATE
    )


def containers_of(
    seen: Sequence[Seen], environment: doc.Environment
) -> list[Container]:
    """Return each container's demand, of those that enough rates were measured for.

    Services work in batches, so an event costs less at a higher rate. Trials far below
    the fastest are left out where enough others are there: the line is to hold where
    limits are reached.
    """
    good = [s.result for s in seen if s.passed and s.result.spec.phase in _STEADY]
    fastest = max((result.spec.rate for result in good), default=0.0)
    close = [r for r in good if r.spec.rate >= _CLOSE * fastest]
    if len({result.spec.rate for result in close}) >= LEAST_RATES:
        good = close
    found = []
    for name, service in environment.services.items():
        try:
            demand = demand_of(loads_of(good, name))
        except NotEnoughData:
            continue
        found.append(
            Container(
                name=name,
                demand=demand,
                cpu_limit=service.cpu_limit,
                single_threaded=service.max_cores == 1.0,
            )
        )
    return found


def first_limit(
    seen: Sequence[Seen],
    containers: Sequence[Container],
    *,
    cores: float,
    edge: float | None,
) -> Bottleneck | None:
    """Return what the model and the first trial above the edge name, or None."""
    failed = [
        s
        for s in seen
        if s.judgement.outcome is Outcome.FAIL and s.result.spec.phase in _STEADY
    ]
    if not failed or edge is None or not containers:
        return None
    above = [s for s in failed if s.result.spec.rate >= edge] or failed
    longest = max(s.result.spec.window for s in above)
    least = min(
        (s for s in above if s.result.spec.window == longest),
        key=lambda s: s.result.spec.rate,
    )
    reach = ceilings(containers, host_cores=cores, share=1.0)
    burst = burst_of(_looks(least.record), rate=least.result.spec.rate)
    return bottleneck_of(reach, least.result, edge=edge, burst=burst)


def _looks(record: Record) -> list[Look]:
    """Return the looks at a trial's window."""
    spec = record.result.spec
    return [
        Look(
            at=moment.at,
            backlog=moment.backlog,
            cpu={name: cpu for name, (cpu, _, _) in moment.containers.items()},
        )
        for moment in _moments(record, after=spec.settle, seconds=record.result.window)
    ]


def _moments(record: Record, *, after: float, seconds: float) -> list[Moment]:
    """Return the looks at a stretch of a trial, so many seconds after its start."""
    begin = record.started + after
    end = begin + seconds
    return [moment for moment in record.moments if begin <= moment.at <= end]


def model_of(
    seen: Sequence[Seen],
    containers: Sequence[Container],
    found: Bottleneck | None,
    environment: doc.Environment,
    facts: Facts,
) -> doc.Model:
    """Return the model as the report holds it."""
    reach = {
        row.name: row.rate
        for row in ceilings(containers, host_cores=float(environment.cpu.cores))
    }
    residuals = [
        residual
        for s in seen
        if s.passed and (residual := little_residual(s.result)) is not None
    ]
    return doc.Model(
        headroom=HEADROOM,
        demand=tuple(
            doc.Demand(
                container=row.name,
                cpu_s_per_event=row.demand.per_event,
                idle=row.demand.idle,
                ci=(row.demand.low, row.demand.high),
                x_max=_finite(reach.get(row.name)) if row.cpu_limit else None,
            )
            for row in containers
        ),
        memory=tuple(_memory(seen, environment, facts)),
        little_residual=max(residuals, key=abs, default=None),
        usl=None,
        bottleneck=None
        if found is None
        else doc.Bottleneck(
            name=found.name,
            resource=doc.Resource(found.resource),
            evidence=tuple(_told(found)),
            confidence=doc.Confidence(found.confidence.value),
        ),
    )


def storage_of(
    environment: doc.Environment,
    facts: Facts,
    *,
    rate: float | None,
    cold: Cold | None = None,
) -> doc.Storage | None:
    """Return the disk forecast; None where the data's size could not be seen.

    Hot bytes are those of the run, or of the throw-away database where the run's
    cannot be seen; cold ones are its alone, and without it as many as the hot ones.
    """
    hot = None
    if facts.stored_bytes and facts.stored_points >= 1_000:
        hot = facts.stored_bytes / facts.stored_points
    compacted = cold.cold / cold.points if cold and cold.cold and cold.points else None
    if hot is None and cold and compacted:
        hot = cold.hot / cold.points
    if not hot or not rate:
        return None
    cost = StorageCost(hot=hot, cold=compacted or hot, error=0.15)
    retention = facts.retention_days * DAY
    shard = shard_seconds(retention)
    plateau = None
    if retention:
        days = (retention + shard) / DAY
        plateau = forecast(cost, rate=rate, retention=retention, days=days).size
    rows = [
        forecast(cost, rate=rate, retention=retention, days=float(day))
        for day in _SHOWN_DAYS
    ]
    return doc.Storage(
        bytes_per_point=doc.BytesPerPoint(hot=cost.hot, cold=cost.cold),
        points_per_event=1.0,
        method=_storage_method(facts, cold if compacted else None),
        kind=doc.Kind.EXTRAPOLATED,
        rate_eps=rate,
        retention_days=facts.retention_days,
        shard_days=shard / DAY,
        fixed_bytes=0,
        plateau_bytes=plateau,
        forecast=tuple(
            doc.Forecast(days=row.days, bytes=row.size, lo=row.low, hi=row.high)
            for row in rows
        ),
        days_to_full=days_to_full(
            cost, rate=rate, retention=retention, free=float(environment.disk.free)
        ),
    )


def capacity_of(
    seen: Sequence[Seen],
    containers: Sequence[Container],
    *,
    cores: float,
    edge: float,
) -> float:
    """Return what the stack serves while events wait, which a backlog drains at.

    An outage shows it by how fast its backlog drained. A longer one's drains as fast,
    but for the merges of large files, which the database makes in a long time only. No
    trial without an outage has the same load, few events arriving and all that were
    missed travelling in full batches. Where a container was at its own CPU limit while
    the backlog fell, the merges are done beside it and cost nothing. Without an outage
    it is at least the edge, which is bound by its latency as well; where more was asked
    for than could be served, so that events waited (by Little's law), it is what was
    served. Where nothing was seen to be saturated the first CPU ceiling stands for it,
    with the whole limit.
    """
    for s in reversed(seen):
        fall = _fall(s) if s.valid else ()
        if fall:
            lasting = 1.0 if _limited(fall, containers) else _lasting(s.result, seen)
            return (s.result.achieved + _falling_rate(fall)) * lasting
    saturated = [s.result for s in seen if _is_saturated(s)]
    if saturated:
        return max(edge, statistics.mean(map(_served, saturated)))
    first, *_ = ceilings(containers, host_cores=cores, share=1.0)
    return max(edge, _finite(first.rate) or 0.0)


def before_outage(seen: Sequence[Seen]) -> Sequence[Seen]:
    """Return the trials before the outage that the report shows, to predict it from."""
    last = _last_outage(seen)
    return seen if last is None else seen[:last]


def _last_outage(seen: Sequence[Seen]) -> int | None:
    found = [i for i, s in enumerate(seen) if s.valid and s.result.outage is not None]
    return found[-1] if found else None


def _fall(s: Seen) -> Sequence[Moment]:
    """Return the looks while the backlog of an outage fell; none where that is unclear.

    A database that has just started may take only what arrives for some seconds, which
    are as many after a longer outage: the fall begins with the backlog's last look near
    its peak.
    """
    outage, record = s.result.outage, s.record
    if outage is None or outage.drain is None:
        return ()
    looks = [
        moment
        for moment in _moments(
            record, after=record.down_at + outage.seconds, seconds=outage.drain
        )
        if moment.backlog is not None
    ]
    near = _FALLING * max((_backlog(moment) for moment in looks), default=0.0)
    high = [i for i, moment in enumerate(looks) if _backlog(moment) >= near]
    falling = looks[high[-1] :] if high else []
    return falling if len(falling) >= _LEAST_LOOKS else ()


def _backlog(moment: Moment) -> float:
    return moment.backlog or 0.0


def _falling_rate(fall: Sequence[Moment]) -> float:
    began, ended = fall[0], fall[-1]
    return (_backlog(began) - _backlog(ended)) / (ended.at - began.at)


def _limited(fall: Sequence[Moment], containers: Sequence[Container]) -> bool:
    """Tell whether a service, not the host, was what the backlog waited for."""
    began, ended = fall[0], fall[-1]
    return any(
        one.cpu_limit is not None
        and one.name in began.containers
        and one.name in ended.containers
        and ended.containers[one.name][0] - began.containers[one.name][0]
        >= _AT_LIMIT * one.cpu_limit * (ended.at - began.at)
        for one in containers
        if one.name != DATABASE
    )


def _lasting(outage: TrialResult, seen: Sequence[Seen]) -> float:
    """Return the share of a draining rate that a longer time leaves of it, at most 1.

    By how much more of the database's CPU an event took while the sustained rate was
    held, the longest trial, beside what it took of all containers in the outage.
    """
    held = [
        s.result for s in seen if s.passed and s.result.spec.phase is Phase.SUSTAINED
    ]
    whole, short = _cost(outage, *outage.resources), _cost(outage, DATABASE)
    if not held or not whole:
        return 1.0
    more = max(0.0, _cost(held[-1], DATABASE) - short)
    return whole / (whole + _WAY_TO_SOAK * more)


def _cost(result: TrialResult, *containers: str) -> float:
    """Return CPU-seconds an event; those of an outage are of the whole trial."""
    timed = result.outage is None
    events = result.achieved * result.window if timed else result.accounting.sent
    if not events:
        return 0.0
    used = (result.resources[n].cpu for n in containers if n in result.resources)
    return sum(used) / events


def _is_saturated(s: Seen) -> bool:
    """Tell whether events had to wait; a late generator does not change that."""
    sound = s.valid or s.judgement.blames_generator
    if s.passed or not sound or s.result.spec.phase not in _STEADY:
        return False
    return s.result.backlog.mean >= _WAITING * _served(s.result) > 0


def _served(result: TrialResult) -> float:
    return result.achieved - result.backlog.slope


def _storage_method(facts: Facts, cold: Cold | None) -> str:
    run = "data and log of this run divided by its points"
    if cold is None:
        return f"{run}, not fully compacted: an upper bound"
    own = (
        f"{cold.points:,} points of past days in a database of its own, compacted "
        f"whole after {number(cold.seconds)} s"
    )
    return f"hot: {run}; cold: {own}" if facts.stored_bytes else f"hot and cold: {own}"


def resilience_of(
    seen: Sequence[Seen], facts: Facts, *, capacity: float | None
) -> doc.Resilience | None:
    """Return what a valid outage trial showed, and how long an outage may be."""
    last = _last_outage(seen)
    if last is None:
        return None
    record = seen[last].record
    result, outage = record.result, record.result.outage
    if outage is None or outage.seconds <= 0:
        return None
    rate = result.spec.rate
    per_event = record.spool_bytes_per_event or 0.0
    if per_event <= 0:
        return None
    buffer = _SPOOL_SHARE * facts.spool_limit
    predicted = None
    if capacity is not None:
        missed = max(0.0, outage.seconds - outage.usual / rate)
        seconds = drain_seconds(rate=rate, capacity=capacity, outage=missed)
        predicted = _finite(seconds)
    first = record.started
    return doc.Resilience(
        rate_eps=rate,
        down_at_s=max(0.0, record.down_at),
        outage_s=outage.seconds,
        backlog_peak=outage.backlog_peak,
        drain_s=doc.DrainS(predicted=predicted, measured=outage.drain),
        lost=result.accounting.lost,
        out_of_order=result.accounting.out_of_order,
        buffer_bytes=max(1, round(buffer)),
        bytes_per_event=per_event,
        max_outage_s=longest_outage(rate=rate, buffer=buffer / per_event),
        curve=tuple(
            doc.BacklogPoint(
                at_s=max(0.0, moment.at - first), events=round(moment.backlog)
            )
            for moment in record.moments
            if moment.backlog is not None
        ),
    )


def advice_of(
    containers: Sequence[Container],
    found: Bottleneck | None,
    environment: doc.Environment,
    storage: doc.Storage | None,
    *,
    edge: float | None,
    source: str,
) -> tuple[doc.Recommendation, ...]:
    """Return what to do, each with what it rests on."""
    rows: list[doc.Recommendation] = []
    if edge is not None and containers:
        rows += _more_cpu(containers, found, environment, edge=edge, source=source)
    fsync = environment.disk.fsync_ms.p99
    if fsync > _SLOW_FSYNC_MS:
        rows.append(
            doc.Recommendation(
                action="Put the volumes on a faster disk",
                expected_gain="each group commit and each write waits less",
                predicted_eps=None,
                kind=doc.Kind.RULE_OF_THUMB,
                cost=doc.Cost.HARDWARE,
                evidence=(f"fsync p99 is {fsync:.3g} ms, 10 ms is usual at most",),
            )
        )
    if storage is not None and storage.days_to_full is not None:
        rows.append(
            doc.Recommendation(
                action="Keep data for fewer days, or add disk",
                expected_gain="the disk no longer fills",
                predicted_eps=None,
                kind=doc.Kind.EXTRAPOLATED,
                cost=doc.Cost.SETTING,
                evidence=(
                    f"{storage.bytes_per_point.hot:.3g} bytes a point",
                    f"full in {storage.days_to_full:.3g} days",
                    f"at {rate_text(storage.rate_eps)}",
                ),
            )
        )
    return tuple(rows)


def _more_cpu(
    containers: Sequence[Container],
    found: Bottleneck | None,
    environment: doc.Environment,
    *,
    edge: float,
    source: str,
) -> Iterator[doc.Recommendation]:
    cores = float(environment.cpu.cores)
    by_name = {row.name: row for row in containers}
    if found is not None and found.resource == "thread":
        yield doc.Recommendation(
            action=f"Do not buy cores for {found.name}: it uses one thread",
            expected_gain="none from more cores; from a faster core what it is faster",
            predicted_eps=None,
            kind=doc.Kind.EXTRAPOLATED,
            cost=doc.Cost.HARDWARE,
            evidence=tuple(_told(found)),
        )
    limited = found and by_name.get(found.name)
    if limited and limited.cpu_limit and found and found.resource == "cpu":
        wanted = limited.cpu_limit * _MORE
        change = Change(cpu_limits={limited.name: wanted})
        gain = gain_of(
            containers,
            change,
            host_cores=cores,
            measured_edge=edge,
            used=found.used,
        )
        yield _cpu_advice(
            f"Give {limited.name} {wanted:g} cores instead of {limited.cpu_limit:g}",
            gain.after,
            edge=edge,
            told=tuple(_told(found)),
            cost=doc.Cost.SETTING if wanted <= cores else doc.Cost.HARDWARE,
        )
    more = Change(cpu_limits={}, host_cores=cores * _MORE)
    gain = gain_of(containers, more, host_cores=cores, measured_edge=edge)
    if gain.ratio > 1.05:
        yield _cpu_advice(
            f"Use a host with {cores * _MORE:g} cores instead of {cores:g}",
            gain.after,
            edge=edge,
            told=(f"all containers together use up {cores:g} cores at the edge",),
            cost=doc.Cost.HARDWARE,
        )
    load = by_name.get(source)
    if load is not None:
        alone = [row for row in containers if row.name != source]
        before = ceilings(containers, host_cores=cores, share=1.0)[0]
        after = ceilings(alone, host_cores=cores, share=1.0)[0] if alone else before
        if math.isfinite(after.rate) and after.rate > before.rate * 1.02:
            yield _cpu_advice(
                "Count on more than this: the load came from the same host",
                after,
                edge=edge * after.rate / before.rate,
                told=(f"{1e6 * load.demand.per_event:.3g} µs an event were its own",),
                cost=doc.Cost.WORK,
                predicted=edge * after.rate / before.rate,
            )


def _cpu_advice(
    action: str,
    after: Ceiling,
    *,
    edge: float,
    told: tuple[str, ...],
    cost: doc.Cost,
    predicted: float | None = None,
) -> doc.Recommendation:
    reached = predicted or after.rate
    reached = reached if math.isfinite(reached) else edge
    return doc.Recommendation(
        action=action,
        expected_gain=f"edge at about {rate_text(reached)}, then {after.name}",
        predicted_eps=reached or None,
        kind=doc.Kind.EXTRAPOLATED,
        cost=cost,
        evidence=told or ("the demand of each container",),
    )


def _memory(
    seen: Sequence[Seen], environment: doc.Environment, facts: Facts
) -> Iterator[doc.Memory]:
    for name in environment.services:
        peaks = [
            s.result.resources[name].memory_peak
            for s in seen
            if name in s.result.resources
        ]
        if not peaks:
            continue
        points = _by_series(seen, name)
        base, per_series = min(peaks), None
        if len(points) >= LEAST_STEPS:
            fitted = memory_of(points)
            base, per_series = round(fitted.base), fitted.per_series
        yield doc.Memory(
            container=name,
            base=base,
            per_series=per_series,
            per_backlog_event=_per_waiting(seen, name, min(peaks)),
            peak=max(peaks),
            max_series=max(1, facts.series, *(round(p.series) for p in points)),
        )


def _by_series(seen: Sequence[Seen], name: str) -> list[MemoryPoint]:
    """Return a container's peaks at different numbers of series, without a backlog."""
    return [
        MemoryPoint(
            series=float(s.record.series),
            backlog=0.0,
            peak=float(s.result.resources[name].memory_peak),
        )
        for s in seen
        if s.passed and s.record.series and name in s.result.resources
    ]


def _per_waiting(seen: Sequence[Seen], name: str, base: int) -> float | None:
    """Return what a waiting event takes in the container that holds the backlog."""
    if name not in {INGESTION, ENRICHMENT}:
        return None
    for s in reversed(seen):
        outage = s.result.outage
        if outage is not None and outage.backlog_peak > 1_000:
            return max(0.0, (outage.memory_peak.get(name, base) - base)) / (
                outage.backlog_peak
            )
    return None


def _told(found: Bottleneck) -> Iterator[str]:
    for row in found.evidence:
        match row.sign.value:
            case "used":
                yield f"{row.container}: used {100 * row.value:.3g} % of its CPU limit"
            case "ceiling":
                yield f"{row.container}: its limit is reached at {rate_text(row.value)}"
            case "throttled":
                yield f"{row.container}: throttled {100 * row.value:.3g} % of the time"
            case "queue":
                yield f"{row.container}: the queue grew by {rate_text(row.value)}"
            case "fsync":
                yield f"fsync p99 {1000 * row.value:.3g} ms"
            case "burst":
                yield (
                    f"{row.container}: used {100 * row.value:.3g} % of its CPU in the "
                    "seconds in which events became late"
                )
            case "grown":
                yield f"{row.container}: used {row.value:.2f} cores more in them"
            case "oom":
                yield f"{row.container}: killed for want of memory {row.value:g} times"
            case other:
                kind = other.replace("_", " ")
                yield f"{row.container}: {kind} {100 * row.value:.3g} % of the time"


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
