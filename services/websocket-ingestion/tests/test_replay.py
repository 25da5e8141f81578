"""A replay covers what was not acknowledged at its time, whenever it was received."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from servicekit.health import Health
from servicekit.wire import Origin, Outcome
from websocket_ingestion.ledger import Arrival
from websocket_ingestion.limits import SpoolLimits
from websocket_ingestion.replay import Mark, Replay, begin
from websocket_ingestion.spool import Spool

SECOND = 1_000_000
KEEP = SpoolLimits(
    disk_bytes=2**26,
    retain_bytes=2**20,
    commit_seconds=0.001,
    acknowledge_seconds=0.001,
)
MARK = Mark(row=10, time_us=500, seen_us=600, received_us=300)


@dataclass
class Clock:
    """A clock that shows what a test wants, in seconds."""

    now: float = 10.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the spool is."""
    return tmp_path / "spool.db"


@pytest.fixture
def clock() -> Clock:
    """Return the clock of the spool."""
    return Clock()


@asynccontextmanager
async def running(
    path: Path, health: Health, clock: Clock, limits: SpoolLimits = KEEP
) -> AsyncIterator[Spool]:
    """Run a spool; close it in the end."""
    spool = Spool(path, health, limits, clock=clock)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(spool.run())
        await spool.wait_open()
        yield spool
        await spool.close()


async def receive(spool: Spool, clock: Clock, now: float, *names: bytes) -> None:
    """Store frames of one event each at a time."""
    clock.now = now
    received_us = int(now * SECOND)
    await spool.put(Arrival(received_us, Origin.LIVE, 1, name, 1) for name in names)
    await spool.flush()


async def forward(spool: Spool, clock: Clock, now: float, number: int) -> list[bytes]:
    """Acknowledge so many frames at a time; durable on return."""
    clock.now = now
    names: list[bytes] = []
    while len(names) < number:
        most = number - len(names)
        lot = await spool.next_lot(max_events=most, max_bytes=10**6)
        spool.acknowledge(lot, Outcome(lot.events, 0, 0, 0))
        names += [frame.payload for frame in lot.frames]
    # What waits is committed before the note.
    await spool.note_end("")
    return names


async def again(spool: Spool, clock: Clock, since: float) -> list[bytes]:
    """Return the frames that a replay hands out once more, all acknowledged."""
    replay = await spool.replay(int(since * SECOND))
    assert replay.missing_from_us is None
    return await forward(spool, clock, clock.now, replay.frames)


@pytest.mark.parametrize(
    ("mark", "kept_row", "kept_us", "expected"),
    [
        pytest.param(MARK, 1, 100, (11, None), id="more-than-enough-is-kept"),
        pytest.param(MARK, 11, 400, (11, None), id="just-enough-is-kept"),
        pytest.param(MARK, 11, None, (11, None), id="nothing-is-needed"),
        pytest.param(MARK, 12, 400, (12, 300), id="one-frame-is-missing"),
        pytest.param(MARK, 12, None, (12, 300), id="all-frames-are-missing"),
        pytest.param(MARK, 12, 200, (12, 200), id="clock-set-back-since"),
        pytest.param(None, 5, 550, (5, None), id="unknown-and-kept"),
        pytest.param(None, 5, 551, (5, 550), id="unknown-and-not-kept"),
        pytest.param(None, 5, None, (5, 550), id="unknown-and-nothing-kept"),
    ],
)
def test_a_replay_begins_behind_its_mark(
    mark: Mark | None,
    kept_row: int,
    kept_us: int | None,
    expected: tuple[int, int | None],
) -> None:
    """What is missing begins with the first missing frame, or before it."""
    assert begin(550, mark, kept_row=kept_row, kept_us=kept_us) == expected


@pytest.mark.asyncio
async def test_the_acknowledgement_counts_not_the_receipt(
    path: Path, health: Health, clock: Clock
) -> None:
    """Received just before the time and acknowledged just after it is handed on.

    1. receive and acknowledge two frames: they were in the backup of second 20
    2. receive two more just before second 20, acknowledge them after it
    3. replay since second 20: the later two; since 10: all four, and their copies
    """
    async with running(path, health, clock) as spool:
        await receive(spool, clock, 10.0, b"a", b"b")
        await forward(spool, clock, 15.0, 2)
        await receive(spool, clock, 19.985, b"c", b"d")
        await forward(spool, clock, 22.0, 2)
        clock.now = 30.0
        first = await again(spool, clock, 20.0)
        everything = await again(spool, clock, 10.0)

    assert first == [b"c", b"d"]
    assert everything == [b"a", b"b", b"c", b"d", b"c", b"d"]


@pytest.mark.asyncio
async def test_a_backup_of_an_outage_lacks_all_that_waited(
    path: Path, health: Health, clock: Clock
) -> None:
    """However long before it the backlog was received; a restart changes nothing."""
    names = [b"%d" % number for number in range(40)]
    async with running(path, health, clock) as spool:
        await receive(spool, clock, 10.0, b"x", b"y")
        await forward(spool, clock, 11.5, 2)
        for number, name in enumerate(names):
            await receive(spool, clock, 60.0 * (number + 1), name)
    async with running(path, health, clock) as spool:
        await forward(spool, clock, 5000.0, 40)
        found = await again(spool, clock, 2500.0)

    assert found == names


@pytest.mark.asyncio
async def test_a_clock_that_is_set_back_replays_more(
    path: Path, health: Health, clock: Clock
) -> None:
    """A time that was shown twice means the first moment, from which more is lacking.

    1. acknowledge one frame at second 100, one at 110
    2. set the clock back to 50, acknowledge one; one more at second 105
    3. one at second 200
    4. replay since 105: all behind the first, also after a restart
    5. replay since 150: all that there were no marks for, and what follows
    """
    async with running(path, health, clock) as spool:
        for now, name in [(100.0, b"a"), (110.0, b"b"), (50.0, b"c"), (105.0, b"d")]:
            await receive(spool, clock, now, name)
            await forward(spool, clock, now + 1.5, 1)
    async with running(path, health, clock) as spool:
        await receive(spool, clock, 200.0, b"e")
        await forward(spool, clock, 201.5, 1)
        found = await again(spool, clock, 105.0)
        later = await again(spool, clock, 150.0)

    assert found == [b"b", b"c", b"d", b"e"]
    assert later[:3] == [b"c", b"d", b"e"]


@pytest.mark.asyncio
async def test_what_is_missing_begins_before_the_time(
    path: Path, health: Health, clock: Clock
) -> None:
    """At the receipt of the first frame that is needed and gone, or a little earlier.

    1. a frame is acknowledged, one waits from second 20 on
    2. a backup is begun at second 50; the frame is acknowledged at second 60
    3. many are received and acknowledged, only the last few of them are kept
    """
    limits = SpoolLimits(
        disk_bytes=2**26,
        retain_bytes=30,
        prune_bytes=1,
        commit_seconds=0.001,
        acknowledge_seconds=0.001,
    )
    async with running(path, health, clock, limits) as spool:
        await receive(spool, clock, 10.0, b"%010d" % 0)
        await forward(spool, clock, 12.0, 1)
        await receive(spool, clock, 20.0, b"%010d" % 1)
        await forward(spool, clock, 60.0, 1)
        for number in range(2, 12):
            await receive(spool, clock, 60.0 + 10 * number, b"%010d" % number)
            await forward(spool, clock, 65.0 + 10 * number, 1)
        replay = await spool.replay(50 * SECOND)

    assert replay.missing_from_us is not None
    assert 10 * SECOND <= replay.missing_from_us <= 20 * SECOND
    assert replay.frames <= 4
    assert replay.retained_since_us == (60 + 10 * (12 - replay.frames)) * SECOND


@pytest.mark.asyncio
async def test_without_marks_all_that_is_kept_is_handed_on(
    path: Path, health: Health, clock: Clock
) -> None:
    """Nobody knows what was acknowledged when, as in a file of an older version."""
    async with running(path, health, clock) as spool:
        for now, name in [(10.0, b"a"), (20.0, b"b"), (30.0, b"c")]:
            await receive(spool, clock, now, name)
            await forward(spool, clock, now + 1.5, 1)
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("DELETE FROM marks")
    async with running(path, health, clock) as spool:
        await receive(spool, clock, 40.0, b"d")
        await forward(spool, clock, 41.5, 1)
        replay = await spool.replay(25 * SECOND)

    assert replay == Replay(4, 4, 25 * SECOND, 10 * SECOND, None)


@pytest.mark.asyncio
@pytest.mark.parametrize("gone", [("marks",), ("marks", "ledger")], ids=" and ".join)
async def test_after_damage_all_that_is_kept_is_handed_on(
    path: Path, health: Health, clock: Clock, gone: Sequence[str]
) -> None:
    """A spool without its marks is salvaged, and goes on with new ones."""
    async with running(path, health, clock) as spool:
        for now, name in [(10.0, b"a"), (20.0, b"b"), (30.0, b"c")]:
            await receive(spool, clock, now, name)
            await forward(spool, clock, now + 1.5, 1)
        await receive(spool, clock, 35.0, b"d")
    with closing(sqlite3.connect(path)) as raw, raw:
        for table in gone:
            raw.execute(f"DROP TABLE {table}")
    async with running(path, health, clock) as spool:
        await forward(spool, clock, 41.5, spool.view().counters.pending)
        found = await again(spool, clock, 25.0)
        await receive(spool, clock, 50.0, b"e")
        await forward(spool, clock, 52.0, 1)
        await receive(spool, clock, 60.0, b"f")
        await forward(spool, clock, 62.0, 1)
        later = await again(spool, clock, 55.0)

    assert health.has("spool_damaged")
    assert found == [b"a", b"b", b"c", b"d"]
    assert later == [b"f"]
