"""Gaps are written down, filled from history and closed, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from servicekit.health import Health
from servicekit.wire import Frame, Origin, Outcome
from websocket_ingestion.backfill import (
    ENDED_WITHOUT_WARNING,
    FIRST_START,
    Backfill,
    Patience,
)
from websocket_ingestion.conversation import Conversation
from websocket_ingestion.errors import ConversationOver, SpoolError
from websocket_ingestion.gaps import Gap
from websocket_ingestion.history import SECOND_US
from websocket_ingestion.ledger import Arrival
from websocket_ingestion.limits import SpoolLimits
from websocket_ingestion.session import Answer, Described, Phase, Session
from websocket_ingestion.spool import Spool
from websocket_ingestion.times import isoformat, time_us

T0 = 1_795_445_276_000_000
NOW = T0 / 1e6 + 100
Key = tuple[str, int]


def event(entity_id: str, updated_us: int) -> dict[str, Any]:
    """Return an event message."""
    stamp = isoformat(updated_us)
    state = {"entity_id": entity_id, "state": "1", "last_updated": stamp}
    data = {"entity_id": entity_id, "new_state": state}
    head = {"event_type": "state_changed", "data": data, "time_fired": stamp}
    return {"type": "event", "event": head, "id": 2}


def live(*changes: Key) -> Arrival:
    """Return a frame of events on its way into the spool."""
    payload = json.dumps([event(*change) for change in changes]).encode()
    names = tuple({name for name, _ in changes})
    return Arrival(
        int(NOW * 1e6), Origin.LIVE, len(changes), payload, changes[-1][1], names
    )


@dataclass
class Home:
    """Answers questions as Home Assistant does, from what its recorder has committed.

    `commit_after` counts the questions before the recorder commits.
    """

    committed: list[Key] = field(default_factory=list)
    pending: list[Key] = field(default_factory=list)
    commit_after: int = 0
    history: bool = True
    running: bool = True
    hidden: frozenset[str] = frozenset()
    refused: list[str] = field(default_factory=list)
    breaks_after: int | None = None
    comes_back: tuple[int, frozenset[str]] = (0, frozenset())
    asked: list[dict[str, Any]] = field(default_factory=list)
    conversation: Conversation | None = None
    protocol: Session = field(default_factory=lambda: Session("t"))

    def subscribe(self, *, cause: str = "") -> Conversation:
        """Begin a conversation; the snapshot is up to the test."""
        self.protocol = Session("t")
        for message in (
            {"type": "auth_required"},
            {"type": "auth_ok"},
            {"id": 2, "type": "result", "success": True},
        ):
            self.protocol.receive(json.dumps(message).encode())
        self.protocol.data_to_send()
        assert self.protocol.phase is Phase.STREAMING
        self.conversation = Conversation(self.protocol, self.answer, cause=cause)
        return self.conversation

    async def answer(self) -> None:
        """Answer everything that was said."""
        conversation = self.conversation
        assert conversation is not None
        for text in self.protocol.data_to_send():
            said = json.loads(text)
            if self.breaks_after is not None and len(self.asked) >= self.breaks_after:
                conversation.end()
                return
            reply = {"id": said["id"], "type": "result", **self._reply(said)}
            for note in self.protocol.receive(json.dumps(reply).encode()):
                if isinstance(note, Answer):
                    conversation.take_answer(note)
                elif isinstance(note, Described):
                    conversation.take_description(note)

    def _reply(self, said: dict[str, Any]) -> dict[str, Any]:
        if said["type"] == "get_config":
            state = "RUNNING" if self.running else "STARTING"
            components = ["history"] if self.history else []
            if self.running and self.conversation is not None:
                self.conversation.take_live(*self.comes_back)
            self.running, self.history = True, self.history or not self.running
            return {
                "success": True,
                "result": {"state": state, "components": components},
            }
        self.asked.append(said)
        if self.refused:
            return {"success": False, "error": {"code": self.refused.pop(0)}}
        if any(not name.islower() for name in said["entity_ids"]):
            return {"success": False, "error": {"code": "invalid_entity_ids"}}
        if len(self.asked) > self.commit_after:
            self.committed += self.pending
            self.pending = []
        start = time_us(said["start_time"])
        end = time_us(said["end_time"]) if "end_time" in said else 2**62
        rows: dict[str, list[dict[str, Any]]] = {}
        for name, us in sorted(self.committed, key=lambda one: one[1]):
            if (
                name in said["entity_ids"]
                and start < us < end
                and name not in self.hidden
            ):
                rows.setdefault(name, []).append({"s": "1", "a": {}, "lu": us / 1e6})
        return {"success": True, "result": rows}


class WatchedSpool(Spool):
    """A spool on whose changes a test can wait."""

    changed: asyncio.Event

    async def save_gap(self, gap: Gap) -> None:
        """Save the gap and wake who waits."""
        await super().save_gap(gap)
        self.changed.set()

    async def forget_entities(self, ids: Iterable[str]) -> None:
        """Forget them and wake who waits."""
        await super().forget_entities(ids)
        self.changed.set()

    async def until(self, ready: Callable[[], bool]) -> None:
        """Wait for a change after which something holds."""
        while not ready():
            self.changed.clear()
            await self.changed.wait()


@dataclass
class Bench:
    """A spool and the backfill on it."""

    spool: WatchedSpool
    backfill: Backfill

    async def closed(self, count: int = 1) -> list[Gap]:
        """Wait until so many gaps are closed; return all, the newest first."""
        await self.spool.until(lambda: self.spool.view().gaps.closed >= count)
        return await self.spool.gaps(100)

    async def received(self, *changes: Key) -> None:
        """Store live events."""
        await self.spool.put([live(*changes)])
        await self.spool.flush()

    async def backfilled(self) -> list[Key]:
        """Return the keys of all rows that came from history."""
        await self.spool.flush()
        frames: list[Frame] = []
        while self.spool.waiting_events:
            lot = await self.spool.next_lot(max_events=10**6, max_bytes=10**9)
            self.spool.acknowledge(lot, Outcome(lot.events, 0, 0, 0))
            frames += lot.frames
        return [
            (state["entity_id"], time_us(state["last_updated"]))
            for frame in frames
            if frame.origin is Origin.BACKFILL
            for state in json.loads(frame.payload)
        ]


@asynccontextmanager
async def running(
    path: Path, health: Health, patience: Patience
) -> AsyncIterator[Bench]:
    """Run a spool and a backfill; end both."""
    limits = SpoolLimits(
        disk_bytes=2**30, commit_seconds=0.001, acknowledge_seconds=0.001
    )
    spool = WatchedSpool(path / "spool.db", health, limits)
    spool.changed = asyncio.Event()
    backfill = Backfill(spool, patience, clock=lambda: NOW)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(spool.run())
        closing = tasks.create_task(backfill.run())
        await spool.wait_open()
        yield Bench(spool, backfill)
        closing.cancel()
        await spool.close()


PATIENCE = Patience(settle=0.02, look=0.001, retry=0.001, most=0.05)
ENDLESS = Patience(settle=0.001, look=0.001, retry=0.001, most=3600.0)


@pytest_asyncio.fixture
async def bench(tmp_path: Path, health: Health) -> AsyncIterator[Bench]:
    """Return a running bench."""
    async with running(tmp_path, health, PATIENCE) as one:
        yield one


def times(*changes: Key) -> dict[str, int]:
    """Return a snapshot in which these are the newest changes."""
    return dict(changes)


@pytest.mark.asyncio
async def test_missed_changes_come_from_history(bench: Bench) -> None:
    """All that the snapshot does not hold, once, and the gap says how many."""
    missed = [("sensor.a", T0 + n * SECOND_US) for n in range(1, 6)]
    home = Home(committed=[("sensor.a", T0), *missed])
    await bench.received(("sensor.a", T0))
    await bench.backfill.opened(talk := home.subscribe(cause="cut"))
    talk.take_snapshot(times(missed[-1]))

    (gap,) = await bench.closed()

    assert await bench.backfilled() == missed[:-1]
    assert (gap.cause, gap.from_us, gap.until_us) == (
        ENDED_WITHOUT_WARNING,
        T0,
        missed[-1][1],
    )
    assert (gap.entities, gap.expected, gap.recovered, gap.unrecoverable) == (
        1,
        5,
        5,
        0,
    )
    assert gap.closed_us == int(NOW * 1e6)


@pytest.mark.asyncio
@pytest.mark.parametrize("commit_after", [0, 1, 3, 10, 40])
async def test_rows_that_are_not_committed_yet_are_waited_for(
    tmp_path: Path, health: Health, commit_after: int
) -> None:
    """However late the recorder is: asking too early would lose them."""
    missed = [("sensor.a", T0 + 1), ("sensor.b", T0 + 2), ("sensor.a", T0 + 3)]
    home = Home(pending=missed, commit_after=commit_after)
    async with running(tmp_path, health, ENDLESS) as bench:
        await bench.received(("sensor.a", T0))
        await bench.backfill.opened(talk := home.subscribe())
        talk.take_snapshot(times(missed[1], missed[2]))

        (gap,) = await bench.closed()
        rows = await bench.backfilled()

    assert rows == missed[:1]
    assert (gap.recovered, gap.unrecoverable) == (3, 0)


@pytest.mark.asyncio
@pytest.mark.parametrize("later", [("sensor.b", T0 + 9), ("sensor.live", T0 + 9)])
async def test_recorder_that_has_gone_on_is_not_waited_for(
    tmp_path: Path, health: Health, later: Key
) -> None:
    """It shows something later: what it does not show, it does not record."""
    home = Home(committed=[later], hidden=frozenset({"sensor.a"}))
    async with running(tmp_path, health, ENDLESS) as bench:
        await bench.received(("sensor.a", T0))
        await bench.backfill.opened(talk := home.subscribe())
        talk.take_live(T0 + 9, frozenset({"sensor.live"}))
        snapshot = [later] if later[0] == "sensor.b" else []
        talk.take_snapshot(times(("sensor.a", T0 + 2), *snapshot))

        (gap,) = await bench.closed()

    assert (gap.reasons, gap.examples) == ({"not_recorded": 1}, ("sensor.a",))
    # In a storm the answer to "everything since then" would be too large.
    assert all("end_time" in said for said in home.asked)


@pytest.mark.asyncio
async def test_gap_is_durable_before_anything_of_the_connection(
    tmp_path: Path, health: Health
) -> None:
    """A kill right after the subscription leaves it open, with the right start."""
    async with running(tmp_path, health, PATIENCE) as bench:
        await bench.received(("sensor.a", T0))
        await bench.backfill.opened(Home().subscribe())
        await bench.received(("sensor.a", T0 + 50))
    async with running(tmp_path, health, PATIENCE) as bench:
        (gap,) = bench.spool.open_gaps

    assert gap.from_us == T0


@pytest.mark.asyncio
async def test_gap_that_was_left_open_is_closed_by_the_next_connection(
    bench: Bench,
) -> None:
    """The connection breaks in the middle of the answers."""
    first = [("sensor.a", T0 + n) for n in (1, 2)]
    between = ("sensor.a", T0 + 10 * SECOND_US)
    second = [("sensor.a", between[1] + n) for n in (1, 2)]
    home = Home(committed=[*first, between, *second], breaks_after=0)
    await bench.received(("sensor.a", T0))
    await bench.backfill.opened(talk := home.subscribe())
    talk.take_snapshot(times(first[-1]))
    with pytest.raises(ConversationOver):
        await talk.pause(5)
    await bench.received(between)
    home.breaks_after = None
    await bench.backfill.opened(talk := home.subscribe(cause="cut again"))
    talk.take_snapshot(times(second[-1]))

    new, old = await bench.closed(2)

    assert {*first, second[0]} <= set(await bench.backfilled())
    assert between not in await bench.backfilled()
    assert (old.cause, new.cause) == (ENDED_WITHOUT_WARNING, "cut again")
    assert new.recovered == 2


@pytest.mark.asyncio
async def test_nothing_of_a_closed_gap_is_kept_in_memory(bench: Bench) -> None:
    """After a storm what a gap is closed with is large."""
    home = Home(committed=[("sensor.a", T0 + 1), ("sensor.a", T0 + 2)])
    await bench.received(("sensor.a", T0))
    await bench.backfill.opened(talk := home.subscribe())
    talk.take_snapshot(times(("sensor.a", T0 + 2)))
    await bench.closed()
    conversation = weakref.ref(talk)

    del talk, home
    gc.collect()

    assert conversation() is None


@pytest.mark.asyncio
async def test_removed_entity_is_found_by_its_name(bench: Bench) -> None:
    """It is not in the snapshot, but it was known; afterwards it is forgotten."""
    home = Home(committed=[("sensor.gone", T0 + 5)])
    await bench.received(("sensor.gone", T0), ("sensor.a", T0 + 1))
    await bench.backfill.opened(talk := home.subscribe())
    talk.take_snapshot(times(("sensor.a", T0 + 1)))

    (gap,) = await bench.closed()

    assert await bench.backfilled() == [("sensor.gone", T0 + 5)]
    assert (gap.expected, gap.recovered) == (1, 1)
    await bench.spool.until(lambda: "sensor.gone" not in bench.spool.entities)
    assert set(bench.spool.entities) == {"sensor.a"}


@pytest.mark.asyncio
async def test_entities_that_come_back_live_are_not_counted_twice(bench: Bench) -> None:
    """After a restart of Home Assistant the snapshot is empty, and all come live."""
    home = Home(committed=[("sensor.a", T0 + 5), ("sensor.a", T0 + 900)])
    await bench.received(("sensor.a", T0))
    await bench.backfill.opened(talk := home.subscribe())
    talk.take_live(T0 + 900, frozenset({"sensor.a"}))
    talk.take_snapshot({})

    (gap,) = await bench.closed()

    assert await bench.backfilled() == [("sensor.a", T0 + 5)]
    assert gap.recovered == 1
    assert set(bench.spool.entities) == {"sensor.a"}


@pytest.mark.asyncio
async def test_entity_that_was_born_before_a_restart_is_found(bench: Bench) -> None:
    """Nobody knows of it: it is in no frame, and the snapshot is empty."""
    home = Home(committed=[("sensor.a", T0 + 1), ("sensor.new", T0 + 2)], running=False)
    await bench.received(("sensor.a", T0))
    await bench.backfill.opened(talk := home.subscribe())
    talk.take_snapshot({})
    home.comes_back = (T0 + 900, frozenset({"sensor.a", "sensor.new"}))

    (gap,) = await bench.closed()

    assert ("sensor.new", T0 + 2) in await bench.backfilled()
    assert (gap.expected, gap.entities, gap.until_us) == (2, 2, T0 + 2)


@pytest.mark.asyncio
async def test_history_that_is_not_loaded_yet_is_waited_for(bench: Bench) -> None:
    """While Home Assistant starts the command is unknown."""
    home = Home(
        committed=[("sensor.a", T0 + 1), ("sensor.a", T0 + 2)],
        history=False,
        running=False,
        refused=["unknown_command", "unknown_error"],
    )
    await bench.received(("sensor.a", T0))
    await bench.backfill.opened(talk := home.subscribe())
    talk.take_snapshot(times(("sensor.a", T0 + 2)))

    (gap,) = await bench.closed()

    assert await bench.backfilled() == [("sensor.a", T0 + 1)]
    assert gap.unrecoverable == 0


@pytest.mark.asyncio
async def test_home_assistant_without_history_is_named(bench: Bench) -> None:
    """The gap is closed with the reason: nobody can fill it."""
    home = Home(history=False)
    await bench.received(("sensor.a", T0))
    await bench.backfill.opened(talk := home.subscribe())
    talk.take_snapshot(times(("sensor.a", T0 + 2)))

    (gap,) = await bench.closed()

    assert home.asked == []
    assert gap.reasons == {"history_not_loaded": 1}


@pytest.mark.asyncio
async def test_entity_that_is_not_recorded_is_named(bench: Bench) -> None:
    """It is asked for again, in case the recorder was slow, and given up at last."""
    home = Home(committed=[("sensor.a", T0 + 2)], hidden=frozenset({"sensor.b"}))
    await bench.received(("sensor.a", T0))
    await bench.backfill.opened(talk := home.subscribe())
    talk.take_snapshot(times(("sensor.a", T0 + 2), ("sensor.b", T0 + 3)))

    (gap,) = await bench.closed()

    assert home.asked[-1]["entity_ids"] == ["sensor.b"]
    assert (gap.unrecoverable, gap.reasons) == (1, {"not_recorded": 1})
    assert gap.examples == ("sensor.b",)


@pytest.mark.asyncio
async def test_name_that_home_assistant_refuses_does_not_stop_the_rest(
    bench: Bench,
) -> None:
    """It is found by halving, and named."""
    home = Home(committed=[("sensor.a", T0 + 1), ("sensor.a", T0 + 2)])
    await bench.received(("sensor.a", T0))
    await bench.backfill.opened(talk := home.subscribe())
    talk.take_snapshot(times(("sensor.a", T0 + 2), ("sensor.ODD", T0 + 1)))

    (gap,) = await bench.closed()

    assert await bench.backfilled() == [("sensor.a", T0 + 1)]
    assert gap.reasons == {"not_askable": 1}


@pytest.mark.asyncio
async def test_first_start_reads_back_only_if_told_to(
    tmp_path: Path, health: Health
) -> None:
    """Without the setting nothing was missed: nobody had promised anything."""
    long_ago = ("sensor.a", int(NOW * 1e6) - 86_400 * SECOND_US)
    now = ("sensor.a", int(NOW * 1e6))
    home = Home(committed=[long_ago, now])
    async with running(tmp_path / "without", health, PATIENCE) as bench:
        await bench.backfill.opened(talk := home.subscribe())
        talk.take_snapshot(times(now))
        gaps = await bench.spool.gaps(10)
    patience = Patience(settle=0.02, look=0.001, retry=0.001, first_days=2.0)
    async with running(tmp_path / "with", health, patience) as bench:
        await bench.backfill.opened(talk := home.subscribe())
        talk.take_snapshot(times(now))
        (gap,) = await bench.closed()
        rows = await bench.backfilled()

    assert gaps == []
    assert (gap.cause, gap.recovered) == (FIRST_START, 2)
    assert rows == [long_ago]


@pytest.mark.asyncio
async def test_cause_is_the_note_of_an_orderly_end(
    tmp_path: Path, health: Health
) -> None:
    """A process that could not leave a note has ended without warning."""
    causes: list[str] = []
    for note in ("it was stopped", ""):
        async with running(tmp_path, health, PATIENCE) as bench:
            await bench.received(("sensor.a", T0))
            if note:
                await bench.spool.note_end(note)
        async with running(tmp_path, health, PATIENCE) as bench:
            await bench.backfill.opened(Home().subscribe(cause="not this"))
            newest, *_ = await bench.spool.gaps(1)
            causes.append(newest.cause)

    assert causes == ["it was stopped", ENDED_WITHOUT_WARNING]


@pytest.mark.asyncio
async def test_subscription_does_not_go_on_without_the_gap(
    tmp_path: Path, health: Health
) -> None:
    """Frames of it would hide what is missing before them."""
    async with running(tmp_path, health, PATIENCE) as bench:
        await bench.received(("sensor.a", T0))
    with pytest.raises(SpoolError):
        await bench.backfill.opened(Home().subscribe())
