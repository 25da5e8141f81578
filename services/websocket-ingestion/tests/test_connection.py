"""The connection against a small Home Assistant that the test drives."""

from __future__ import annotations

import asyncio
import json
import random
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from servicekit.compression import plain
from servicekit.health import STARTING, Health, Status
from servicekit.wire import Origin, Outcome, Source
from websocket_ingestion.connection import Connection, HomeAssistant
from websocket_ingestion.conversation import Conversation
from websocket_ingestion.ledger import Arrival
from websocket_ingestion.limits import SpoolLimits
from websocket_ingestion.spool import Spool

STATES = [
    {"entity_id": "sensor.a", "last_updated": "2026-11-23T14:00:00+00:00"},
    {"entity_id": "sensor.b", "last_updated": "2026-11-23T14:00:00+00:00"},
]
Until = Callable[..., Awaitable[str]]
CONFIG = {"latitude": 52.5, "longitude": 13.4, "version": "2026.2.3"}


def noise(seed: int, size: int) -> str:
    """Return a text that cannot be made much smaller."""
    return b64encode(random.Random(seed).randbytes(size * 3 // 4)).decode()


def event(serial: int, size: int = 0) -> dict[str, Any]:
    """Return an event message."""
    return {
        "type": "event",
        "event": {
            "event_type": "state_changed",
            "data": {"entity_id": f"sensor.s{serial}", "pad": noise(serial, size)},
            "time_fired": "2026-11-23T14:47:56.000001+00:00",
        },
        "id": 2,
    }


@dataclass
class FakeHome:
    """Speaks the protocol; the test sends events through it and sees commands."""

    url: str = ""
    token: str = "g00d"
    silent: bool = False
    mute_greeting: bool = False
    refuse_subscription: bool = False
    last_words: list[dict[str, Any]] = field(default_factory=list)
    socket: web.WebSocketResponse | None = None
    commands: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    attempts: asyncio.Queue[int] = field(default_factory=asyncio.Queue)
    ended: asyncio.Queue[int | None] = field(default_factory=asyncio.Queue)
    subscribed: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Hold one conversation."""
        self.attempts.put_nowait(1)
        socket = web.WebSocketResponse(compress=False, max_msg_size=0)
        await socket.prepare(request)
        if not self.mute_greeting:
            await socket.send_json({"type": "auth_required", "ha_version": "2026.2.3"})
        async for message in socket:
            await self._answer(socket, json.loads(message.data))
        self.ended.put_nowait(socket.close_code)
        return socket

    async def _answer(self, socket: web.WebSocketResponse, said: Any) -> None:
        if isinstance(said, list):
            self.socket = socket
            results = [self._result(command) for command in said]
            await socket.send_json(results)
            self.subscribed.set()
        elif said == {"type": "auth", "access_token": self.token}:
            await socket.send_json({"type": "auth_ok", "ha_version": "2026.2.3"})
        elif said["type"] == "auth":
            problem = "Invalid access token or password"
            await socket.send_json({"type": "auth_invalid", "message": problem})
            await socket.close()
        else:
            self.commands.put_nowait(said)
            if not self.silent:
                await socket.send_json([*self.last_words, self._result(said)])

    def _result(self, command: dict[str, Any]) -> dict[str, Any]:
        number, kind = command["id"], command["type"]
        if kind == "ping":
            return {"id": number, "type": "pong"}
        if kind == "subscribe_events" and self.refuse_subscription:
            error = {"code": "unauthorized", "message": "Unauthorized"}
            return {"id": number, "type": "result", "success": False, "error": error}
        result = {"get_states": STATES, "get_config": CONFIG}.get(kind)
        return {"id": number, "type": "result", "success": True, "result": result}

    async def send(self, message: Any) -> None:
        """Send a message to the service that is connected now."""
        await self.subscribed.wait()
        assert self.socket is not None
        await self.socket.send_json(message)

    async def drop(self) -> None:
        """Break the connection without a good-bye."""
        await self.subscribed.wait()
        self.subscribed.clear()
        assert self.socket is not None
        transport = self.socket.get_extra_info("socket")
        transport.shutdown(2)


@pytest_asyncio.fixture
async def home() -> AsyncIterator[FakeHome]:
    """Serve a fake Home Assistant on a free port."""
    fake = FakeHome()
    app = web.Application()
    app.router.add_get("/api/websocket", fake.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = f"ws://127.0.0.1:{runner.addresses[0][1]}/api/websocket"
    yield fake
    await runner.cleanup()


@pytest.fixture
def options(home: FakeHome) -> HomeAssistant:
    """Return options with short delays and long patience."""
    return HomeAssistant(
        url=home.url,
        token="g00d",
        reconnect_first_seconds=0.002,
        reconnect_max_seconds=0.004,
        auth_retry_seconds=0.002,
    )


class Opened(NamedTuple):
    """A subscription, and what was known and stored when it began."""

    conversation: Conversation
    last_event_us: int
    queued_frames: int


@dataclass
class Bench:
    """A running connection with its spool."""

    connection: Connection
    spool: Spool
    health: Health
    gaps: asyncio.Queue[Opened]

    async def stored(self, count: int) -> list[tuple[Origin, int, Any]]:
        """Return so many frames once they are stored; forward none before."""
        found: list[tuple[Origin, int, Any]] = []
        while len(found) < count:
            lot = await self.spool.next_lot(max_events=10**6, max_bytes=10**9)
            self.spool.acknowledge(lot, Outcome(lot.events, 0, 0, 0))
            found += [
                (one.origin, one.events, json.loads(plain(one.payload)))
                for one in lot.frames
            ]
        return found


@asynccontextmanager
async def connected(
    path: Path,
    health: Health,
    options: HomeAssistant,
    *,
    disk_bytes: int = 2**30,
    monotonic: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Bench]:
    """Run a connection and its spool; end both."""
    limits = SpoolLimits(disk_bytes=disk_bytes, commit_seconds=0.001)
    spool = Spool(path / "spool.db", health, limits)
    gaps: asyncio.Queue[Opened] = asyncio.Queue()

    async def opened(conversation: Conversation) -> None:
        view = spool.view()
        last_event_us = view.counters.last_event_us
        gaps.put_nowait(Opened(conversation, last_event_us, view.queued_frames))

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
        connection = Connection(
            session,
            spool,
            health,
            options,
            on_subscribed=opened,
            jitter=lambda: 0.5,
            monotonic=monotonic,
        )
        tasks.create_task(spool.run())
        tasks.create_task(connection.run())
        yield Bench(connection, spool, health, gaps)
        await connection.stop()
        await spool.close()


@dataclass
class Clock:
    """A clock that only the test moves."""

    now: float = 1000.0

    def __call__(self) -> float:
        """Return the time that the test set."""
        return self.now


SNAPSHOT = (Origin.SNAPSHOT, 2, STATES)


@pytest.mark.asyncio
async def test_snapshot_and_events_are_stored(
    tmp_path: Path, health: Health, home: FakeHome, options: HomeAssistant
) -> None:
    """All states come first, then every live frame as it was sent."""
    async with connected(tmp_path, health, options) as bench:
        await home.send(event(1))
        await home.send([event(2), event(3)])
        frames = await bench.stored(3)
        view = bench.connection.view()
        status = bench.health.status

    assert frames == [
        SNAPSHOT,
        (Origin.LIVE, 1, event(1)),
        (Origin.LIVE, 2, [event(2), event(3)]),
    ]
    assert bench.connection.source == Source(52.5, 13.4, "2026.2.3")
    assert (view.phase, view.ha_version, view.reconnects) == (
        "streaming",
        "2026.2.3",
        0,
    )
    assert view.last_event_at == "2026-11-23T14:47:56.000001Z"
    assert status is Status.READY


@pytest.mark.asyncio
async def test_a_frame_of_many_megabytes_is_taken(
    tmp_path: Path, health: Health, home: FakeHome, options: HomeAssistant
) -> None:
    """The usual limit of 4 MiB would end the connection here."""
    messages = [event(serial, size=2000) for serial in range(4000)]
    async with connected(tmp_path, health, options) as bench:
        await home.send(messages)
        _, (origin, events, payload) = await bench.stored(2)

    assert (origin, events) == (Origin.LIVE, 4000)
    assert payload == messages


@pytest.mark.asyncio
async def test_what_is_unread_is_counted(
    tmp_path: Path, health: Health, home: FakeHome, options: HomeAssistant
) -> None:
    """While the spool takes nothing, what is sent lies in the kernel's buffer."""
    async with connected(tmp_path, health, options) as bench:
        await bench.stored(1)
        calm = bench.connection.unread_bytes
        put, resume = bench.spool.put, asyncio.Event()

        async def wait(arrivals: Iterable[Arrival]) -> None:
            await resume.wait()
            await put(arrivals)

        bench.spool.put = wait  # type: ignore[method-assign]
        sent = [event(serial, size=100_000) for serial in range(10)]
        for one in sent:
            await home.send(one)
        while not bench.connection.unread_bytes:  # noqa: ASYNC110 - the kernel's
            await asyncio.sleep(0)
        resume.set()
        frames = await bench.stored(10)
        left = bench.connection.unread_bytes

    assert (calm, left) == (0, 0)
    assert [frame[2] for frame in frames] == sent
    assert bench.connection.unread_bytes == 0


@pytest.mark.asyncio
async def test_a_lost_connection_is_taken_up_again(
    tmp_path: Path, health: Health, home: FakeHome, options: HomeAssistant
) -> None:
    """After a break comes a new subscription, and the gap is made known."""
    async with connected(tmp_path, health, options) as bench:
        await home.send(event(1))
        await bench.stored(2)
        await home.drop()
        await home.send(event(2))
        frames = await bench.stored(2)
        view = bench.connection.view()

    assert frames == [SNAPSHOT, (Origin.LIVE, 1, event(2))]
    assert view.reconnects == 1
    assert (
        view.last_error
        == f"{home.url}: Home Assistant closed the connection (code 1006)"
    )
    first, second = bench.gaps.get_nowait(), bench.gaps.get_nowait()
    assert (first.last_event_us, first.conversation.cause) == (0, "")
    assert second.last_event_us == 1_795_445_276_000_001
    assert (
        second.conversation.cause == "Home Assistant closed the connection (code 1006)"
    )
    assert (first.queued_frames, second.queued_frames) == (0, 0)
    assert bench.health.status is Status.READY


@pytest.mark.asyncio
async def test_a_wrong_token_is_shown_and_tried_slowly(
    tmp_path: Path, health: Health, until: Until, home: FakeHome, options: HomeAssistant
) -> None:
    """The reason names the variable; the service keeps trying and recovers."""
    patient = replace(options, token="wr0ng", auth_retry_seconds=0.05)
    began = asyncio.get_running_loop().time()
    async with connected(tmp_path, health, patient) as bench:
        detail = await until("auth_invalid")
        status, started = bench.health.status, not bench.health.has(STARTING)
        home.token = "wr0ng"
        await home.subscribed.wait()
        waited = asyncio.get_running_loop().time() - began
        await bench.stored(1)
        recovered = bench.health.status

    assert "HA_ACCESS_TOKEN" in detail
    assert "Invalid access token or password" in detail
    assert "wr0ng" not in detail
    assert (status, started, recovered) == (Status.DEGRADED, True, Status.READY)
    assert waited >= 0.05


@pytest.mark.asyncio
async def test_nobody_listens(
    tmp_path: Path, health: Health, until: Until, options: HomeAssistant
) -> None:
    """A refused connection is degraded with address and cause, and not starting."""
    nowhere = replace(options, url="ws://127.0.0.1:1/api/websocket")
    async with connected(tmp_path, health, nowhere) as bench:
        detail = await until("ha_unreachable")
        await until(STARTING, there=False)
        status = bench.health.status

    assert detail.startswith("ws://127.0.0.1:1/api/websocket: Cannot connect to host")
    assert status is Status.DEGRADED


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"url": "/else"}, "the answer to the upgrade was 404"),
        ({"handshake_seconds": 0.05}, r"no subscription within 0.05 s (greeting)"),
    ],
    ids=["no-such-path", "no-greeting"],
)
async def test_what_is_no_home_assistant(
    tmp_path: Path,
    health: Health,
    until: Until,
    home: FakeHome,
    options: HomeAssistant,
    change: dict[str, Any],
    cause: str,
) -> None:
    """A server that does not speak the protocol is unreachable, with the cause."""
    home.mute_greeting = True
    if "url" in change:
        change = {"url": home.url.replace("/api/websocket", change["url"])}
    async with connected(tmp_path, health, replace(options, **change)):
        detail = await until("ha_unreachable")

    assert cause in detail


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("sent", "cause"),
    [
        (b"\x82\x01x", "unexpected answer while streaming: a binary frame"),
        (b"\x81\x01{", "unexpected answer while streaming: Input data was truncated"),
        (b"\xff\xff", "the connection failed: "),
        (b"\x88\x02\x03\xe9", "Home Assistant closed the connection (code 1001)"),
    ],
    ids=["binary-frame", "no-json", "no-websocket-frame", "going-away"],
)
async def test_odd_bytes_end_the_connection(
    tmp_path: Path,
    health: Health,
    until: Until,
    home: FakeHome,
    options: HomeAssistant,
    sent: bytes,
    cause: str,
) -> None:
    """What is not of the protocol is named, and a new connection is made."""
    async with connected(tmp_path, health, options) as bench:
        await bench.gaps.get()
        assert home.socket is not None
        assert home.socket._writer is not None
        home.socket._writer.transport.write(sent)
        detail = await until("ha_unreachable")
        await bench.gaps.get()

    assert cause in detail


@pytest.mark.asyncio
async def test_a_refused_subscription_is_shown(
    tmp_path: Path, health: Health, until: Until, home: FakeHome, options: HomeAssistant
) -> None:
    """Without a subscription the service does not pretend to be ready."""
    home.refuse_subscription = True
    async with connected(tmp_path, health, options):
        detail = await until("ha_unreachable")

    assert "subscribe_events was refused: unauthorized" in detail


@pytest.mark.asyncio
async def test_silence_is_answered_by_a_ping(
    tmp_path: Path, health: Health, home: FakeHome, options: HomeAssistant
) -> None:
    """A quiet house is asked for a sign of life and stays connected."""
    async with connected(
        tmp_path, health, replace(options, ping_seconds=0.02)
    ) as bench:
        first = await home.commands.get()
        second = await home.commands.get()
        view = bench.connection.view()

    assert (first["type"], second["type"]) == ("ping", "ping")
    assert second["id"] == first["id"] + 1
    assert view.reconnects == 0


@pytest.mark.asyncio
async def test_a_dead_connection_is_given_up(
    tmp_path: Path, health: Health, until: Until, home: FakeHome, options: HomeAssistant
) -> None:
    """A ping without an answer ends the connection, and a new one is made."""
    home.silent = True
    async with connected(tmp_path, health, replace(options, ping_seconds=0.02)):
        detail = await until("ha_unreachable")
        await home.attempts.get()
        await home.attempts.get()

    assert "no answer to a ping within 0.02 s" in detail


@pytest.mark.asyncio
async def test_a_stop_stores_the_last_events(
    tmp_path: Path, health: Health, home: FakeHome, options: HomeAssistant
) -> None:
    """What Home Assistant sent before its answer to the good-bye is not lost."""
    home.last_words = [event(8), event(9)]
    async with connected(tmp_path, health, options) as bench:
        await home.send(event(1))
        await bench.stored(2)
        await bench.connection.stop()
        await bench.spool.flush()
        frames = await bench.stored(1)

    assert frames == [(Origin.LIVE, 2, [event(8), event(9)])]
    assert (await home.commands.get())["type"] == "unsubscribe_events"
    assert await home.ended.get() == aiohttp.WSCloseCode.OK


@pytest.mark.asyncio
async def test_a_stop_does_not_wait_for_a_dead_house(
    tmp_path: Path, health: Health, home: FakeHome, options: HomeAssistant
) -> None:
    """Without an answer to the good-bye the stop comes all the same."""
    home.silent = True
    async with connected(
        tmp_path, health, replace(options, leave_seconds=0.02)
    ) as bench:
        await home.subscribed.wait()
        await bench.stored(1)
        began = asyncio.get_running_loop().time()
        await bench.connection.stop()
        seconds = asyncio.get_running_loop().time() - began

    assert seconds < 1


@pytest.mark.asyncio
async def test_a_stop_while_waiting_to_reconnect(
    tmp_path: Path, health: Health, until: Until, options: HomeAssistant
) -> None:
    """A delay of an hour does not hold the stop."""
    patient = replace(options, url="ws://127.0.0.1:1/", reconnect_first_seconds=3600.0)
    async with connected(tmp_path, health, patient) as bench:
        await until("ha_unreachable")
        await bench.connection.stop()

    assert bench.connection.view().phase == "disconnected"


@pytest.mark.asyncio
async def test_a_full_spool_ends_the_connection_cleanly(
    tmp_path: Path, health: Health, until: Until, home: FakeHome, options: HomeAssistant
) -> None:
    """It says good-bye, connects no more, and comes back when there is room."""
    async with connected(tmp_path, health, options, disk_bytes=2**20) as bench:
        await home.send(event(1, size=2**21))
        detail = await until("spool_full")
        await home.send(event(2))
        code = await home.ended.get()
        paused = bench.connection.view().phase
        home.subscribed.clear()
        frames = await bench.stored(3)
        await until("spool_full", there=False)
        await home.subscribed.wait()

    assert "not reading from Home Assistant" in detail
    assert code == aiohttp.WSCloseCode.OK
    assert paused in {"paused", "disconnected"}
    assert frames[2] == (Origin.LIVE, 1, event(2))


@pytest.mark.asyncio
async def test_delays_begin_small_again_after_a_stable_connection(
    tmp_path: Path,
    health: Health,
    home: FakeHome,
    options: HomeAssistant,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Short connections make the delays grow, a stable one resets them."""
    delays: list[float] = []

    async def note(stop: asyncio.Event, seconds: float) -> bool:
        delays.append(seconds)
        return stop.is_set()

    monkeypatch.setattr("websocket_ingestion.connection.pause", note)
    clock = Clock()
    growing = replace(options, reconnect_first_seconds=1.0, reconnect_max_seconds=60.0)
    async with connected(tmp_path, health, growing, monotonic=clock) as bench:
        for seconds in (0, 0, growing.stable_seconds, 0):
            await bench.gaps.get()
            clock.now += seconds
            await home.drop()
        await bench.gaps.get()

    assert delays == [0.75, 1.5, 0.75, 1.5]


@pytest.mark.asyncio
async def test_a_renewed_connection_brings_a_new_snapshot(
    tmp_path: Path, health: Health, home: FakeHome, options: HomeAssistant
) -> None:
    """It leaves in order, comes back at once, and says why."""
    async with connected(tmp_path, health, options) as bench:
        await bench.stored(1)
        await bench.gaps.get()
        await bench.connection.renew("replay")
        again = await bench.gaps.get()
        frames = await bench.stored(1)

    assert frames == [SNAPSHOT]
    assert again.conversation.cause == "replay"
    assert await home.ended.get() == aiohttp.WSCloseCode.OK


@pytest.mark.asyncio
async def test_new_entities_are_stored_with_the_frame_that_names_them(
    tmp_path: Path, health: Health, home: FakeHome, options: HomeAssistant
) -> None:
    """They are how an entity that is removed in a gap is found."""
    async with connected(tmp_path, health, options) as bench:
        await home.send(event(1))
        await bench.stored(2)
        entities = set(bench.spool.entities)

    assert entities == {"sensor.a", "sensor.b", "sensor.s1"}


@pytest.mark.asyncio
async def test_what_ended_the_stream_is_the_cause_of_the_gap(
    tmp_path: Path, health: Health, until: Until, home: FakeHome, options: HomeAssistant
) -> None:
    """Not why the attempts after it failed: those tell nothing about the gap."""
    async with connected(tmp_path, health, options) as bench:
        await bench.gaps.get()
        home.token = "other"
        await home.drop()
        await until("auth_invalid")
        home.token = "g00d"
        again = await bench.gaps.get()

    cause = again.conversation.cause
    assert cause == "Home Assistant closed the connection (code 1006)"
