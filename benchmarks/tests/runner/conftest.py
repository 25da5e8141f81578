"""A made-up stack, load and clock: one fake for each edge, over one small world."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

from capacity.arrivals import Schedule
from capacity.clocks import Taken
from capacity.database import Files
from capacity.errors import BadAnswer
from capacity.judge_trial import Judgement
from capacity.kept import Begun
from capacity.load import JobState, Sent, summed
from capacity.measure import Measurer
from capacity.names import DATABASE, ENRICHMENT, INGESTION, SOURCE
from capacity.order import Order
from capacity.queryable import Found, Rows, Targets
from capacity.resources import HostLook, Usage
from capacity.rig import Counts
from capacity.search import Progress
from capacity.store import Row
from capacity.trial import Arrival, Slo, Stage, TrialResult, TrialSpec
from capacity.workload import Workload

TICK = 0.02
EPOCH = 1_700_000_000.0
COSTS = {INGESTION: 20e-6, ENRICHMENT: 60e-6, DATABASE: 30e-6, SOURCE: 5e-6}
IDLE = 0.01
NULL = "http://null"


@dataclass(slots=True)
class World:
    """A queue in front of one server that carries `capacity` events a second.

    Args:
        generator: the rate up to which the source keeps its schedule.
        stalls: (from, until) in seconds in which nothing is stored.
        lost_share: of the events that vanish.
        workers: share the load.
    """

    capacity: float = 5_000.0
    generator: float = 100_000.0
    base: float = 0.25
    stalls: list[tuple[float, float]] = field(default_factory=list)
    lost_share: float = 0.0
    workers: int = 1
    now: float = 100.0
    queue: deque[tuple[float, float]] = field(default_factory=deque)
    emitted: float = 0.0
    done: float = 0.0
    keys: list[tuple[float, float]] = field(default_factory=list)
    order: Order | None = None
    plan: Schedule | None = None
    total: int = 0
    started: float = 0.0
    sent: float = 0.0
    up: bool = True
    cpu: dict[str, float] = field(default_factory=lambda: dict.fromkeys(COSTS, 0.0))
    ages: HdrHistogram = field(default_factory=lambda: HdrHistogram(1, 120_000_000, 3))
    fault: Callable[[float], None] = lambda _now: None
    spoil: Callable[[list[Row]], list[Row]] = list

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while self.now < end - 1e-9:
            step = min(TICK, end - self.now)
            self.now += step
            self.fault(self.now)
            self._emit()
            self._serve(step)
            for name in self.cpu:
                self.cpu[name] += IDLE * step

    def ended(self) -> bool:
        """Tell whether the order has been carried out."""
        return self.order is None or self.sent >= self.total

    def begin(self, order: Order) -> None:
        """Send an order from now on."""
        self.order, self.plan, self.started, self.sent = (
            order, order.schedule(), self.now, 0.0
        )  # fmt: skip
        self.total = order.schedule().due(math.nextafter(order.seconds, 0.0))

    def parts(self) -> list[tuple[Order, int]]:
        """Return what each worker sends, and how many events it has sent."""
        order, sent, of = self.order, round(self.sent), self.workers
        assert order is not None
        return [
            (order.part(worker, of=of), len(range(worker, sent, of)))
            for worker in range(of)
        ]

    def _emit(self) -> None:
        order, plan = self.order, self.plan
        if order is None or plan is None:
            return
        due = min(plan.due(self.now - self.started), self.total)
        most = self.sent + self.generator * TICK
        new = max(0.0, min(due, most) - self.sent)
        if new and order.url != NULL:
            middle = self.now - TICK / 2
            if order.arrival is not Arrival.POISSON:  # it cannot be asked back
                middle = self.started + plan.at(int(self.sent + new / 2))
            self.queue.append((middle, new))
            self.emitted += new
            self.cpu[SOURCE] += COSTS[SOURCE] * new
        self.sent += new

    def _serve(self, step: float) -> None:
        stalled = any(start <= self.now < end for start, end in self.stalls)
        room = 0.0 if stalled or not self.up else self.capacity * step
        while room > 0 and self.queue and self.queue[0][0] + self.base <= self.now:
            due, count = self.queue[0]
            served = min(count, room)
            room -= served
            if served < count:
                self.queue[0] = (due, count - served)
            else:
                self.queue.popleft()
            self.done += served
            stored = served * (1 - self.lost_share)
            self.keys.append((due, stored))
            age = min(max(1, round((self.now - due) * 1e6)), 120_000_000)
            self.ages.record_value(age, max(1, round(served)))
            for name in (INGESTION, ENRICHMENT, DATABASE):
                self.cpu[name] += COSTS[name] * served


class FakeClock:
    """The world's clock: who sleeps lets it go on."""

    def __init__(self, world: World) -> None:
        self._world = world

    def monotonic(self) -> float:
        """Return the world's time."""
        return self._world.now

    def sleep(self, seconds: float, /) -> None:
        """Let time pass."""
        # What is left of a wait can be too little to move a clock of floats.
        self._world.advance(max(seconds, 1e-6))


class FakeLoad:
    """Sends into the world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.told: list[str] = []

    def begin(self, order: Order) -> Sent:
        """Begin an order."""
        self._world.begin(order)
        return self.sent()

    def sent(self) -> Sent:
        """Return what was sent."""
        world = self._world
        order = world.order
        assert order is not None
        seconds = min(world.now - world.started, order.seconds)
        if not world.ended():
            seconds = world.now - world.started
        starved = order.rate > world.generator
        jobs = [
            JobState(
                worker=worker,
                start_us=round((world.started + EPOCH) * 1e6),
                seconds=max(seconds, world.sent / world.generator),
                emitted=count,
                behind=0,
                skipped=0,
                late=count if starved else 0,
                lag_p50=0.0001,
                lag_p99=0.5 if starved else 0.002,
                lag_max=0.6 if starved else 0.003,
                ended=world.ended(),
                first_serial=1,
                last_serial=round(world.sent),
            )
            for worker, (_, count) in enumerate(world.parts())
        ]
        found = summed(jobs, workers=world.workers)
        assert found is not None
        return found

    def end(self) -> Sent:
        """End the order."""
        world = self._world
        if world.order is not None and not world.ended():
            world.total = round(world.sent)
            world.sent = float(world.total)
            world.order = msgspec.structs.replace(
                world.order, seconds=world.now - world.started
            )
        return self.sent()

    def tell(self, name: str, blob: str) -> None:
        """Keep what is shown."""
        self.told.append(blob)

    def cpu(self) -> float:
        """Return nothing worth to speak of."""
        return 0.0


class FakeStore:
    """The world as a database: of an order, the first events are those that vanished.

    `spoil` changes the rows that are read, and so the counts.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def counts(self, prefix: str, *, since_us: int, until_us: int) -> dict[str, int]:
        """Count by entity."""
        counts: Counter[str] = Counter()
        names: set[str] = set()
        for order, numbers in self._parts(since_us, until_us):
            if self._world.spoil is list and not order.entity_growth:
                for number in numbers[: order.entities]:
                    same = range(number, numbers.stop, order.entities)
                    counts[order.entity(number)] = len(same)
            else:
                names |= {order.entity(number) for number in range(numbers.stop)}
        if names:
            rows = self.rows(sorted(names), since_us=since_us, until_us=until_us)
            counts.update(row.entity_id for row in rows)
        return dict(counts)

    def rows(
        self,
        entities: Sequence[str],
        *,
        since_us: int,
        until_us: int,
        seconds: float = 60.0,
    ) -> list[Row]:
        """Return what is stored of some entities."""
        wanted = set(entities)
        rows: list[Row] = []
        for order, numbers in self._parts(since_us, until_us):
            schedule = order.schedule()
            rows += [
                Row(
                    entity_id=entity,
                    time_us=since_us + round(schedule.at(number) * 1e6),
                    state=f"{(number + 1) // 10}.{(number + 1) % 10}",
                )
                for number in numbers
                if (entity := order.entity(number)) in wanted
            ]
        return self._world.spoil(rows)

    def _parts(self, since_us: int, until_us: int) -> list[tuple[Order, range]]:
        """Return what each worker sends, and which of its events are stored."""
        world = self._world
        start, end = since_us / 1e6 - EPOCH, until_us / 1e6 - EPOCH
        stored = round(sum(n for due, n in world.keys if start - 1e-4 <= due < end))
        return [
            (
                order,
                range(max(0, count - len(range(worker, stored, world.workers))), count),
            )
            for worker, (order, count) in enumerate(world.parts())
        ]


class FakeLooking:
    """Finds one event half a second after it was due, if it was left the time."""

    def __init__(self, store: Rows, targets: Targets, *, now_us: int) -> None:
        self.target = targets.next(now_us)
        self.closed = self.ended = False

    def close(self) -> None:
        """Note it."""
        self.closed = True

    def end(self) -> Found:
        """Return what was found."""
        self.ended = True
        found = Found()
        if self.closed and self.target is not None:
            found.add(500_000, seen=True)
        return found


@dataclass(slots=True)
class FakeDatabase:
    """The world's database: takes so many lines a second, then compacts for a while.

    A line takes `hot` bytes when written and `cold` bytes after `compacts` seconds.
    """

    world: World
    speed: float = 50_000.0
    compacts: float = 8.0
    hot: int = 40
    cold: int = 10
    bodies: list[bytes] = field(default_factory=list)
    lines: int = 0
    last: float = 0.0
    refuses: bool = False
    held: list[tuple[int, Mapping[str, Any]]] = field(
        default_factory=lambda: [
            (
                5_000_000,
                {
                    "state": "1.2",
                    "value": 1.2,
                    "attrs": '{"serial":12,"intended_us":5000000}',
                    "last_changed": 5_000_000,
                    "unit": "W",
                },
            )
        ]
    )
    asked: list[tuple[list[str], int]] = field(default_factory=list)

    def rows(
        self, entity_ids: Iterable[str], *, since_us: int
    ) -> Sequence[tuple[int, Mapping[str, Any]]]:
        """Return what is held, if the last load has sent to one of them since then."""
        self.asked.append((list(entity_ids), since_us))
        since = since_us / 1e6 - EPOCH - self.world.started
        sent: set[str] = set()
        for order, count in self.world.parts():
            schedule = order.schedule()
            sent |= {
                order.entity(number)
                for number in range(count)
                if schedule.at(number) >= since - 1e-6
            }
        return self.held if sent & set(self.asked[-1][0]) else []

    def write(self, body: bytes) -> None:
        """Take lines; it takes its time."""
        if self.refuses:
            raise BadAnswer("a write into InfluxDB", "HTTP 401")
        count = body.count(b"\n") + 1
        self.bodies.append(body)
        self.lines += count
        self.world.advance(count / self.speed)
        self.last = self.world.now

    def files(self) -> Files:
        """Return what lies on the disk now."""
        done = self.world.now >= self.last + self.compacts
        return Files(
            data=self.lines * (self.cold if done else self.hot - 10),
            log=0 if done else self.lines * 10,
            compacting=0 if done else 2,
        )


class FakeRig:
    """The world as a stack."""

    source = SOURCE
    source_token = ""
    source_url = "http://source"
    generates = True

    def __init__(self, world: World) -> None:
        self._world = world
        self.deaf = False
        self.starting_until = 0.0
        self.reconnects = 0
        self.gap_until = 0.0
        self.own_database = FakeDatabase(world)
        self.thrown_away = FakeDatabase(world, compacts=20.0)
        self.removed = 0
        self.alone = False
        self.heard = True

    def source_cores(self) -> float:
        """Return its limit."""
        return 1.0

    def usage(self, *, fresh: bool = True) -> dict[str, Usage]:
        """Return one look at each container."""
        return {
            name: Usage(
                container=name,
                started="once",
                restarts=0,
                cpu=cpu,
                throttled=0.0,
                memory=50_000_000 + len(self._world.queue) * 1_000,
                read=0,
                written=round(self._world.done * 100),
                oom_kills=0,
                pressure={},
            )
            for name, cpu in self._world.cpu.items()
            if self._world.up or name != DATABASE
        }

    def host(self) -> HostLook:
        """Return one look at the host."""
        now = self._world.now
        return HostLook(
            at=now,
            busy=sum(self._world.cpu.values()),
            steal=0.0,
            total=2 * now,
            pressure={"cpu": min(now, self.starting_until)},
        )

    def counts(self) -> Counts:
        """Return what the services count."""
        if self.deaf:
            raise BadAnswer("GET /v1/stats", "no answer")
        world = self._world
        done = round(world.done)
        pending = round(world.emitted) - done
        return Counts(
            at=world.now,
            done=done,
            received=round(world.emitted),
            written=done,
            rejected=0,
            merged=0,
            pending=pending,
            reconnects=self.reconnects,
            open_gaps=int(world.now < self.gap_until),
            spool_bytes=pending * 400,
            spool_limit=2_000_000_000,
        )

    def take(self) -> Taken:
        """Return the latencies since the last take."""
        histogram = self._world.ages
        self._world.ages = HdrHistogram(1, 120_000_000, 3)
        blob = histogram.encode().decode("ascii")
        stages = (
            Stage.TOTAL,
            Stage.HA_TO_INGEST,
            Stage.INGEST_TO_ENRICH,
            Stage.ENRICH_TO_STORED,
        )
        count = histogram.get_total_count()
        return Taken(
            counts=dict.fromkeys(stages, count), blobs=dict.fromkeys(stages, blob)
        )

    def store(self) -> FakeStore:
        """Return the world as a database."""
        return FakeStore(self._world)

    def compactions(self) -> int:
        """Return one for each so many events."""
        return int(self._world.done // 50_000)

    def series(self) -> int:
        """Return how many there are."""
        return 1_000

    def stored_bytes(self) -> int | None:
        """Return 12 bytes for each event, and for each line past the services."""
        return round(self._world.done * 12) + self.own_database.lines * 12

    def database(self) -> FakeDatabase:
        """Return the way into it."""
        return self.own_database

    @contextmanager
    def throwaway(self) -> Iterator[tuple[FakeDatabase, float]]:
        """Return another one, and that its days end eight days ago."""
        try:
            yield self.thrown_away, 8.0
        finally:
            self.removed += 1

    @contextmanager
    def reading_alone(self) -> Iterator[Callable[[], list[tuple[float, int]]]]:
        """Count what is sent; the source sends `generator` events/s at most."""
        self.alone = True
        looks: list[tuple[float, int]] = []
        before = self._world.fault

        def look(now: float) -> None:
            before(now)
            looks.append((now, round(self._world.sent)))

        self._world.fault = look
        try:
            yield lambda: looks if self.heard else []
        finally:
            self.alone = False
            self._world.fault = before

    def database_off(self) -> None:
        """Stop it."""
        self._world.up = False

    def database_on(self) -> None:
        """Start it; it takes two seconds."""
        self._world.advance(2.0)
        self._world.up = True

    def null_source(self) -> str:
        """Return where all is thrown away."""
        return NULL

    def null_cpu(self) -> float:
        """Return what that cost."""
        return 0.0

    def close_null(self) -> None:
        """Do nothing."""


@dataclass(slots=True)
class FakeTeller:
    """Keeps what it was told."""

    lines: list[str] = field(default_factory=list)

    def said(self, text: str) -> None:
        """Keep it."""
        self.lines.append(text)

    def begins(self, spec: TrialSpec, progress: Progress) -> None:
        """Keep it."""
        self.lines.append(f"{spec}: {progress.left:.0f} s left")

    def ended(self, result: TrialResult, judgement: Judgement) -> None:
        """Keep it."""
        self.lines.append(f"{result.spec}: {judgement.outcome}")


@dataclass(slots=True)
class Bench:
    """A measurer and the fakes that it works with."""

    world: World
    rig: FakeRig
    load: FakeLoad
    measurer: Measurer
    teller: FakeTeller
    slo: Slo
    lookings: list[FakeLooking]


MakeBench = Callable[..., Bench]


@pytest.fixture
def make_bench() -> MakeBench:
    """Return the maker of benches; keywords describe the world."""

    def make(*, growth: float = 0.0, **kinds: object) -> Bench:
        world = replace(World(), **kinds)  # type: ignore[arg-type]
        rig, load, slo = FakeRig(world), FakeLoad(world), Slo()
        lookings: list[FakeLooking] = []

        def look(store: Rows, targets: Targets) -> FakeLooking:
            now_us = round((world.now + EPOCH) * 1e6)
            lookings.append(FakeLooking(store, targets, now_us=now_us))
            return lookings[-1]

        measurer = Measurer(
            rig,
            load,
            slo=slo,
            workload=Workload(prefix="sensor.cap", entities=100, entity_growth=growth),
            fsync=lambda _seconds: 0.001,
            look=look,
            clock=FakeClock(world),
            wall=lambda: world.now + EPOCH,
        )
        return Bench(
            world=world,
            rig=rig,
            load=load,
            measurer=measurer,
            teller=FakeTeller(),
            slo=slo,
            lookings=lookings,
        )

    return make


@pytest.fixture
def begun() -> Begun:
    """Return what a quick run was asked for."""
    return Begun(
        id="20261125-010203-abcdef",
        started=datetime(2026, 11, 25, 1, 2, 3, tzinfo=UTC),
        profile="quick",
        slo_p99=1000.0,
        arrival="constant",
        entry="fake_ha",
        entities=100,
        payload_bytes=0,
        seed=1,
        command="capacity run --profile quick",
        owned=True,
    )
