"""Make one trial: have the load sent, look at everything once a second, account.

Everything outside comes through edges: the rig, the load and the clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final, TypeVar

from msgspec.structs import replace as replaced

from stackproof import wait_until
from stackproof.errors import WaitTimeout
from stackproof.wait import Clock, SystemClock

from .clocks import Taken, blocks_of, late, merged, quantiles
from .emission import emission_of
from .errors import BadAnswer
from .judge_trial import MOST_PRESSURE_BEFORE
from .kept import Moment, Record, Slice
from .load import Load, Order, Sent
from .measure_extras import ExtraMeasurer
from .names import DATABASE, ENRICHMENT, INGESTION
from .resources import HostLook, Usage, steal_share, used
from .rig import Counts, Rig
from .trial import (
    BLOCK_SECONDS,
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
    backlog_of,
)

__all__ = ["Measurer", "Workload"]

T = TypeVar("T")
_EVERY: Final = 1.0
_LEAST_PAUSE: Final = 0.001
_ANSWER_SECONDS: Final = 20.0
_SETTLED: Final = 0.5
"""A backlog of so many seconds of events at most is what is always under way."""
_FEW: Final = 20
_FSYNC_SHARE: Final = 0.3
"""Of a preflight's time; the rest is to wait for a quiet machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What events are sent: to how many entities, and with how much padding."""

    prefix: str
    entities: int = 1_000
    payload_bytes: int = 0
    seed: int = 1


@dataclass(slots=True)
class _Watch:
    """What was seen at the looks of one trial."""

    emitted_before: int = 0
    moments: list[Moment] = field(default_factory=list)
    backlogs: list[float] = field(default_factory=list)
    pending: list[float] = field(default_factory=list)
    unread: list[float] = field(default_factory=list)
    peaks: dict[str, int] = field(default_factory=dict)
    spool: list[tuple[int, int]] = field(default_factory=list)
    """Pending events and bytes of the spool, at the same looks."""


class Measurer:
    """Makes the trials that a search asks for."""

    def __init__(
        self,
        rig: Rig,
        load: Load,
        *,
        slo: Slo,
        workload: Workload,
        fsync: Callable[[float], float | None],
        clock: Clock | None = None,
        wall: Callable[[], float] = time.time,
        began: float | None = None,
    ) -> None:
        """Prepare.

        Args:
            rig: the stack.
            load: what sends.
            slo: what is promised.
            workload: what is sent.
            fsync: times writes to the disk for so many seconds; returns the p99.
            clock: the time to wait by.
            wall: UTC in seconds.
            began: when the run began, by the clock; now unless given.
        """
        self._rig = rig
        self._load = load
        self._slo = slo
        self._workload = workload
        self._fsync = fsync
        self._clock = clock or SystemClock()
        self._wall = wall
        self._began = self._clock.monotonic() if began is None else began
        self._extras = ExtraMeasurer(
            rig,
            prefix=workload.prefix,
            entities=workload.entities,
            clock=self._clock,
            wall=wall,
            began=self._began,
        )

    def run(self, spec: TrialSpec) -> Record:
        """Make one trial.

        Raises:
            BadAnswer: a part of the stack does not answer as agreed.
            LoadFailed: the load's process does not do what it should.
        """
        match spec.phase:
            case Phase.PREFLIGHT:
                return self._preflight(spec)
            case Phase.CALIBRATE:
                return self._calibrate(spec)
            case Phase.DRAIN:
                return self._drain(spec)
            case Phase.OUTAGE:
                self._rig.close_null()
                return self._outage(spec)
            case Phase.IDLE | Phase.DIRECT | Phase.COLD:
                self._rig.close_null()
                return self._extras.run(spec)
            case Phase.EMIT:
                return self._emit(spec)
            case Phase.AGE:
                return self._extras.aged(spec, self._rate)
            case Phase.CARDINALITY:
                return replaced(self._rate(spec), series=self._rig.series())
            case _:
                self._rig.close_null()
                return self._rate(spec)

    # ------------------------------------------------------------------ phases

    def _preflight(self, spec: TrialSpec) -> Record:
        began = self._now()
        first = self._rig.host()
        pressure = self._calm(until=began + (1 - _FSYNC_SHARE) * spec.window)
        between = self._rig.host()
        p99 = self._fsync(_FSYNC_SHARE * spec.window)
        host = Host(
            pressure_before=pressure,
            steal=steal_share(first, between),
            fsync_p99=p99,
        )
        return self._record(spec, began, host=host, generator=_IDLE)

    def _calm(self, *, until: float) -> float:
        """Wait for a quiet second; return the CPU pressure of the quietest one.

        The stack has just started: what it did for that goes away, others' work stays.
        """
        least = 1.0
        before = self._rig.host()
        while least >= MOST_PRESSURE_BEFORE:
            self._pause(_EVERY)
            now = self._rig.host()
            pressure = _pressure(before, now)
            if pressure is None:
                return 0.0
            least, before = min(least, pressure), now
            if self._now() >= until:
                break
        return least

    def _calibrate(self, spec: TrialSpec) -> Record:
        """Send to nobody but a reader that forgets all: what can the generator do?"""
        began = self._now()
        url = self._rig.null_source()
        looks = self._rig.host()
        used_before, own = self._rig.null_cpu(), self._load.cpu()
        order = self._order(spec, url=url, seconds=spec.settle + spec.window)
        self._load.begin(order)
        sent = self._await_end(order)
        cpu = self._rig.null_cpu() - used_before
        own = self._load.cpu() - own
        share = cpu if self._rig.generates else own
        generator = self._generator(sent, share, cpu + own)
        return self._record(
            spec,
            began,
            host=Host(steal=steal_share(looks, self._rig.host())),
            generator=generator,
            achieved=_achieved(order, sent),
            accounting=Accounting(sent=sent.emitted, stored=sent.emitted),
            lag_max=sent.lag_max,
        )

    def _drain(self, spec: TrialSpec) -> Record:
        """Wait for what the trial before has left."""
        began = self._now()
        drained = self._await_drained(None, 0, spec.drain)
        with suppress(BadAnswer):
            self._rig.take()
        return self._record(
            spec,
            began,
            host=Host(drained_before=drained),
            generator=_IDLE,
            drained=drained,
        )

    def _rate(self, spec: TrialSpec) -> Record:
        """Send at a constant mean rate; measure the window, then account."""
        began = self._now()
        counts = self._rig.counts()
        order = self._order(
            spec, url=self._rig.source_url, seconds=spec.settle + spec.window
        )
        watch = _Watch(emitted_before=self._rig.emitted())
        first = self._load.begin(order)
        start = self._monotonic(first.start_us)
        self._watch(watch, spec, counts, start, until=start + spec.settle)
        watch = _Watch(moments=watch.moments, emitted_before=watch.emitted_before)
        before, host = self._rig.usage(), self._rig.host()
        own = self._load.cpu()
        compactions = self._rig.compactions()
        self._rig.take()
        negative = 0
        opened = self._now()
        takes: list[Taken] = []
        slices: list[Slice] = []
        dues: list[int] = []
        end = start + spec.settle + spec.window
        edges = _edges(opened, end)
        for left, right in pairwise(edges):
            self._watch(watch, spec, counts, start, until=right)
            taken = self._rig.take()
            takes.append(taken)
            dues.append(round(spec.rate * (right - left)))
            negative += taken.negative
            if (shown := _slice(taken, left - opened)) is not None:
                slices.append(shown)
            if blob := taken.blobs.get(Stage.TOTAL):
                self._load.tell("fired to stored", blob)
        after, host_after = self._rig.usage(), self._rig.host()
        seconds = host_after.at - host.at
        own_cpu = self._load.cpu() - own
        sent = self._await_end(order)
        self._extras.loaded(spec.rate, sent)
        self._await_drained(counts.done, sent.emitted, self._slo.limit)
        tail = self._rig.take()
        unstored = max(0, sent.emitted - self._done_since(counts))
        takes.append(tail)
        missed = [self._late([taken]) for taken in takes[:-1]]
        missed[-1] += self._late([tail])
        drained = unstored == 0 or self._await_drained(
            counts.done, sent.emitted, max(0.0, spec.drain - self._slo.limit)
        )
        if not drained or unstored:
            self._rig.take()
        final = self._rig.counts()
        slopes = {
            INGESTION: backlog_of(watch.unread, interval=_EVERY).slope,
            ENRICHMENT: backlog_of(watch.pending, interval=_EVERY).slope,
            DATABASE: backlog_of(watch.pending, interval=_EVERY).slope,
        }
        resources = self._used(before, after, watch, seconds, slopes)
        cpu = self._source_cpu(resources, own_cpu)
        made = self._rig.compactions() - compactions
        whole = {stage: merged(takes, stage) for stage in _STAGES}
        latency: dict[Stage, Quantiles] = {
            stage: found
            for stage, histogram in whole.items()
            if (found := quantiles(histogram)) is not None
        }
        cores = (host_after.busy - host.busy) / seconds if seconds > 0 else 0.0
        known = (sum(row.cpu for row in resources.values()) + own_cpu) / seconds
        return self._record(
            spec,
            began,
            host=Host(steal=steal_share(host, host_after)),
            generator=self._generator(
                sent, cpu / seconds * sent.seconds, cpu + own_cpu * self._rig.generates
            ),
            achieved=_achieved(order, sent),
            blocks=blocks_of(dues, missed, unstored=unstored),
            latency=latency,
            accounting=self._account(order, sent, counts, final, negative, drained),
            backlog=backlog_of(watch.backlogs, interval=_EVERY),
            resources=resources,
            disconnects=max(0, final.reconnects - counts.reconnects),
            compactions=max(0, made),
            drained=drained,
            lag_max=sent.lag_max,
            histograms={
                stage: histogram.encode().decode("ascii")
                for stage, histogram in whole.items()
                if histogram.get_total_count()
            },
            counts={stage: h.get_total_count() for stage, h in whole.items()},
            slices=slices,
            watch=watch,
            io=_io(before, after),
            other_cores=max(0.0, cores - known),
            incidents=[(0.0, "compaction", f"{made} compactions")] * (made > 0),
        )

    def _outage(self, spec: TrialSpec) -> Record:
        """Stop the database for a while under load; time the way back."""
        began = self._now()
        counts = self._rig.counts()
        seconds = spec.settle + spec.outage + spec.drain + _ANSWER_SECONDS
        order = self._order(spec, url=self._rig.source_url, seconds=seconds)
        watch = _Watch(emitted_before=self._rig.emitted())
        first = self._load.begin(order)
        start = self._monotonic(first.start_us)
        before, host = self._rig.usage(), self._rig.host()
        own = self._load.cpu()
        self._watch(watch, spec, counts, start, until=start + spec.settle)
        usual = backlog_of(watch.backlogs).mean
        idle = dict(watch.peaks)
        self._rig.database_off()
        down = self._now()
        written = self._rig.counts().written
        self._watch(watch, spec, counts, start, until=down + spec.outage)
        self._rig.database_on()
        up = self._await_written(watch, spec, counts, start, more_than=written)
        enough = max(_SETTLED * spec.rate, 2 * usual, _FEW)
        drain = self._await_below(
            watch, spec, counts, start, enough=enough, seconds=spec.drain
        )
        back = self._now()
        sent = self._load.end()
        self._extras.loaded(spec.rate, sent)
        drained = self._await_drained(counts.done, sent.emitted, 10.0)
        self._rig.take()
        after, host_after = self._rig.usage(), self._rig.host()
        final = self._rig.counts()
        span = host_after.at - host.at
        slopes: dict[str, float] = {}
        resources = self._used(before, after, watch, span, slopes, began_anew=DATABASE)
        cpu = self._source_cpu(resources, self._load.cpu() - own)
        return self._record(
            spec,
            began,
            host=Host(steal=steal_share(host, host_after)),
            generator=self._generator(sent, cpu, cpu),
            achieved=_achieved(order, sent, asked=sent.seconds),
            accounting=self._account(order, sent, counts, final, 0, drained),
            backlog=backlog_of(watch.backlogs, interval=_EVERY),
            resources=resources,
            disconnects=max(0, final.reconnects - counts.reconnects),
            drained=drained,
            outage=Outage(
                seconds=up - down,
                backlog_peak=round(max(watch.backlogs, default=0.0)),
                memory_peak={**idle, **watch.peaks},
                drain=back - up if drain else None,
            ),
            lag_max=sent.lag_max,
            watch=watch,
            io=_io(before, after),
            down_at=down - start,
            spool_bytes_per_event=_per_event(watch.spool),
            incidents=[
                (down - start, "fault", "the database was stopped"),
                (up - start, "other", "the database takes events again"),
            ],
        )

    def _emit(self, spec: TrialSpec) -> Record:
        """See what the source can send, without the stack."""
        began = self._now()
        seconds = spec.settle + spec.window
        order = self._order(spec, url=self._rig.source_url, seconds=seconds)
        problems, emitted = [], None
        try:
            emitted = emission_of(
                self._rig, self._load, order, settle=spec.settle, clock=self._clock
            )
        except BadAnswer as err:
            problems.append(str(err))
        drained = self._await_drained(None, 0, spec.drain)
        record = self._record(
            spec, began, host=Host(), generator=_IDLE, drained=drained
        )
        return replaced(record, emitted=emitted, problems=problems)

    # ------------------------------------------------------------------ looking

    def _watch(
        self,
        watch: _Watch,
        spec: TrialSpec,
        counts: Counts,
        start: float,
        *,
        until: float,
    ) -> None:
        """Look once a second until a moment."""
        while (left := until - self._now()) > _LEAST_PAUSE:
            self._pause(min(_EVERY, left))
            if left >= _EVERY / 2:
                self._look(watch, spec, counts, start)

    def _look(
        self, watch: _Watch, spec: TrialSpec, counts: Counts, start: float
    ) -> float | None:
        """Look at everything once; return the backlog where it could be counted."""
        usage = self._rig.usage(fresh=False)
        for name, seen in usage.items():
            watch.peaks[name] = max(watch.peaks.get(name, 0), seen.memory)
        backlog = None
        with suppress(BadAnswer):
            now = self._rig.counts()
            due = self._due(spec, start, now.at, emitted_before=watch.emitted_before)
            done = now.done - counts.done
            if now.done < counts.done:  # enrichment began anew, ingestion remembers
                done = now.written + now.rejected - counts.written - counts.rejected
            backlog = max(0.0, due - done)
            watch.backlogs.append(backlog)
            watch.pending.append(float(now.pending))
            watch.unread.append(max(0.0, due - (now.received - counts.received)))
            watch.spool.append((now.pending, now.spool_bytes))
        watch.moments.append(
            Moment(
                at=round(self._now() - self._began, 3),
                backlog=backlog,
                containers={
                    name: (round(seen.cpu, 4), seen.memory, round(seen.throttled, 4))
                    for name, seen in usage.items()
                },
            )
        )
        return backlog

    def _due(
        self, spec: TrialSpec, start: float, at: float, *, emitted_before: int
    ) -> float:
        """Return how many events were due; chance makes that the source's to know."""
        if spec.arrival is Arrival.CONSTANT:
            return max(0.0, min(at - start, spec_seconds(spec)) * spec.rate)
        return float(self._rig.emitted() - emitted_before)

    def _await_written(
        self,
        watch: _Watch,
        spec: TrialSpec,
        counts: Counts,
        start: float,
        *,
        more_than: int,
    ) -> float:
        """Wait until the database takes events again; return when."""

        def written() -> int:
            self._look(watch, spec, counts, start)
            with suppress(BadAnswer):
                return self._rig.counts().written
            return 0

        with suppress(WaitTimeout):
            self._until(
                written,
                lambda seen: seen > more_than,
                seconds=spec.drain + _ANSWER_SECONDS,
                every=0.5,
            )
        return self._now()

    def _await_below(
        self,
        watch: _Watch,
        spec: TrialSpec,
        counts: Counts,
        start: float,
        *,
        enough: float,
        seconds: float,
    ) -> bool:
        try:
            self._until(
                lambda: self._look(watch, spec, counts, start),
                lambda backlog: backlog is not None and backlog <= enough,
                seconds=seconds,
                every=0.5,
            )
        except WaitTimeout:
            return False
        return True

    def _await_drained(
        self, done_before: int | None, sent: int, seconds: float
    ) -> bool:
        """Wait until all that was sent has met its end; False if it takes longer."""

        def left() -> int:
            try:
                now = self._rig.counts()
            except BadAnswer:
                return 1
            if done_before is None or now.done < done_before:
                return now.pending
            return max(0, sent - (now.done - done_before))

        try:
            left_over = self._until(left, lambda n: n == 0, seconds=seconds, every=0.1)
        except WaitTimeout:
            return False
        return left_over == 0

    def _done_since(self, counts: Counts) -> int:
        now = self._rig.counts()
        return max(
            now.done - counts.done,
            now.written + now.rejected - counts.written - counts.rejected,
        )

    def _await_end(self, order: Order) -> Sent:
        try:
            self._until(
                self._load.sent,
                lambda sent: sent.ended,
                seconds=order.seconds + 10.0,
                every=0.1,
            )
        except WaitTimeout:
            return self._load.end()
        return self._load.sent()

    # ------------------------------------------------------------------ figures

    def _order(self, spec: TrialSpec, *, url: str, seconds: float) -> Order:
        return Order(
            number=0,
            url=url,
            token=self._rig.source_token,
            rate=spec.rate,
            seconds=seconds,
            entities=spec.entities or self._workload.entities,
            arrival=str(spec.arrival),
            run_id=f"t{spec.id}",
            prefix=self._workload.prefix,
            payload_bytes=self._workload.payload_bytes,
            seed=self._workload.seed + spec.id,
        )

    def _account(
        self,
        order: Order,
        sent: Sent,
        before: Counts,
        after: Counts,
        negative: int,
        drained: bool,  # noqa: FBT001 - one of a row of facts
    ) -> Accounting:
        """Count what became of the events: the store by key, the rest by counters."""
        rejected = max(0, after.rejected - before.rejected)
        stored = 0
        until = sent.start_us + round((sent.seconds + 1.0) * 1e6)
        with suppress(WaitTimeout):
            stored = self._until(
                lambda: self._rig.stored(
                    order.prefix, since_us=sent.start_us, until_us=until
                ),
                lambda count: count + rejected >= sent.emitted,
                seconds=2.0 if drained else 0.0,
                every=0.5,
            )
        if not stored:
            stored = self._rig.stored(
                order.prefix, since_us=sent.start_us, until_us=until
            )
        missing = sent.emitted - stored - rejected
        return Accounting(
            sent=sent.emitted,
            stored=stored,
            rejected=rejected,
            lost=max(0, missing),
            duplicate=max(0, after.merged - before.merged),
            negative=negative,
        )

    def _generator(self, sent: Sent, cpu: float, whole: float) -> Generator:
        share = cpu / sent.seconds / self._rig.source_cores() if sent.seconds else 0.0
        return Generator(
            lag_p50=sent.lag_p50, lag_p99=sent.lag_p99, cpu_share=share, cpu=whole
        )

    def _source_cpu(self, resources: Mapping[str, Resources], own: float) -> float:
        """Return what making the events cost: the source's, or Locust's alone."""
        if not self._rig.generates:
            return own
        source = resources.get(self._rig.source)
        return source.cpu if source else 0.0

    def _late(self, takes: list[Taken]) -> int:
        return late(merged(takes, Stage.TOTAL), self._slo.limit)

    def _used(
        self,
        before: Mapping[str, Usage],
        after: Mapping[str, Usage],
        watch: _Watch,
        seconds: float,
        slopes: Mapping[str, float],
        *,
        began_anew: str = "",
    ) -> dict[str, Resources]:
        """Return what each container used; `began_anew` was started on purpose."""
        found = {}
        for name, now in after.items():
            if name not in before:
                continue
            row = used(
                before[name],
                now,
                peak=watch.peaks.get(name, 0),
                seconds=seconds,
                queue_slope=max(0.0, slopes.get(name, 0.0)),
            )
            if name == began_anew:
                row = replace(row, restarts=0)
            found[name] = row
        return found

    def _record(
        self,
        spec: TrialSpec,
        began: float,
        *,
        host: Host,
        generator: Generator,
        achieved: float = 0.0,
        blocks: tuple[Block, ...] = (),
        latency: Mapping[Stage, Quantiles] | None = None,
        accounting: Accounting | None = None,
        backlog: Backlog | None = None,
        resources: Mapping[str, Resources] | None = None,
        disconnects: int = 0,
        compactions: int = 0,
        drained: bool = True,
        outage: Outage | None = None,
        lag_max: float = 0.0,
        histograms: dict[Stage, str] | None = None,
        counts: dict[Stage, int] | None = None,
        slices: list[Slice] | None = None,
        watch: _Watch | None = None,
        io: dict[str, tuple[int, int]] | None = None,
        incidents: list[tuple[float, str, str]] | None = None,
        other_cores: float | None = None,
        spool_bytes_per_event: float | None = None,
        down_at: float = 0.0,
    ) -> Record:
        account = accounting or Accounting(sent=0, stored=0)
        return Record(
            result=TrialResult(
                spec=spec,
                elapsed=self._now() - began,
                achieved=achieved,
                generator=generator,
                host=host,
                blocks=blocks,
                latency=latency or {},
                accounting=account,
                backlog=backlog or Backlog(mean=0.0, end=0.0, slope=0.0),
                resources=resources or {},
                disconnects=disconnects,
                compactions=compactions,
                drained=drained,
                outage=outage,
            ),
            started=began - self._began,
            lag_max=lag_max,
            histograms=histograms or {},
            counts=counts or {},
            slices=slices or [],
            moments=watch.moments if watch else [],
            io=io or {},
            incidents=incidents or [],
            other_cores=other_cores,
            spool_bytes_per_event=spool_bytes_per_event,
            down_at=down_at,
        )

    # --------------------------------------------------------------------- time

    def _now(self) -> float:
        return self._clock.monotonic()

    def _monotonic(self, time_us: int) -> float:
        """Return a moment of UTC by the clock that waits."""
        return time_us / 1e6 - self._wall() + self._now()

    def _pause(self, seconds: float) -> None:
        end = self._now() + seconds
        self._until(
            self._now,
            lambda now: now >= end - _LEAST_PAUSE / 10,
            seconds=seconds + 1.0,
            every=max(seconds, _LEAST_PAUSE),
        )

    def _until(
        self,
        look: Callable[[], T],
        ready: Callable[[T], bool],
        *,
        seconds: float,
        every: float,
    ) -> T:
        return wait_until(
            look, ready, timeout=max(0.0, seconds), every=every, clock=self._clock
        )


_IDLE: Final = Generator(lag_p50=0.0, lag_p99=0.0, cpu_share=0.0)
_STAGES: Final = (
    Stage.TOTAL,
    Stage.HA_TO_INGEST,
    Stage.INGEST_TO_ENRICH,
    Stage.ENRICH_TO_STORED,
)


def spec_seconds(spec: TrialSpec) -> float:
    """Return for how long a trial's load is due at most."""
    if spec.phase is Phase.OUTAGE:
        return spec.settle + spec.outage + spec.drain + _ANSWER_SECONDS
    return spec.settle + spec.window


def _edges(opened: float, end: float) -> list[float]:
    """Return the bounds of blocks of 10 s, the last one up to half as long again."""
    bounds = [opened]
    while end - bounds[-1] > 1.5 * BLOCK_SECONDS:
        bounds.append(bounds[-1] + BLOCK_SECONDS)
    return [*bounds, max(end, opened + 0.1)]


def _achieved(order: Order, sent: Sent, *, asked: float | None = None) -> float:
    """Return the rate at which events left, what nobody was there to send excluded.

    At chance arrivals the number of a window varies, so what counts is how much longer
    it took than was asked for.
    """
    asked = order.seconds if asked is None else asked
    all_due = sent.emitted + sent.skipped + sent.behind
    share = sent.emitted / all_due if all_due else 0.0
    return order.rate * share * min(1.0, asked / sent.seconds if sent.seconds else 0.0)


def _slice(taken: Taken, at: float) -> Slice | None:
    found = quantiles(merged([taken], Stage.TOTAL))
    if found is None:
        return None
    return Slice(
        at=at,
        count=taken.counts.get(Stage.TOTAL, 0),
        p50=found.p50,
        p99=found.p99,
        max=found.max,
    )


def _io(
    before: Mapping[str, Usage], after: Mapping[str, Usage]
) -> dict[str, tuple[int, int]]:
    found = {}
    for name, now in after.items():
        then = before.get(name)
        if then is None or None in {now.read, now.written, then.read, then.written}:
            continue
        found[name] = (
            max(0, (now.read or 0) - (then.read or 0)),
            max(0, (now.written or 0) - (then.written or 0)),
        )
    return found


def _pressure(before: HostLook, after: HostLook) -> float | None:
    if "cpu" not in after.pressure or after.at <= before.at:
        return None
    waited = after.pressure["cpu"] - before.pressure.get("cpu", 0.0)
    return min(1.0, max(0.0, waited / (after.at - before.at)))


def _per_event(spool: list[tuple[int, int]]) -> float | None:
    """Return the bytes of the spool that an event more takes, from its growth."""
    if len(spool) < 2:
        return None
    least, most = min(spool), max(spool)
    events = most[0] - least[0]
    return (most[1] - least[1]) / events if events > 1_000 else None
