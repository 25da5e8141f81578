"""Fixtures: a Home Assistant without I/O, and a whole simulator on a free port."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest
import uvloop

from ha_simulator.settings import Settings
from ha_simulator.shell.simulator import Simulator, running
from ha_simulator.world.homeassistant import HomeAssistant

TOKEN = "right-token"
START_US = 1_795_445_276_000_000
PATIENCE = 5.0


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run `async def` tests on uvloop, as in production; no plugin is needed."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(pyfuncitem.obj(**arguments))
    return True


class Client:
    """A WebSocket client that sees single messages, however they are framed."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self._waiting: list[Any] = []

    async def send(self, document: Any) -> None:
        """Send one document as one frame."""
        await self.socket.send_str(msgspec.json.encode(document).decode())

    async def frame(self) -> Any:
        """Return the next frame, decoded."""
        message = await self.socket.receive(timeout=PATIENCE)
        assert message.type is aiohttp.WSMsgType.TEXT, message
        return msgspec.json.decode(message.data)

    async def next(self) -> Any:
        """Return the next message."""
        while not self._waiting:
            frame = await self.frame()
            self._waiting = frame if isinstance(frame, list) else [frame]
        return self._waiting.pop(0)

    async def events(self, count: int) -> list[Any]:
        """Return the next *count* events and drop other messages."""
        found: list[Any] = []
        while len(found) < count:
            message = await self.next()
            if message["type"] == "event":
                found.append(message["event"])
        return found

    async def command(self, **fields: Any) -> Any:
        """Send a command and return its reply; events on the way are dropped."""
        await self.send(fields)
        message = await self.next()
        while message.get("id") != fields["id"] or message["type"] == "event":
            message = await self.next()
        return message

    async def closed(self) -> tuple[int | None, list[Any]]:
        """Wait for the end: its close code, and the messages that came before."""
        before, self._waiting = self._waiting, []
        while True:
            message = await self.socket.receive(timeout=PATIENCE)
            if message.type is not aiohttp.WSMsgType.TEXT:
                return self.socket.close_code, before
            document = msgspec.json.decode(message.data)
            before += document if isinstance(document, list) else [document]


class Simulated:
    """A simulator that serves, with clients and its control API at hand."""

    def __init__(
        self, simulator: Simulator, port: int, session: aiohttp.ClientSession
    ) -> None:
        self.simulator = simulator
        self.url = f"http://127.0.0.1:{port}"
        self.session = session
        self._sockets: list[aiohttp.ClientWebSocketResponse] = []

    async def dial(self, **options: Any) -> Client:
        """Open a socket and say nothing."""
        socket = await self.session.ws_connect(
            f"{self.url}/api/websocket", max_msg_size=0, **options
        )
        self._sockets.append(socket)
        return Client(socket)

    async def hang_up(self) -> None:
        """Close all clients' sockets; the server has dropped them already."""
        for socket in self._sockets:
            await socket.close()

    async def connect(self, *, coalesce: bool = True, token: str = TOKEN) -> Client:
        """Return a client that is subscribed to state_changed with id 2."""
        client = await self.dial()
        await client.next()
        await client.send({"type": "auth", "access_token": token})
        assert (await client.next())["type"] == "auth_ok"
        features = {"coalesce_messages": 1} if coalesce else {}
        await client.send(
            [
                {"id": 1, "type": "supported_features", "features": features},
                {"id": 2, "type": "subscribe_events", "event_type": "state_changed"},
            ]
        )
        assert (await client.next())["success"]
        assert (await client.next())["success"]
        return client

    async def script(self, action: str, **body: Any) -> Any:
        """Do one control request that must succeed and return its document."""
        status, document = await self.attempt(action, **body)
        assert status == 200, document
        return document

    async def attempt(self, action: str, **body: Any) -> tuple[int, Any]:
        """Do one control request and return its status and document."""
        url = f"{self.url}/_script/{action}"
        async with self.session.post(url, json=body) as answer:
            return answer.status, await answer.json()

    async def look(self, path: str) -> Any:
        """Return the JSON document at a path."""
        async with self.session.get(f"{self.url}{path}") as answer:
            return await answer.json()

    async def ledger(self, **query: Any) -> list[Any]:
        """Return the ledger's lines."""
        url = f"{self.url}/_script/ledger"
        async with self.session.get(url, params=query) as answer:
            text = await answer.read()
        return [msgspec.json.decode(line) for line in text.splitlines()]


@asynccontextmanager
async def simulated(**settings: Any) -> AsyncIterator[Simulated]:
    """Serve a simulator on a free port while the block runs."""
    chosen = {"token": TOKEN, "host": "127.0.0.1", "port": 0, **settings}
    async with (
        asyncio.timeout(4 * PATIENCE),
        running(Settings(**chosen)) as (simulator, port),
        aiohttp.ClientSession() as session,
    ):
        served = Simulated(simulator, port, session)
        try:
            yield served
        finally:
            await simulator.close()
            await served.hang_up()


@pytest.fixture
def simulate() -> Callable[..., AbstractAsyncContextManager[Simulated]]:
    """Give what serves a simulator while an `async with` block runs."""
    return simulated


@pytest.fixture
def home() -> HomeAssistant:
    """Give a running Home Assistant without entities, at `START_US`."""
    return HomeAssistant(token=TOKEN, now_us=START_US, commit_us=5_000_000)
