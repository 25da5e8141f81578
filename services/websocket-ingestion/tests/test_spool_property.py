"""The spool against a model: the account is right, whatever happens in which order."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from servicekit.health import Health
from servicekit.wire import Frame, Origin, Outcome
from websocket_ingestion.ledger import Arrival
from websocket_ingestion.replay import Replay
from websocket_ingestion.spool import Spool, SpoolLimits

STEPS = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 6)),
    st.tuples(st.just("acknowledge"), st.integers(1, 8)),
    st.tuples(st.just("acknowledge"), st.just(1000)),
    st.tuples(st.just("save"), st.just(0)),
    st.tuples(st.just("replay"), st.integers(0, 40)),
    st.tuples(st.just("kill"), st.just(0)),
    st.tuples(st.just("restart"), st.just(0)),
)
LIMITS = st.builds(
    SpoolLimits,
    disk_bytes=st.just(2**24),
    retain_bytes=st.sampled_from([0, 40, 4000]),
    prune_bytes=st.sampled_from([1, 20]),
    commit_bytes=st.sampled_from([1, 40, 10**6]),
    memory_bytes=st.sampled_from([0, 30, 10**6]),
    commit_seconds=st.just(0.0001),
    acknowledge_seconds=st.just(0.0001),
)


BEGIN = [("append", 6), ("append", 6), ("acknowledge", 1000), ("save", 0)]
"""So that there is something to replay from the first step on."""


@dataclass
class Model:
    """What was put, and what came out since; frames are told apart by payload."""

    put: list[bytes] = field(default_factory=list)
    out: list[bytes] = field(default_factory=list)
    replays: list[Replay] = field(default_factory=list)


@asynccontextmanager
async def opened(path: Path, limits: SpoolLimits) -> AsyncIterator[Spool]:
    """Run a spool until the end of the block."""
    spool = Spool(path, Health("test", "0"), limits, clock=lambda: 1000.0)
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
        model.out += [frame.payload for frame in lot.frames]
        spool.acknowledge(lot, Outcome(lot.events, 0, 0, 0))
        most -= len(lot.frames)


def rows(frames: list[Frame]) -> list[int]:
    """Return the rows."""
    return [frame.row for frame in frames]


async def settle(spool: Spool) -> None:
    """Return once everything that was acknowledged or begun is in the file."""
    for _ in range(20_000):
        if not spool._has_work() and spool._position == spool._counters.cursor:
            return
        assert spool._failure is None
        spool._wake.set()
        await asyncio.sleep(0)
    raise AssertionError("the spool does not come to rest")


async def step(spool: Spool, model: Model, name: str, number: int) -> None:
    """Do one step that needs no restart."""
    match name:
        case "append":
            for _ in range(number):
                second = len(model.put)
                model.put.append(b"%09d" % second)
                await spool.put([Arrival(second, Origin.LIVE, 1, model.put[-1], 1)])
            await spool.flush()
        case "acknowledge":
            await acknowledge(spool, model, number)
        case "replay":
            await settle(spool)
            model.replays.append(await spool.replay(number))
        case _:
            await settle(spool)
    check(spool)


@pytest.mark.timeout(180)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
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
        async with opened(path, limits) as spool:
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
    while spool._replay is not None or spool.view().counters.pending:
        await settle(spool)
        await acknowledge(spool, model, 1000)
    await settle(spool)
    check(spool)
    counters = spool.view().counters
    firsts = list(dict.fromkeys(model.out))

    assert firsts == model.put
    assert counters.pending == counters.frames == 0
    assert counters.received == counters.written
    assert counters.received == len(model.put) + sum(
        replay.events for replay in model.replays
    )
