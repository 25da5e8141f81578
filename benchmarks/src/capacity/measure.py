"""Make one trial: have the load sent, look at everything once a second, account.

Everything outside comes through edges: the rig, the load and the clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import pairwise
from typing import Final

from msgspec.structs import replace as replaced

from stackproof.wait import Clock, SystemClock

from .account import account_of
from .arrivals import peak_of
from .clocks import Taken, blocks_of, late, merged, quantiles
from .emission import emission_of, storing_of
from .errors import BadAnswer
from .judge_trial import MOST_PRESSURE_BEFORE, may_still_pass
from .kept import Record, Slice
from .load import Load, Sent
from .measure_extras import ExtraMeasurer
from .names import DATABASE, ENRICHMENT, INGESTION
from .order import Order
from .pause import pause
from .queryable import Looking, LookingThread, Rows, Targets
from .resources import Usage, steal_share, used
from .rig import Counts, Rig
from .serials import Part
from .timetable import Timetable
from .trial import (
    NO_LOAD,
    STEADY,
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
from .waits import Waits
from .watch import EVERY, Watch
from .window import (
    achieved_of,
    edges_of,
    io_of,
    pressure_of,
    slice_of,
    spool_bytes_of,
)
from .workload import Workload

__all__ = ["Measurer"]

_ANSWER_SECONDS: Final = 20.0
_SETTLED: Final = 0.5
"""A backlog of so many seconds of events at most is what is always under way."""
_FEW: Final = 20
_EARLY: Final = "ended early: more was late than the whole window may have late"
_FSYNC_SHARE: Final = 0.3
"""Of a preflight's time; the rest is to wait for a quiet machine."""


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
        look: Callable[[Rows, Targets], Looking] = LookingThread.begin,
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
            look: begins to look for single events in the database.
            clock: the time to wait by.
            wall: UTC in seconds.
            began: when the run began, by the clock; now unless given.
        """
        self._rig = rig
        self._load = load
        self._slo = slo
        self._workload = workload
        self._fsync = fsync
        self._look = look
        self._clock = clock or SystemClock()
        self._wall = wall
        self._began = self._clock.monotonic() if began is None else began
        self._waits = Waits(rig, self._clock)
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
                return self._extras.aged(spec, self._order(spec), self._rate)
            case Phase.CARDINALITY:
                record = self._extras.rested(spec, self._rate)
                return replaced(record, series=self._rig.series())
            case _:
                self._rig.close_null()
                return self._extras.after_rest(spec, self._rate)

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
        return self._record(spec, began, host=host, generator=NO_LOAD)

    def _calm(self, *, until: float) -> float:
        """Wait for a quiet second; return the CPU pressure of the quietest one.

        The stack has just started: what it did for that goes away, others' work stays.
        """
        least = 1.0
        before = self._rig.host()
        while least >= MOST_PRESSURE_BEFORE:
            self._pause(EVERY)
            now = self._rig.host()
            pressure = pressure_of(before, now)
            if pressure is None:
                return 0.0
            least, before = min(least, pressure), now
            if self._now() >= until:
                break
        return least

    def _calibrate(self, spec: TrialSpec) -> Record:
        """Send to nobody but a reader that forgets all: what can the generator do?

        It is asked for the highest rate of the arrival all the time, so that a rate
        that it keeps here it keeps in each burst.
        """
        began = self._now()
        url = self._rig.null_source()
        looks = self._rig.host()
        used_before, own = self._rig.null_cpu(), self._load.cpu()
        peak = peak_of(spec.arrival)
        order = replaced(
            self._order(spec, url=url),
            rate=spec.rate * peak,
            arrival=Arrival.CONSTANT,
        )
        self._load.begin(order)
        sent = self._waits.sent(self._load, order)
        cpu = self._rig.null_cpu() - used_before
        own = self._load.cpu() - own
        share = cpu if self._rig.generates else own
        generator = self._generator(sent, share, cpu + own)
        return self._record(
            spec,
            began,
            host=Host(steal=steal_share(looks, self._rig.host())),
            generator=generator,
            achieved=achieved_of(order, sent) / peak,
            accounting=Accounting(sent=sent.emitted, stored=sent.emitted),
            lag_max=sent.lag_max,
        )

    def _drain(self, spec: TrialSpec) -> Record:
        """Wait for what the trial before has left."""
        began = self._now()
        drained = self._waits.drained(None, 0, spec.drain)
        with suppress(BadAnswer):
            self._rig.take()
        return self._record(
            spec,
            began,
            host=Host(drained_before=drained),
            generator=NO_LOAD,
            drained=drained,
        )

    def _rate(self, spec: TrialSpec) -> Record:
        """Send at a constant mean rate; measure the window, then account."""
        with ExitStack() as ends:
            return self._rate_until(spec, ends)

    def _rate_until(self, spec: TrialSpec, ends: ExitStack) -> Record:
        """Do it; `ends` takes what must end, whatever happens."""
        began = self._now()
        counts = self._rig.counts()
        order = self._order(spec)
        first = self._load.begin(order)
        start = self._monotonic(first.start_us)
        watch = self._watch(order, first, counts, start)
        watch.until(start + spec.settle)
        watch.forget()
        before, host = self._rig.usage(), self._rig.host()
        own = self._load.cpu()
        compactions = self._rig.compactions()
        looking = self._look(self._rig.store(), Targets(self._parts(order, first)))
        ends.callback(looking.end)
        self._rig.take()
        negative = 0
        opened = self._now()
        takes: list[Taken] = []
        missed: list[int] = []
        slices: list[Slice] = []
        end = start + spec.settle + spec.window
        edges = edges_of(opened, end)
        dues = _timetable(order, first).blocks([edge - start for edge in edges])
        for left, right in pairwise(edges):
            watch.until(right)
            taken = self._rig.take()
            takes.append(taken)
            missed.append(self._late([taken]))
            negative += taken.negative
            if (shown := slice_of(taken, left - opened)) is not None:
                slices.append(shown)
            if blob := taken.blobs.get(Stage.TOTAL):
                self._load.tell("fired to stored", blob)
            over = blocks_of(dues[: len(missed)], missed, unstored=0)
            if not may_still_pass(spec.phase, over, planned=sum(dues), slo=self._slo):
                break
        looking.close()
        early = len(takes) < len(dues)
        after, host_after = self._rig.usage(), self._rig.host()
        seconds = host_after.at - host.at
        own_cpu = self._load.cpu() - own
        sent = self._load.end() if early else self._waits.sent(self._load, order)
        self._extras.loaded(order, sent)
        in_time = self._waits.drained(counts, sent.emitted, self._slo.limit)
        sampled = looking.end()
        tail = self._rig.take()
        unstored = max(0, sent.emitted - _done_since(counts, self._rig.counts()))
        takes.append(tail)
        dues = dues[: len(missed)]
        missed[-1] += self._late([tail])
        drained = in_time or self._waits.drained(
            counts, sent.emitted, max(0.0, spec.drain - self._slo.limit)
        )
        if not drained or unstored:
            self._rig.take()
        final = self._rig.counts()
        slopes = {
            INGESTION: backlog_of(watch.unread, interval=EVERY).slope,
            ENRICHMENT: backlog_of(watch.pending, interval=EVERY).slope,
            DATABASE: backlog_of(watch.pending, interval=EVERY).slope,
        }
        resources = self._used(before, after, watch, seconds, slopes)
        cpu = self._source_cpu(resources, own_cpu)
        made = self._rig.compactions() - compactions
        whole = {stage: merged(takes, stage) for stage in _STAGES}
        whole[Stage.QUERYABLE] = sampled.ages
        latency: dict[Stage, Quantiles] = {
            stage: found
            for stage, histogram in whole.items()
            if (found := quantiles(histogram)) is not None
        }
        cores = (host_after.busy - host.busy) / seconds if seconds > 0 else 0.0
        known = (sum(row.cpu for row in resources.values()) + own_cpu) / seconds
        accounting, named = self._account(
            order, sent, counts, final, negative=negative, drained=drained
        )
        ended_after = edges[len(missed)] - edges[0] if early else None
        return self._record(
            spec,
            began,
            host=Host(steal=steal_share(host, host_after)),
            generator=self._generator(
                sent, cpu / seconds * sent.seconds, cpu + own_cpu * self._rig.generates
            ),
            achieved=achieved_of(order, sent, asked=sent.seconds if early else None),
            ended_after=ended_after,
            blocks=blocks_of(dues, missed, unstored=unstored),
            latency=latency,
            accounting=accounting,
            named=named,
            backlog=backlog_of(
                watch.backlogs, interval=EVERY, steady=spec.arrival in STEADY
            ),
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
            io=io_of(before, after),
            other_cores=max(0.0, cores - known),
            incidents=[
                *([(0.0, "compaction", f"{made} compactions")] if made > 0 else []),
                *([] if ended_after is None else [(ended_after, "other", _EARLY)]),
            ],
        )

    def _outage(self, spec: TrialSpec) -> Record:
        """Stop the database for a while under load; time the way back."""
        began = self._now()
        counts = self._rig.counts()
        seconds = spec.settle + spec.outage + spec.drain + _ANSWER_SECONDS
        order = self._order(spec, seconds=seconds)
        first = self._load.begin(order)
        start = self._monotonic(first.start_us)
        watch = self._watch(order, first, counts, start)
        before, host = self._rig.usage(), self._rig.host()
        own = self._load.cpu()
        watch.until(start + spec.settle)
        mean = backlog_of(watch.backlogs).mean
        idle = dict(watch.peaks)
        self._rig.database_off()
        down = self._now()
        written = self._rig.counts().written
        watch.until(down + spec.outage)
        self._rig.database_on()
        up = self._waits.written(
            watch, more_than=written, seconds=spec.drain + _ANSWER_SECONDS
        )
        usual = max(_SETTLED * spec.rate, 2 * mean, _FEW)
        drain = self._waits.below(watch, enough=usual, seconds=spec.drain)
        back = self._now()
        sent = self._load.end()
        self._extras.loaded(order, sent)
        drained = self._waits.drained(counts, sent.emitted, 10.0)
        self._rig.take()
        after, host_after = self._rig.usage(), self._rig.host()
        final = self._rig.counts()
        span = host_after.at - host.at
        slopes: dict[str, float] = {}
        resources = self._used(before, after, watch, span, slopes, began_anew=DATABASE)
        cpu = self._source_cpu(resources, self._load.cpu() - own)
        accounting, named = self._account(order, sent, counts, final, drained=drained)
        return self._record(
            spec,
            began,
            host=Host(steal=steal_share(host, host_after)),
            generator=self._generator(sent, cpu, cpu),
            achieved=achieved_of(order, sent, asked=sent.seconds),
            accounting=accounting,
            named=named,
            backlog=backlog_of(watch.backlogs, interval=EVERY),
            resources=resources,
            disconnects=max(0, final.reconnects - counts.reconnects),
            drained=drained,
            outage=Outage(
                seconds=up - down,
                backlog_peak=round(max(watch.backlogs, default=0.0)),
                memory_peak={**idle, **watch.peaks},
                drain=back - up if drain else None,
                usual=usual,
            ),
            lag_max=sent.lag_max,
            watch=watch,
            io=io_of(before, after),
            down_at=down - start,
            spool_bytes_per_event=spool_bytes_of(watch.spool),
            incidents=[
                (down - start, "fault", "the database was stopped"),
                (up - start, "other", "the database takes events again"),
            ],
        )

    def _emit(self, spec: TrialSpec) -> Record:
        """See what the source can send without the stack, and what comes through.

        A turn of ten seconds differs by a fifth from the next one, so there are two of
        each, and a source that grows faster or slower does so for both alike.
        """
        began = self._now()
        order = self._order(spec)
        problems: list[str] = []
        alone: list[float] = []
        through: list[float] = []
        drained = True
        try:
            for rate_of, rates in (
                (emission_of, alone),
                (storing_of, through),
                (storing_of, through),
                (emission_of, alone),
            ):
                try:
                    rates.append(
                        rate_of(
                            self._rig,
                            self._load,
                            order,
                            settle=spec.settle,
                            clock=self._clock,
                        )
                    )
                finally:
                    drained = self._waits.drained(None, 0, spec.drain)
        except BadAnswer as err:
            problems.append(str(err))
        record = self._record(
            spec, began, host=Host(), generator=NO_LOAD, drained=drained
        )
        return replaced(
            record,
            emitted=tuple(alone) or None,
            passed_on=tuple(through) or None,
            problems=problems,
        )

    # ------------------------------------------------------------------ looking

    def _watch(self, order: Order, begun: Sent, before: Counts, start: float) -> Watch:
        return Watch(
            self._rig,
            timetable=_timetable(order, begun),
            before=before,
            start=start,
            began=self._began,
            now=self._now,
            pause=self._pause,
        )

    # ------------------------------------------------------------------ figures

    def _order(
        self, spec: TrialSpec, *, url: str | None = None, seconds: float | None = None
    ) -> Order:
        """Return the load of a trial, to the source unless told otherwise."""
        return self._workload.order(
            spec,
            url=url or self._rig.source_url,
            token=self._rig.source_token,
            seconds=seconds,
        )

    def _parts(self, order: Order, begun: Sent) -> list[Part]:
        """Return what each worker is to send."""
        return [
            Part(
                order=order.part(job.worker, of=len(begun.jobs)),
                start_us=job.start_us,
                count=0,
                timed=self._rig.generates,
            )
            for job in begun.jobs
        ]

    def _account(
        self,
        order: Order,
        sent: Sent,
        before: Counts,
        after: Counts,
        *,
        negative: int = 0,
        drained: bool,
    ) -> tuple[Accounting, list[str]]:
        """Return what became of the events, and the first ones that are not right."""
        return account_of(
            self._rig.store(),
            order,
            sent,
            simulated=self._rig.generates,
            rejected=max(0, after.rejected - before.rejected),
            merged=max(0, after.merged - before.merged),
            negative=negative,
            patience=2.0 if drained else 0.0,
            clock=self._clock,
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
        watch: Watch,
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
        named: list[str] | None = None,
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
        watch: Watch | None = None,
        io: dict[str, tuple[int, int]] | None = None,
        incidents: list[tuple[float, str, str]] | None = None,
        other_cores: float | None = None,
        spool_bytes_per_event: float | None = None,
        down_at: float = 0.0,
        ended_after: float | None = None,
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
                ended_after=ended_after,
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
            named=named or [],
        )

    # --------------------------------------------------------------------- time

    def _now(self) -> float:
        return self._clock.monotonic()

    def _monotonic(self, time_us: int) -> float:
        """Return a moment of UTC by the clock that waits."""
        return time_us / 1e6 - self._wall() + self._now()

    def _pause(self, seconds: float) -> None:
        pause(seconds, clock=self._clock)


_STAGES: Final = (
    Stage.TOTAL,
    Stage.HA_TO_INGEST,
    Stage.INGEST_TO_ENRICH,
    Stage.ENRICH_TO_STORED,
)


def _timetable(order: Order, begun: Sent) -> Timetable:
    """Return what is due of an order that has begun."""
    count = begun.workers
    parts = [order.part(worker, of=count) for worker in range(count)]
    return Timetable(parts, [job.start_us / 1e6 for job in begun.jobs])


def _done_since(before: Counts, now: Counts) -> int:
    """Return how many events met their end between two looks."""
    return max(
        now.done - before.done,
        now.written + now.rejected - before.written - before.rejected,
    )
