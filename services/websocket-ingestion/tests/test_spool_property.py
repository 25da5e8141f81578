"""The spool against a model: the account is right, whatever happens in which order."""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from servicekit.health import Health
from servicekit.wire import Frame, Origin, Outcome
from websocket_ingestion.ledger import Arrival
from websocket_ingestion.limits import SpoolLimits
from websocket_ingestion.replay import Replay
from websocket_ingestion.spool import Spool

STEPS = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 6)),
    st.tuples(st.just("acknowledge"), st.integers(1, 8)),
    st.tuples(st.just("acknowledge"), st.just(1000)),
    st.tuples(st.just("save"), st.just(0)),
    st.tuples(st.just("replay"), st.integers(0, 12)),
    st.tuples(st.just("wait"), st.integers(1, 9)),
    st.tuples(st.just("set back"), st.integers(1, 9)),
    st.tuples(st.just("kill"), st.just(0)),
    st.tuples(st.just("restart"), st.just(0)),
)
LIMITS = st.builds(
    SpoolLimits,
    disk_bytes=st.just(2**24),
    retain_bytes=st.sampled_from([0, 40, 4000]),
    prune_bytes=st.sampled_from([1, 20]),
    commit_bytes=st.sampled_from([1, 40, 10**6]),
    join_frames=st.sampled_from([2, 1000]),
    memory_bytes=st.sampled_from([0, 30, 10**6]),
    commit_seconds=st.just(0.0001),
    acknowledge_seconds=st.just(0.0001),
)


SECOND = 1_000_000
BEGIN = [("append", 6), ("append", 6), ("acknowledge", 1000), ("save", 0)]
"""So that there is something to replay from the first step on."""


@dataclass
class Model:
    """What was put, and what came out since; frames are told apart by payload.

    `now` is what the clock shows, in seconds. `shown` are the stretches of time that it
    has shown, each with the number of acknowledgements in the end of it: these are in
    `acknowledged`. `lacking` is what must come out again, behind what came by then.
    """

    put: list[bytes] = field(default_factory=list)
    out: list[bytes] = field(default_factory=list)
    replays: list[Replay] = field(default_factory=list)
    now: int = 1
    shown: list[tuple[int, int, int]] = field(default_factory=list)
    acknowledged: list[Frame] = field(default_factory=list)
    lacking: list[tuple[int, bytes]] = field(default_factory=list)
    set_back: bool = False

    def set_clock(self, now: int) -> None:
        """Let the clock run to a later time, or set it back."""
        end = max(self.now, now - 1)
        self.shown.append((self.now, end, len(self.acknowledged)))
        self.set_back |= now < self.now
        self.now = now

    def needed(self, since: int) -> list[Frame]:
        """Return what was acknowledged after the clock first showed this time."""
        for first, last, number in self.shown:
            if first <= since <= last:
                return self.acknowledged[number:]
        return self.acknowledged if since < self.now else []


@asynccontextmanager
async def opened(path: Path, limits: SpoolLimits, model: Model) -> AsyncIterator[Spool]:
    """Run a spool until the end of the block."""
    spool = Spool(path, Health("test", "0"), limits, clock=lambda: model.now)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(spool.run())
        await spool.wait_open()
        yield spool
        await spool.close()


def check(spool: Spool) -> None:
    """Check what has to hold at any moment."""
    counters = spool.view().counters
    assert counters.received == counters.forwarded + counters.pending
    assert counters.forwarded == counters.written
    assert counters.cursor <= spool._position <= counters.last_row
    assert counters.pruned_bytes <= counters.forwarded_bytes <= counters.received_bytes


async def acknowledge(spool: Spool, model: Model, most: int) -> None:
    """Forward up to so many frames."""
    while most > 0 and spool.view().counters.last_row > spool._position:
        lot = await spool.next_lot(max_events=min(most, 3), max_bytes=10**6)
        assert rows(lot.frames) == list(range(spool._position + 1, lot.last_row + 1))
        singles = [single for frame in lot.frames for single in apart(frame)]
        model.out += [single.payload for single in singles]
        model.acknowledged += singles
        spool.acknowledge(lot, Outcome(lot.events, 0, 0, 0))
        most -= len(lot.frames)


def apart(frame: Frame) -> list[Frame]:
    """Return the frames that share a row, as they were put; all keep its number."""
    return [
        msgspec.structs.replace(frame, events=1, payload=b"{" + text + b"}")
        for text in re.findall(rb"{(\d+)}", frame.payload)
    ]


def rows(frames: list[Frame]) -> list[int]:
    """Return the rows."""
    return [frame.row for frame in frames]


async def settle(spool: Spool) -> None:
    """Return once everything that was acknowledged or begun is in the file."""
    async with asyncio.timeout(20):
        while spool._has_work() or spool._position != spool._counters.cursor:
            assert spool._failure is None
            spool._wake.set()
            await asyncio.sleep(0)


async def put(spool: Spool, model: Model) -> None:
    """Put one frame more."""
    model.put.append(b"{%09d}" % len(model.put))
    received_us = model.now * SECOND
    await spool.put([Arrival(received_us, Origin.LIVE, 1, model.put[-1], 1)])


async def see_clock(spool: Spool, model: Model) -> None:
    """Commit something: only then the spool knows what the clock has shown."""
    await settle(spool)
    await put(spool, model)
    await spool.flush()
    await settle(spool)


async def replay(spool: Spool, model: Model, since: int) -> None:
    """Begin a replay: it covers all that was acknowledged since, or tells of it."""
    if spool._copying.rows_left:
        return
    kept_row = spool._counters.cursor - spool._prunable + 1
    begun = await spool.replay(since * SECOND)
    for frame in model.needed(since):
        if frame.row >= kept_row:
            model.lacking.append((len(model.out), frame.payload))
        elif not model.set_back:
            assert begun.missing_from_us is not None
            assert begun.missing_from_us <= frame.received_us
    model.replays.append(begun)


async def step(spool: Spool, model: Model, name: str, number: int) -> None:
    """Do one step that needs no restart, in a second of its own."""
    model.set_clock(model.now + 1)
    match name:
        case "append":
            for _ in range(number):
                await put(spool, model)
            await spool.flush()
        case "acknowledge":
            await acknowledge(spool, model, number)
        case "replay":
            await settle(spool)
            await replay(spool, model, min(number, model.now))
        case "wait":
            model.set_clock(model.now + number)
        case "set back":
            await see_clock(spool, model)
            model.set_clock(max(1, model.now - number))
        case _:
            await settle(spool)
    check(spool)


@pytest.mark.timeout(180)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=20), LIMITS)
def test_no_row_is_lost_or_reordered(
    steps: list[tuple[str, int]], limits: SpoolLimits
) -> None:
    """Append, acknowledge, prune, kill, restart, replay: nothing is missing.

    A kill leaves the files as they are at that moment. In the end all is forwarded:
    each frame came out at least once, first copies in the order in which they were
    put, and the counters say the same.
    """
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder), steps, limits))


async def play(folder: Path, steps: list[tuple[str, int]], limits: SpoolLimits) -> None:
    """Play the steps, with a new folder for each life of the service."""
    model = Model()
    todo = [*BEGIN, *steps, ("end", 0)]
    life = 0
    while todo:
        path = folder / f"{life}" / "spool.db"
        async with opened(path, limits, model) as spool:
            check(spool)
            while todo:
                name, number = todo.pop(0)
                if name in {"kill", "restart"}:
                    break
                await step(spool, model, name, number)
            else:
                await finish(spool, model)
            if name == "kill":
                shutil.copytree(path.parent, folder / f"{life + 1}")
        if name == "restart":
            shutil.copytree(path.parent, folder / f"{life + 1}")
        life += 1


async def finish(spool: Spool, model: Model) -> None:
    """Forward all that is left and compare."""
    while spool._copying.rows_left or spool.view().counters.pending:
        await settle(spool)
        await acknowledge(spool, model, 1000)
    await settle(spool)
    check(spool)
    counters = spool.view().counters
    firsts = list(dict.fromkeys(model.out))

    assert firsts == model.put
    assert all(payload in model.out[number:] for number, payload in model.lacking)
    assert counters.pending == counters.frames == 0
    assert counters.received == counters.written
    assert counters.received == len(model.put) + sum(
        replay.events for replay in model.replays
    )
