"""The spool: group commit, back-pressure, limits, failures, restart."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TypedDict

import pytest
import uvloop

from servicekit.compression import plain
from servicekit.health import STARTING, Health, Status
from servicekit.wire import Frame, Origin, Outcome
from websocket_ingestion.errors import ReplayRunning, SpoolError
from websocket_ingestion.gaps import Gap, GapTotals
from websocket_ingestion.journal import JournalView
from websocket_ingestion.ledger import Acknowledged, Arrival, Counters
from websocket_ingestion.limits import SpoolLimits
from websocket_ingestion.lot import Lot
from websocket_ingestion.pages import PageFile
from websocket_ingestion.replay import Replay
from websocket_ingestion.spool import Spool
from websocket_ingestion.store import NO_PRUNE, Prune, Store
from websocket_ingestion.view import SpoolState

MEBIBYTE = 1024 * 1024
LIMITS = SpoolLimits(
    disk_bytes=64 * MEBIBYTE,
    commit_seconds=0.001,
    retry_first_seconds=0.001,
    retry_most_seconds=0.002,
)
Until = Callable[..., Awaitable[str]]


class Bounds(TypedDict):
    """What a lot may hold."""

    max_events: int
    max_bytes: int


ALL: Bounds = {"max_events": 10**9, "max_bytes": 10**9}


class WatchedStore(Store):
    """A store that calls the test before each commit, and after it."""

    def before(self) -> None:
        """Be called before a commit; an error stands for that of the disk."""

    def after(self) -> None:
        """Be called once it is durable."""

    def commit(
        self,
        arrivals: Sequence[Arrival] = (),
        acknowledged: Acknowledged | None = None,
        *,
        prune: Prune = NO_PRUNE,
        now_us: int = 0,
    ) -> Counters:
        """Commit between the two calls."""
        self.before()
        done = super().commit(arrivals, acknowledged, prune=prune, now_us=now_us)
        self.after()
        return done


class BrokenStore(WatchedStore):
    """A store whose commits fail as long as the test wants: before, or once (late)."""

    broken: SpoolError | None = None
    late = False

    def before(self) -> None:
        """Fail unless that is for later."""
        broken = type(self).broken
        if broken is not None and not self.late:
            raise broken

    def after(self) -> None:
        """Fail although the commit took effect."""
        broken = type(self).broken
        if broken is not None and self.late:
            type(self).broken = None
            raise broken


class SlowStore(WatchedStore):
    """A store of which each commit takes until the test lets it go on."""

    begun: threading.Semaphore
    go_on: threading.Semaphore

    def before(self) -> None:
        """Say that it begins, and wait."""
        self.begun.release()
        self.go_on.acquire()


@pytest.fixture
def blocked(path: Path) -> Path:
    """Put a folder where the spool should be."""
    path.mkdir()
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the spool is."""
    return tmp_path / "spool.db"


@asynccontextmanager
async def running(
    path: Path,
    health: Health,
    limits: SpoolLimits = LIMITS,
    *,
    open_store: Callable[[Path], Store] = Store.open,
    clock: Callable[[], float] = lambda: 100.0,
) -> AsyncIterator[Spool]:
    """Run a spool; close it in the end."""
    health.clear(STARTING)
    spool = Spool(path, health, limits, open_store=open_store, clock=clock)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(spool.run())
        yield spool
        await spool.close()


def frames(*sizes: int, events: int = 1) -> list[Arrival]:
    """Return frames with payloads of these sizes, which nothing makes smaller."""
    noise = random.Random(7)
    return [
        Arrival(90_000_000 + number, Origin.LIVE, events, noise.randbytes(size), 7)
        for number, size in enumerate(sizes)
    ]


def taken(lot: Lot) -> Outcome:
    """Return the outcome that all events were written."""
    return Outcome(lot.events, 0, 0, 0)


async def drain(spool: Spool) -> int:
    """Acknowledge everything that is committed; return the number of lots."""
    lots = 0
    while spool.waiting_events:
        lot = await spool.next_lot(max_events=10**9, max_bytes=MEBIBYTE)
        spool.acknowledge(lot, taken(lot))
        lots += 1
    return lots


async def saved(spool: Spool) -> Counters:
    """Return the counters once every acknowledgement is committed."""
    await spool.put(frames(1, events=0))
    await spool.flush()
    return spool.view().counters


@pytest.mark.asyncio
async def test_frames_are_committed_in_one_group(path: Path, health: Health) -> None:
    """What arrives within the window is one commit, and comes out in order."""
    async with running(path, health) as spool:
        await spool.wait_open()
        for size in (1, 2, 3):
            await spool.put(frames(size))
        await spool.flush()
        lot = await spool.next_lot(**ALL)
        view = spool.view()

    assert [(one.row, len(one.payload)) for one in lot.frames] == [
        (1, 1),
        (2, 2),
        (3, 3),
    ]
    assert (view.commits, view.counters.received, view.queued_frames) == (1, 3, 0)
    assert view.state is SpoolState.ACCEPTING


@pytest.mark.asyncio
async def test_the_same_lot_until_it_is_acknowledged(
    path: Path, health: Health
) -> None:
    """A failed forward gets the same frames again; then come the next ones."""
    async with running(path, health) as spool:
        await spool.put(frames(1, 1, 1))
        first = await spool.next_lot(max_events=2, max_bytes=99)
        again = await spool.next_lot(max_events=2, max_bytes=99)
        spool.acknowledge(first, Outcome(1, 0, 1, 0))
        rest = await spool.next_lot(max_events=2, max_bytes=99)
        counters = await saved(spool)

    assert first == again
    assert [frame.row for frame in rest.frames] == [3]
    assert (counters.cursor, counters.written, counters.dead_lettered) == (2, 1, 1)
    assert counters.received == counters.forwarded + counters.pending == 3


@pytest.mark.asyncio
async def test_a_restart_carries_on(path: Path, health: Health) -> None:
    """Counters and position survive; the open frames are read from the file."""
    async with running(path, health) as spool:
        await spool.put(frames(1, 2, 3))
        lot = await spool.next_lot(max_events=1, max_bytes=99)
        spool.acknowledge(lot, taken(lot))
    async with running(path, health) as spool:
        await spool.wait_open()
        view = spool.view()
        lot = await spool.next_lot(**ALL)

    assert [len(frame.payload) for frame in lot.frames] == [2, 3]
    assert (view.counters.received, view.counters.forwarded) == (3, 1)
    assert view.oldest_age_seconds == pytest.approx(10.0, abs=0.01)


@pytest.mark.asyncio
@pytest.mark.parametrize("memory_bytes", [100, 0])
async def test_a_lot_follows_one_that_is_under_way(
    path: Path, health: Health, memory_bytes: int
) -> None:
    """Each is handed out once; the oldest age is that of the first."""
    limits = replace(LIMITS, memory_bytes=memory_bytes)
    async with running(path, health, limits) as spool:
        await spool.put(
            Arrival(second * 1_000_000, Origin.LIVE, 2, b"x" * size, 7)
            for second, size in ((90, 1), (95, 2), (96, 3))
        )
        await spool.flush()
        first = await spool.next_lot(max_events=2, max_bytes=100)
        behind = spool.waiting_behind(first)
        second = await spool.next_lot(max_events=4, max_bytes=100, behind=first)
        age = spool.view().oldest_age_seconds
        spool.acknowledge(first, taken(first))
        left = spool.waiting_behind(first)
        spool.acknowledge(second, taken(second))

        assert [
            [len(one.payload) for one in lot.frames] for lot in (first, second)
        ] == [
            [1],
            [2, 3],
        ]
        assert (behind, left, spool.waiting_events) == (4, 4, 0)
        assert age == 10.0


@pytest.mark.asyncio
async def test_a_lot_of_another_file_holds_nothing_back(
    path: Path, health: Health
) -> None:
    """Rows have other numbers after a salvage: what is not acknowledged comes again."""
    async with running(path, health) as spool:
        await spool.put(frames(1, 2))
        await spool.flush()
        lot = await spool.next_lot(**ALL)
        old = replace(lot, file=lot.file + 1)
        again = await spool.next_lot(**ALL, behind=old)

        assert again == lot
        assert spool.waiting_behind(old) == 2


@pytest.mark.asyncio
async def test_a_close_commits_what_waits(path: Path, health: Health) -> None:
    """Frames and acknowledgements of the last moment are in the file."""
    limits = SpoolLimits(disk_bytes=MEBIBYTE, commit_seconds=3600)
    async with running(path, health, limits) as spool:
        await spool.put(frames(1))
        await spool.flush()
        lot = await spool.next_lot(**ALL)
        spool.acknowledge(lot, taken(lot))
        await spool.put(frames(5))
    with closing(Store.open(path)) as store:
        counters = store.counters

    assert (counters.received, counters.written, counters.frames) == (2, 1, 1)
    assert spool.view().state is SpoolState.CLOSED


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("seconds", "busy_times", "groups"),
    [
        pytest.param(3600, 1e-6, [(4, 6)], id="much"),
        pytest.param(0.001, 3.6e6, [(10,), (9,)], id="little-after-much"),
    ],
)
async def test_how_long_a_commit_waits_follows_the_one_before(
    path: Path,
    health: Health,
    seconds: float,
    busy_times: float,
    groups: list[tuple[int, ...]],
) -> None:
    """After much it is the time of load, after little the usual one.

    The other time is an hour: without the right one nothing more is committed.
    """
    limits = SpoolLimits(
        disk_bytes=MEBIBYTE,
        commit_seconds=seconds,
        acknowledge_seconds=3600,
        busy_bytes=10,
        busy_times=busy_times,
    )
    async with running(path, health, limits) as spool:
        for sizes in groups:
            await spool.put(frames(*sizes))
            await spool.flush()
        await drain(spool)
        await spool.put(frames(1))
        await spool.wait_frames()

        assert spool.view().queued_frames == 0


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("size", "left"),
    [pytest.param(99, 1, id="little"), pytest.param(100, 0, id="enough for a commit")],
)
async def test_what_comes_during_a_commit_waits_for_others(
    path: Path, health: Health, size: int, left: int
) -> None:
    """Otherwise commits follow each other as fast as the disk allows."""
    SlowStore.begun, SlowStore.go_on = threading.Semaphore(0), threading.Semaphore(0)
    limits = SpoolLimits(disk_bytes=MEBIBYTE, commit_seconds=3600, commit_bytes=100)
    async with running(path, health, limits, open_store=SlowStore.open) as spool:
        await spool.wait_open()
        await spool.put(frames(100))
        await asyncio.to_thread(SlowStore.begun.acquire)
        await spool.put(frames(size))
        SlowStore.go_on.release(3)
        await spool.wait_frames()
        await spool.gaps(1)  # the file does one thing after the other
        view = spool.view()

    assert (view.queued_frames, view.commits) == (left, 2 - left)


@pytest.mark.asyncio
async def test_a_full_queue_holds_the_reader_back(path: Path, health: Health) -> None:
    """`put` waits for a commit when too many bytes wait for one."""
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()

    def open_late(path: Path) -> Store:
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result()
        return Store.open(path)

    limits = SpoolLimits(disk_bytes=MEBIBYTE, queue_bytes=100)
    async with running(path, health, limits, open_store=open_late) as spool:
        await spool.put(frames(60, 60))
        waiting = asyncio.ensure_future(spool.put(frames(1)))  # noqa: TID251
        done, _ = await asyncio.wait({waiting}, timeout=0.02)
        queued = spool.view().queued_frames
        gate.set()
        await waiting
        await spool.flush()
        received = spool.view().counters.received

    assert (len(done), queued, received) == (0, 2, 3)


@pytest.mark.asyncio
async def test_a_backlog_beyond_the_memory_is_read_from_the_file(
    path: Path, health: Health
) -> None:
    """Order and completeness do not depend on where the frames are."""
    limits = SpoolLimits(disk_bytes=MEBIBYTE, commit_seconds=0.001, memory_bytes=250)
    rows: list[int] = []
    async with running(path, health, limits) as spool:
        for _ in range(10):
            await spool.put(frames(100))
        await spool.flush()
        while spool.waiting_events:
            lot = await spool.next_lot(max_events=3, max_bytes=10**6)
            rows += [frame.row for frame in lot.frames]
            spool.acknowledge(lot, taken(lot))
        counters = await saved(spool)

    assert rows == list(range(1, 11))
    assert (counters.written, counters.pending) == (10, 0)


@pytest.mark.asyncio
async def test_a_full_spool_pauses_and_resumes(
    path: Path, health: Health, until: Until
) -> None:
    """At the limit it says so and stops accepting; below 90 % it goes on."""
    limits = SpoolLimits(disk_bytes=MEBIBYTE, commit_seconds=0.001)
    async with running(path, health, limits) as spool:
        await spool.wait_open()
        await spool.put(frames(*[100_000] * 9))
        await spool.flush()
        filling = spool.accepting, health.has("spool_filling")
        await spool.put(frames(*[100_000] * 3))
        detail = await until("spool_full")
        paused = spool.accepting, spool.full, health.status
        lot = await spool.next_lot(max_events=2, max_bytes=MEBIBYTE)
        spool.acknowledge(lot, taken(lot))
        await saved(spool)
        below = spool.view().bytes < MEBIBYTE
        still = below, spool.full
        await drain(spool)
        await spool.wait_accepting()
        view = spool.view()

    assert filling == (True, True)
    assert paused == (False, True, Status.DEGRADED)
    assert detail.startswith("the spool holds 1.2 of 1.0 MiB; not reading")
    assert still == (True, True)
    assert view.state is SpoolState.ACCEPTING
    assert view.bytes < 0.9 * MEBIBYTE
    assert health.status is Status.READY


@pytest.mark.asyncio
async def test_acknowledged_rows_leave_the_file(path: Path, health: Health) -> None:
    """The file does not grow with the events that went through."""
    limits = SpoolLimits(
        disk_bytes=64 * MEBIBYTE, commit_seconds=0.001, prune_bytes=100_000
    )
    sizes = []
    async with running(path, health, limits) as spool:
        for _ in range(6):
            await spool.put(frames(*[10_000] * 50))
            await spool.flush()
            await drain(spool)
            await saved(spool)
            sizes.append(spool.view().bytes)

    assert max(sizes) < 1_500_000
    assert sizes[-1] <= max(sizes[:3])


FULL = SpoolError("p", "SQLITE_FULL", "database or disk is full")
BROKEN = SpoolError("p", "SQLITE_IOERR_WRITE", "disk I/O error")


@pytest.mark.asyncio
@pytest.mark.parametrize("error", [FULL, BROKEN], ids=["full", "io-error"])
async def test_a_failing_disk_is_named_and_survived(
    path: Path, health: Health, until: Until, error: SpoolError, logged: list[str]
) -> None:
    """It says why, keeps what it has, and goes on by itself; one line is logged."""
    async with running(path, health, open_store=BrokenStore.open) as spool:
        await spool.wait_open()
        BrokenStore.broken = error
        await spool.put(frames(1, 1))
        detail = await until("spool_unwritable")
        with pytest.raises(SpoolError, match="SQLITE"):
            await spool.flush()
        failing = health.status, spool.accepting, spool.view().state
        BrokenStore.broken = None
        await until("spool_unwritable", there=False)
        await spool.flush()
        view = spool.view()

    assert failing == (Status.FAILING, False, SpoolState.UNWRITABLE)
    assert "retrying, nothing is read from Home Assistant" in detail
    assert (view.counters.received, view.state) == (2, SpoolState.ACCEPTING)
    assert logged.count("spool.failed") == 1


@pytest.mark.asyncio
async def test_a_commit_that_failed_late_is_not_repeated(
    path: Path, health: Health, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that took effect and still reported an error is not counted twice."""
    monkeypatch.setattr(BrokenStore, "late", True)
    async with running(path, health, open_store=BrokenStore.open) as spool:
        await spool.put(frames(1, 1))
        first = await spool.next_lot(max_events=1, max_bytes=9)
        spool.acknowledge(first, taken(first))
        BrokenStore.broken = BROKEN
        await spool.put(frames(1))
        await until("spool_unwritable")
        await until("spool_unwritable", there=False)
        counters = await saved(spool)
        lot = await spool.next_lot(**ALL)

    assert (counters.received, counters.written, counters.cursor) == (3, 1, 1)
    assert [frame.row for frame in lot.frames] == [2, 3, 4]


def messages(*numbers: int) -> list[Arrival]:
    """Return live frames of one message each."""
    return [
        Arrival(90_000_000 + number, Origin.LIVE, 1, b"{%d}" % number, number)
        for number in numbers
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("number", "payloads"),
    [
        pytest.param(2, [b"{1}", b"{2}"], id="few"),
        pytest.param(3, [b"[{1},{2},{3}]"], id="many"),
    ],
)
async def test_many_live_frames_share_a_row(
    path: Path, health: Health, number: int, payloads: list[bytes]
) -> None:
    """The account is one of events; few frames of a commit are not worth the work."""
    limits = replace(LIMITS, commit_seconds=3600, join_frames=3)
    async with running(path, health, limits) as spool:
        await spool.wait_open()
        await spool.put(messages(*range(1, number + 1)))
        queued = spool.view().queued_frames
        await spool.flush()
        lot = await spool.next_lot(**ALL)
        view = spool.view()

    assert [frame.payload for frame in lot.frames] == payloads
    assert (queued, view.queued_frames, spool._queue.bytes) == (number, 0, 0)
    assert (view.counters.received, view.counters.last_event_us) == (number, number)


@pytest.mark.asyncio
@pytest.mark.parametrize("memory_bytes", [0, MEBIBYTE])
async def test_large_rows_are_stored_compressed(
    path: Path, health: Health, memory_bytes: int
) -> None:
    """They come out as they are stored; the account of bytes is the stored one."""
    text = b'{"state":"%s"}' % (b"on" * 5000)
    limits = replace(LIMITS, memory_bytes=memory_bytes)
    async with running(path, health, limits) as spool:
        await spool.put([Arrival(1, Origin.LIVE, 1, text), *messages(1)])
        await spool.flush()
        lot = await spool.next_lot(**ALL)
        spool.acknowledge(lot, taken(lot))
        counters = await saved(spool)
        left = spool._queue.bytes

    assert [plain(frame.payload) for frame in lot.frames] == [text, b"{1}"]
    assert lot.plain_bytes == len(text) + 3
    assert lot.bytes < 100
    assert (counters.forwarded_bytes, left) == (lot.bytes, 0)


@pytest.mark.asyncio
async def test_the_wait_after_a_commit_follows_what_came(
    path: Path, health: Health
) -> None:
    """Not what is left of it once it is compressed: that much goes with the next."""
    limits = SpoolLimits(
        disk_bytes=MEBIBYTE,
        commit_seconds=3600,
        acknowledge_seconds=3600,
        busy_bytes=5000,
        busy_times=1e-6,
    )
    async with running(path, health, limits) as spool:
        await spool.put([Arrival(1, Origin.LIVE, 1, b"{%b}" % (b" " * 5000))])
        await spool.flush()
        await drain(spool)
        await spool.put(messages(1))
        await spool.wait_frames()

        assert spool.view().queued_frames == 0


@pytest.mark.asyncio
@pytest.mark.parametrize("late", [False, True])
async def test_rows_stay_as_they_were_offered(
    path: Path,
    health: Health,
    late: bool,  # noqa: FBT001 - of the parameters
) -> None:
    """A commit that failed may have taken effect: what came meanwhile is apart."""
    failures = [BROKEN]

    class OnceBrokenStore(SlowStore):
        """A store of which the first commit fails, before or after it took effect."""

        def before(self) -> None:
            super().before()
            if failures and not late:
                raise failures.pop()

        def after(self) -> None:
            if failures and late:
                raise failures.pop()

    SlowStore.begun, SlowStore.go_on = threading.Semaphore(0), threading.Semaphore(0)
    limits = replace(LIMITS, join_frames=2)
    async with running(path, health, limits, open_store=OnceBrokenStore.open) as spool:
        await spool.wait_open()
        await spool.put(messages(1, 2))
        await asyncio.to_thread(SlowStore.begun.acquire)
        await spool.put(messages(3, 4))
        SlowStore.go_on.release(9)
        await spool.wait_frames()
        await spool.flush()
        lot = await spool.next_lot(**ALL)
        received = spool.view().counters.received

    assert [frame.payload for frame in lot.frames] == [b"[{1},{2}]", b"[{3},{4}]"]
    assert (received, spool._queue.bytes) == (4, 0)


@pytest.mark.asyncio
async def test_a_full_disk_lets_the_backlog_drain(
    path: Path, health: Health, until: Until, logged: list[str]
) -> None:
    """With no room for new frames, acknowledged ones still leave the file."""

    def open_small(path: Path) -> Store:
        store = Store.open(path)
        store._connection.execute("PRAGMA max_page_count = 40")
        return store

    async with running(path, health, open_store=open_small) as spool:
        await spool.wait_open()
        await spool.put(frames(*[20_000] * 5))
        await spool.flush()
        await spool.put(frames(*[20_000] * 5))
        await until("spool_unwritable")
        await drain(spool)
        await until("spool_unwritable", there=False)
        await spool.flush()
        view = spool.view()

    assert (view.counters.received, view.counters.written) == (10, 5)
    assert logged.count("spool.failed") == 1


@pytest.mark.asyncio
async def test_without_room_for_the_reserve_nothing_is_taken(
    path: Path, health: Health, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A nearly full disk is failing before a commit tears; it goes on with room."""
    shown = SimpleNamespace(f_bavail=0, f_frsize=4096)
    monkeypatch.setattr("os.statvfs", lambda _: shown)
    async with running(path, health) as spool:
        await spool.wait_open()
        await spool.put(frames(1))
        detail = await until("spool_unwritable")
        received = spool.view().counters.received
        monkeypatch.undo()
        await until("spool_unwritable", there=False)
        await spool.flush()

    assert "not enough room on the disk, not even for the reserve" in detail
    assert (received, spool.view().counters.received) == (0, 1)


@pytest.mark.asyncio
async def test_a_commit_is_bounded(path: Path, health: Health) -> None:
    """Much at once goes in several commits, so that the log stays small."""
    limits = SpoolLimits(disk_bytes=64 * MEBIBYTE, commit_bytes=100)
    async with running(path, health, limits) as spool:
        await spool.wait_open()
        await spool.put(frames(60, 60, 60, 60, 60))
        await spool.flush()
        view = spool.view()

    assert (view.counters.received, view.commits) == (5, 3)


@pytest.mark.asyncio
async def test_a_spool_that_cannot_be_opened_keeps_trying(
    blocked: Path, health: Health, until: Until
) -> None:
    """A bad path is a failing health, not a crash; it opens once it can."""
    async with running(blocked, health) as spool:
        detail = await until("spool_unwritable")
        early = spool.accepting
        await asyncio.to_thread(blocked.rmdir)
        await spool.wait_accepting()
        await spool.put(frames(1))
        await spool.flush()

    assert f"spool {blocked}" in detail
    assert (early, spool.view().counters.received) == (False, 1)


@pytest.mark.asyncio
async def test_a_close_does_not_wait_for_a_broken_disk(
    path: Path, health: Health, until: Until, logged: list[str]
) -> None:
    """The end comes although nothing can be saved, and says what is lost."""
    limits = SpoolLimits(disk_bytes=MEBIBYTE, retry_first_seconds=3600)
    try:
        async with running(path, health, limits, open_store=BrokenStore.open) as spool:
            await spool.wait_open()
            BrokenStore.broken = BROKEN
            await spool.put(frames(1))
            await until("spool_unwritable")
    finally:
        BrokenStore.broken = None

    assert "spool.not_saved" in logged
    with pytest.raises(SpoolError, match="disk I/O error"):
        await spool.flush()


@pytest.mark.asyncio
async def test_a_closed_spool_saves_nothing(path: Path, health: Health) -> None:
    """A frame that comes too late is not taken for saved."""
    async with running(path, health) as spool:
        await spool.wait_open()
    await spool.put(frames(1))

    with pytest.raises(SpoolError, match="the spool is closed"):
        await spool.flush()


@pytest.mark.asyncio
async def test_a_close_before_the_file_opens(
    blocked: Path, health: Health, until: Until
) -> None:
    """A service that never got its file ends as well."""
    async with running(blocked, health) as spool:
        await until("spool_unwritable")

    assert spool.view().state is SpoolState.CLOSED


@pytest.mark.asyncio
async def test_a_damaged_frame_is_counted_and_shown(
    path: Path, health: Health, logged: list[str]
) -> None:
    """Its events count as dead-lettered, so that the sums still hold."""
    async with running(path, health) as spool:
        await spool.put(frames(5, 5, 5, events=4))
        await spool.flush()
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE frames SET payload = x'0102030405' WHERE row = 2")
    async with running(path, health) as spool:
        await spool.wait_open()
        lot = await spool.next_lot(**ALL)
        spool.acknowledge(lot, taken(lot))
        counters = await saved(spool)
        view = spool.view()

    assert (lot.events, lot.damaged_events, lot.last_row) == (8, 4, 3)
    assert (counters.written, counters.dead_lettered, counters.pending) == (8, 4, 0)
    assert view.damaged_frames == 1
    assert "spool.damaged" in logged
    assert health.has("spool_damaged")


@pytest.mark.asyncio
async def test_the_age_is_that_of_the_oldest_open_frame(
    path: Path, health: Health
) -> None:
    """Lag is measured from the first frame that is not acknowledged."""
    async with running(path, health) as spool:
        await spool.wait_open()
        empty = spool.view().oldest_age_seconds
        await spool.put([Arrival(40_000_000, Origin.LIVE, 1, b"a")])
        await spool.put([Arrival(70_000_000, Origin.LIVE, 1, b"b")])
        await spool.flush()
        both = spool.view().oldest_age_seconds
        lot = await spool.next_lot(max_events=1, max_bytes=1)
        spool.acknowledge(lot, taken(lot))
        one = spool.view().oldest_age_seconds

    assert (empty, both, one) == (0.0, 60.0, 30.0)


@pytest.mark.asyncio
async def test_gaps_and_entities_are_known_after_a_restart(
    path: Path, health: Health
) -> None:
    """What was awaited is durable, numbered on, and seen at once and later."""
    async with running(path, health) as spool:
        await spool.wait_open()
        first = await spool.open_gap(cause="lost", from_us=5, opened_us=9)
        second = await spool.open_gap(cause="again", from_us=6, opened_us=10)
        await spool.save_gap(replace(first, closed_us=11, expected=3, recovered=2))
        await spool.put([one._replace(entities=("a.1", "b.2")) for one in frames(1)])
        await spool.flush()
        await spool.forget_entities(["a.1"])
        before = spool.open_gaps, spool.view().gaps, set(spool.entities)
    async with running(path, health) as spool:
        await spool.wait_open()
        after = spool.open_gaps, spool.view().gaps, set(spool.entities)
        third = await spool.open_gap(cause="third", from_us=7, opened_us=12)
        listed = await spool.gaps(2)

    assert before == after == ((second,), GapTotals(1, 1, 3, 2, 0), {"b.2"})
    assert (first.id, second.id, third.id) == (1, 2, 3)
    assert listed == [third, second]


@pytest.mark.asyncio
async def test_the_reason_of_the_end_is_kept_until_the_next_gap(
    path: Path, health: Health
) -> None:
    """It survives the restart; the gap that it explains uses it up."""
    async with running(path, health) as spool:
        await spool.wait_open()
        fresh = spool.ended
        await spool.note_end("was stopped")
    async with running(path, health) as spool:
        await spool.wait_open()
        noted = spool.ended
        await spool.open_gap(cause=noted, from_us=1, opened_us=2)
        used = spool.ended

    assert (fresh, noted, used) == ("", "was stopped", "")


@pytest.mark.asyncio
async def test_a_gap_waits_for_the_disk_and_an_end_note_does_not(
    path: Path, health: Health, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the disk fails a gap is tried again, a note is given up at once."""
    broken = True

    def fail(self: Store, gap: Gap, *, after_end: bool = False) -> JournalView:
        if broken:
            raise BROKEN
        return keep(self, gap, after_end=after_end)

    keep = Store.save_gap
    monkeypatch.setattr(Store, "save_gap", fail)
    async with running(path, health) as spool:
        await spool.wait_open()
        async with asyncio.TaskGroup() as tasks:
            opening = tasks.create_task(
                spool.open_gap(cause="c", from_us=1, opened_us=2)
            )
            await until("spool_unwritable")
            with pytest.raises(SpoolError, match="disk I/O error"):
                await spool.note_end("stopped")
            early = opening.done()
            broken = False
        await until("spool_unwritable", there=False)
        known = spool.open_gaps, spool.accepting

    assert not early
    assert known == ((opening.result(),), True)


@pytest.mark.asyncio
async def test_a_note_without_a_file_is_refused(
    blocked: Path, health: Health, until: Until
) -> None:
    """A service that never got its file ends without waiting for it."""
    async with running(blocked, health) as spool:
        early = asyncio.ensure_future(spool.note_end("stopped"))  # noqa: TID251
        await asyncio.wait({early})
        await until("spool_unwritable")
        with pytest.raises(SpoolError, match=r"not open yet|unable"):
            await spool.note_end("stopped")

    assert isinstance(early.exception(), SpoolError)
    with pytest.raises(SpoolError, match="spool"):
        await spool.save_gap(
            Gap(id=1, cause="c", opened_us=1, from_us=1, until_us=None)
        )


@pytest.mark.asyncio
async def test_recent_frames_survive_their_acknowledgement(
    path: Path, health: Health
) -> None:
    """They are read from the file, forwarded or not."""
    async with running(path, health) as spool:
        await spool.put(frames(1, 2, 3))
        await spool.flush()
        await drain(spool)
        await saved(spool)
        found = await spool.recent(received_since_us=90_000_000, max_events=2)

    assert [len(frame.payload) for frame in found if frame.events] == [2, 3]


KEEP = SpoolLimits(
    disk_bytes=64 * MEBIBYTE,
    commit_seconds=0.001,
    acknowledge_seconds=0.001,
    retain_bytes=300_000,
    prune_bytes=50_000,
)


def test_a_commit_that_is_due_at_once_is_no_trouble(path: Path, health: Health) -> None:
    """On uvloop, where such a timer cannot tell its time, as after a pause."""
    limits = replace(LIMITS, commit_seconds=0.0, acknowledge_seconds=0.0)

    async def put_twice() -> int:
        async with running(path, health, limits) as spool:
            await spool.put(frames(1, 2))
            await spool.put(frames(3))
            await spool.flush()
            return spool.view().counters.received

    assert uvloop.run(put_twice()) == 3


@pytest.mark.asyncio
async def test_acknowledged_frames_are_kept_up_to_a_bound(
    path: Path, health: Health
) -> None:
    """The newest ones stay, also over a restart; the bound may be passed a little."""
    shown = []
    async with running(path, health, KEEP) as spool:
        for _ in range(10):
            await spool.put(frames(*[10_000] * 10))
            await spool.flush()
            await drain(spool)
            await saved(spool)
            shown.append(spool.view().retained_bytes)
        kept = await spool.recent(received_since_us=0, max_events=10**6)
    async with running(path, health, KEEP) as spool:
        await spool.wait_open()
        again = spool.view()

    assert shown[:3] == [100_000, 200_001, 300_002]
    assert all(290_000 <= size <= 400_000 for size in shown[3:])
    assert again.retained_bytes == sum(len(one.payload) for one in kept[:-1])
    assert again.retained_since_us == kept[0].received_us
    assert kept[-1].row == again.counters.last_row
    assert (again.counters.pending, again.state) == (0, SpoolState.ACCEPTING)


@pytest.mark.asyncio
async def test_kept_frames_make_room_before_the_spool_is_full(
    path: Path, health: Health
) -> None:
    """At 80 % they go first; nothing is reported and nobody has to wait."""
    limits = replace(KEEP, disk_bytes=MEBIBYTE, retain_bytes=900_000)
    async with running(path, health, limits) as spool:
        await spool.wait_open()
        for _ in range(20):
            await spool.put(frames(*[10_000] * 10))
            await spool.flush()
            await drain(spool)
        await saved(spool)
        settled = spool.view()
        await spool.put(frames(*[10_000] * 60))
        await spool.flush()
        await spool.put(frames(*[10_000] * 2))
        await spool.flush()
        loaded = spool.view()
        reasons = health.snapshot().reasons

    assert 600_000 < settled.retained_bytes < 0.8 * MEBIBYTE
    assert settled.bytes <= 0.82 * MEBIBYTE
    assert loaded.state is SpoolState.ACCEPTING
    assert loaded.retained_bytes < 300_000
    assert loaded.counters.pending == 62
    assert reasons == ()


@pytest.mark.asyncio
async def test_kept_frames_go_first_on_a_full_disk(
    path: Path, health: Health, until: Until, logged: list[str]
) -> None:
    """New frames get their room, without anything being forwarded meanwhile."""

    def open_small(path: Path) -> Store:
        store = Store.open(path)
        store._connection.execute("PRAGMA max_page_count = 60")
        return store

    async with running(path, health, KEEP, open_store=open_small) as spool:
        await spool.put(frames(*[20_000] * 8))
        await spool.flush()
        await drain(spool)
        await saved(spool)
        kept = spool.view().retained_bytes
        await spool.put(frames(*[20_000] * 5))
        await until("spool_unwritable")
        await until("spool_unwritable", there=False)
        await spool.flush()
        view = spool.view()

    assert kept == 160_000
    assert (view.counters.pending, view.retained_bytes) == (5, 0)


async def forwarded(spool: Spool, number: int) -> list[Arrival]:
    """Put so many frames of two events, one a second, and acknowledge them all."""
    arrivals = [
        Arrival(second * 1_000_000, Origin.SNAPSHOT, 2, b"%06d" % second, second)
        for second in range(1, number + 1)
    ]
    await spool.put(arrivals)
    await spool.flush()
    await drain(spool)
    await saved(spool)
    return arrivals


async def take_all(spool: Spool, number: int) -> list[Frame]:
    """Return the next so many frames, acknowledged."""
    found: list[Frame] = []
    while len(found) < number:
        lot = await spool.next_lot(max_events=10, max_bytes=MEBIBYTE)
        spool.acknowledge(lot, taken(lot))
        found += lot.frames
    return found


@pytest.mark.asyncio
async def test_a_replay_hands_the_kept_frames_out_again(
    path: Path, health: Health
) -> None:
    """Copies in the same order, counted as received; the last event stays what it was.

    1. forward 20 frames by second 101, and 30 at second 200; of those from `saved`
       two are between them, and one is pending in the end
    2. replay since second 150, when the last 32 frames were not acknowledged
    3. all counters have grown by these, nothing else has
    """
    limits = replace(KEEP, commit_bytes=30)
    now = [100.0]
    async with running(path, health, limits, clock=lambda: now[-1]) as spool:
        await forwarded(spool, 20)
        now.append(101.0)
        await saved(spool)
        now.append(200.0)
        sent = await forwarded(spool, 30)
        before = spool.view().counters
        replay = await spool.replay(150_000_000)
        _, _, _, *again = await take_all(spool, 33)
        now.append(202.0)
        counters = await saved(spool)
        later = await spool.replay(202_000_000)

    assert replay == Replay(60, 32, 150_000_000, 1_000_000)
    assert [one.payload for one in again] == [one.payload for one in sent]
    assert {one.origin for one in again} == {Origin.SNAPSHOT}
    assert [one.row for one in again] == list(range(56, 86))
    assert counters.received == before.received + 60
    assert counters.written == before.written + 60
    assert (counters.pending, counters.last_event_us) == (0, before.last_event_us)
    assert later == Replay(0, 0, 202_000_000, 1_000_000)


@pytest.mark.asyncio
async def test_live_frames_pass_a_replay(path: Path, health: Health) -> None:
    """What comes in meanwhile is not held up until the replay is done."""
    limits = replace(KEEP, commit_bytes=60)
    async with running(path, health, limits) as spool:
        await forwarded(spool, 100)
        await spool.replay(0)
        await spool.put(frames(7))
        await spool.flush()
        found = await take_all(spool, 101)
        place = [len(one.payload) for one in found].index(7)

    assert place < 50


@pytest.mark.asyncio
async def test_one_replay_at_a_time(path: Path, health: Health) -> None:
    """A second wish is refused until the first is done, and then granted."""
    limits = replace(KEEP, commit_bytes=6)
    async with running(path, health, limits) as spool:
        await forwarded(spool, 50)
        await spool.replay(0)
        with pytest.raises(ReplayRunning, match="frames are left"):
            await spool.replay(0)
        await take_all(spool, 51)
        again = await spool.replay(99_000_000)

    assert again.frames == 101


@pytest.mark.asyncio
async def test_a_replay_goes_on_after_a_kill(path: Path, health: Health) -> None:
    """Each frame is copied exactly once, wherever the process died.

    1. forward 40 frames and begin a replay that commits one frame at a time
    2. copy the files while it is going on, as a kill would leave them
    3. open the copy: together there is each frame once more, in order
    """
    limits = replace(KEEP, commit_bytes=6)
    copy = path.parent / "copy" / path.name
    copy.parent.mkdir()
    async with running(path, health, limits) as spool:
        await forwarded(spool, 40)
        await spool.replay(0)
        await take_all(spool, 10)
        for name in (path.name, f"{path.name}-wal"):
            shutil.copyfile(path.parent / name, copy.parent / name)
    async with running(copy, health, limits) as spool:
        await spool.wait_open()
        torn = spool.view().counters.last_row
        rest = await take_all(spool, 81 - spool.view().counters.cursor)
        counters = await saved(spool)

    assert 41 < torn < 81
    assert counters.last_row == 82
    assert rest[-1].row == 81
    assert [one.payload for one in rest[-30:]] == [
        b"%06d" % second for second in range(11, 41)
    ]


@pytest.mark.asyncio
async def test_frames_stay_until_a_replay_has_copied_them(
    path: Path, health: Health
) -> None:
    """A bound that was lowered does not take what a replay still needs."""
    async with running(path, health, KEEP) as spool:
        sent = await forwarded(spool, 40)
    lower = replace(KEEP, retain_bytes=50, prune_bytes=1, commit_bytes=6)
    async with running(path, health, lower) as spool:
        begun = await spool.replay(0)
        found = await take_all(spool, 41)
        await saved(spool)
        await take_all(spool, 1)
        await saved(spool)
        left = spool.view().retained_bytes

    assert begun.frames == 40
    assert [one.payload for one in found[1:]] == [one.payload for one in sent]
    assert left <= 60


@pytest.mark.asyncio
async def test_a_replay_gives_way_to_live_frames(
    path: Path, health: Health, logged: list[str]
) -> None:
    """Frames that have to make room before they are copied are left out, and told."""
    limits = replace(KEEP, disk_bytes=MEBIBYTE, commit_bytes=50_000)
    async with running(path, health, limits) as spool:
        await spool.put(frames(*[50_000] * 6))
        await spool.flush()
        await drain(spool)
        await saved(spool)
        replay = await spool.replay(0)
        await spool.put(frames(*[50_000] * 22))
        await spool.flush()
        full = spool.full
        while "replay.finished" not in logged:
            await drain(spool)
            await saved(spool)
        counters = spool.view().counters

    assert (replay.frames, full) == (6, True)
    assert 28 <= counters.received < 34
    assert "replay.cut" in logged


@pytest.mark.asyncio
async def test_a_file_that_is_no_database_is_put_aside(
    path: Path, health: Health, logged: list[str]
) -> None:
    """The service goes on by itself; nobody knows what is missing, so a gap is open."""
    path.write_bytes(b"garbage" * 1000)  # noqa: ASYNC240
    async with running(path, health) as spool:
        await spool.wait_open()
        await spool.put(frames(1))
        await spool.flush()
        view = spool.view()
        (gap,) = spool.open_gaps
        later = await spool.open_gap(cause="c", from_us=1, opened_us=2)
    (kept,) = path.parent.glob("spool.db.damaged-*")

    assert kept.read_bytes() == b"garbage" * 1000
    assert (view.counters.received, view.state) == (1, SpoolState.ACCEPTING)
    assert "SQLITE_NOTADB" in gap.cause
    assert later.id == gap.id + 1
    assert "spool.salvaged" in logged
    assert health.has("spool_damaged")
    assert not health.has("spool_unwritable")


def break_page_of(path: Path, row: int) -> None:
    """Overwrite the page that has this frame."""
    with PageFile.open(path, 4096) as pages:
        whole = [pages._page(number) for number in range(1, pages._last + 1)]
        (found,) = (
            at
            for at, page in enumerate(whole)
            if at and page[0] == 0x0D
            for record in pages._cells(page, 0)
            if record.row == row and len(record.columns) == 6
        )
    with path.open("r+b") as file:
        file.seek(found * 4096)
        file.write(b"\xa5" * 4096)


@pytest.mark.asyncio
async def test_a_page_that_breaks_is_salvaged_on_the_way(
    path: Path, health: Health, until: Until
) -> None:
    """What is lost is counted and becomes a gap, all else is handed out in order.

    1. eight frames are in the file, one of them forwarded, one on its way
    2. the page of the third breaks; reading it finds that
    3. the answer for the one on its way comes too late: it is handed out again
    4. the sums hold, and frames that came meanwhile are there
    """
    sent = [
        one._replace(payload=b"%d" % at * 3000)
        for at, one in enumerate(frames(*[1] * 8))
    ]
    async with running(path, health) as spool:
        await spool.put(sent)
        await spool.flush()
        lot = await spool.next_lot(max_events=1, max_bytes=1)
        spool.acknowledge(lot, taken(lot))
    await asyncio.to_thread(break_page_of, path, 3)
    async with running(path, health) as spool:
        await spool.put(frames(7))
        await spool.flush()
        late = await spool.next_lot(max_events=1, max_bytes=1)
        with pytest.raises(SpoolError, match="SQLITE_CORRUPT"):
            await spool.recent(received_since_us=0, max_events=99)
        await until("spool_damaged")
        spool.acknowledge(late, taken(late))
        again = await spool.next_lot(**ALL)
        spool.acknowledge(again, taken(again))
        counters = await saved(spool)
        (gap,) = spool.open_gaps

    assert [len(one.payload) for one in late.frames] == [3000]
    assert [len(one.payload) for one in again.frames] == [*[3000] * 6, 7]
    assert (counters.received, counters.written, counters.dead_lettered) == (9, 8, 1)
    assert counters.pending == 0
    assert "SQLITE_CORRUPT" in gap.cause
    assert spool.view().state is SpoolState.CLOSED


@pytest.mark.asyncio
async def test_frames_in_memory_outlive_the_file(
    path: Path, health: Health, until: Until
) -> None:
    """While the process lives, a broken file costs nothing that it still holds."""

    def break_it() -> None:
        with path.open("r+b") as file:
            file.write(b"\xa5" * path.stat().st_size)
        path.with_name(f"{path.name}-wal").write_bytes(b"")

    async with running(path, health) as spool:
        await spool.put(frames(*[5000] * 20))
        await spool.flush()
        await spool._file._call(spool._file._drop)
        await asyncio.to_thread(break_it)
        await spool.put(frames(9))
        await until("spool_damaged")
        await spool.flush()
        lot = await spool.next_lot(**ALL)
        counters = spool.view().counters
        gaps = spool.open_gaps

    assert [len(one.payload) for one in lot.frames] == [*[5000] * 20, 9]
    assert (counters.received, counters.dead_lettered, gaps) == (21, 0, ())
