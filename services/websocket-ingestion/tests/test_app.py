"""The whole service as a process: it starts, tells of itself, and ends in order."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from servicekit.wire import Outcome, decode_batch, encode_outcome
from websocket_ingestion.store import Store

TOKEN = "s3cret-llat-0123456789"
EVENT = {
    "type": "event",
    "event": {"event_type": "state_changed", "data": {"entity_id": "sensor.a"}},
    "id": 2,
}


@dataclass
class World:
    """Home Assistant and enrichment-pipeline in one server."""

    port: int = 0
    available: bool = True
    batches: asyncio.Queue[int] = field(default_factory=asyncio.Queue)
    streaming: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    sent: int = 0
    said: list[dict[str, Any]] = field(default_factory=list)

    async def talk(self, request: web.Request) -> web.WebSocketResponse:
        """Speak as Home Assistant."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "auth_required", "ha_version": "2026.2.3"})
        auth = await socket.receive_json()
        if auth["access_token"] != TOKEN:
            await socket.send_json({"type": "auth_invalid", "message": "Invalid"})
            return socket
        await socket.send_json({"type": "auth_ok", "ha_version": "2026.2.3"})
        for command in await socket.receive_json():
            await socket.send_json(self.result(command, []))
        self.streaming.set()
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(self._stream(socket))
            async for message in socket:
                sending.cancel()
                self.said.append(json.loads(message.data))
                await socket.send_json(self.result(self.said[-1], None))
        return socket

    @staticmethod
    def result(command: dict[str, Any], value: Any) -> dict[str, Any]:
        """Return a successful result."""
        value = value if command["type"] == "get_states" else None
        number = command["id"]
        return {"id": number, "type": "result", "success": True, "result": value}

    async def _stream(self, socket: web.WebSocketResponse) -> None:
        """Send a burst of frames, and the next one when a batch comes in."""
        while True:
            for _ in range(20):
                await socket.send_json([EVENT] * 3)
                self.sent += 3
            self.asked.clear()
            await self.asked.wait()

    async def take(self, request: web.Request) -> web.Response:
        """Take a batch as enrichment-pipeline does."""
        batch = decode_batch(await request.read())
        self.asked.set()
        if not self.available:
            error = {"code": "influxdb_unreachable", "message": "refused"}
            return web.json_response({"error": error}, status=503)
        self.batches.put_nowait(batch.events)
        return web.Response(body=encode_outcome(Outcome(batch.events, 0, 0, 0)))


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    """Serve both neighbours on a free port."""
    fake = World()
    app = web.Application(client_max_size=2**24)
    app.router.add_get("/api/websocket", fake.talk)
    app.router.add_post("/v1/frames", fake.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.port = int(runner.addresses[0][1])
    yield fake
    await runner.cleanup()


@pytest.fixture
def variables(world: World, tmp_path: Path) -> dict[str, str]:
    """Return the environment of a service between the neighbours."""
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    return {
        "PATH": os.defpath,
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": "0",
        "HA_URL": f"ws://127.0.0.1:{world.port}",
        "HA_ACCESS_TOKEN_FILE": str(token),
        "ENRICHMENT_URL": f"http://127.0.0.1:{world.port}",
        "SPOOL_PATH": str(tmp_path / "spool.db"),
    }


@dataclass
class Service:
    """A running service and the lines that it has printed."""

    process: asyncio.subprocess.Process
    lines: list[dict[str, Any]] = field(default_factory=list)

    async def line(self, event: str) -> dict[str, Any]:
        """Return the next line with this event."""
        assert self.process.stdout is not None
        while text := await self.process.stdout.readline():
            self.lines.append(json.loads(text))
            if self.lines[-1]["event"] == event:
                return self.lines[-1]
        raise AssertionError(f"{event} was not logged: {self.lines}")

    async def stop(self, number: signal.Signals) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        out, _ = await self.process.communicate()
        self.lines += [json.loads(text) for text in out.splitlines()]
        assert self.process.returncode is not None
        return self.process.returncode


@asynccontextmanager
async def started(variables: dict[str, str]) -> AsyncIterator[Service]:
    """Run the service; kill what is left of it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "websocket_ingestion",
        env=variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Service(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def ledger(variables: dict[str, str]) -> tuple[int, int, int]:
    """Return received, forwarded and pending of the closed spool."""
    with closing(Store.open(Path(variables["SPOOL_PATH"]))) as store:
        found = store.counters
    return found.received, found.forwarded, found.pending


@pytest.mark.asyncio
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_under_load_loses_nothing(
    world: World, variables: dict[str, str], number: signal.Signals
) -> None:
    """While events stream in, a signal ends the service in order with 0.

    1. events stream in and are forwarded
    2. send the signal; Home Assistant answers the good-bye after its last event
    3. the steps are logged in order, everything sent is in the ledger
    """
    async with started(variables) as service:
        await world.streaming.wait()
        for _ in range(5):
            await world.batches.get()
        code = await service.stop(number)
    steps = [one for one in service.lines if one["event"] == "shutdown.step"]
    received, forwarded, pending = await asyncio.to_thread(ledger, variables)

    assert code == 0
    assert [one["step"] for one in steps] == [
        "stop reading",
        "final commit",
        "stop forwarding",
        "close spool",
        "close http",
    ]
    assert service.lines[-1]["event"] == "shutdown.finished"
    assert service.lines[-1]["seconds"] < 1
    assert [one["type"] for one in world.said] == ["unsubscribe_events"]
    assert received == world.sent
    assert received == forwarded + pending


@pytest.mark.asyncio
async def test_a_backlog_survives_the_restart(
    world: World, variables: dict[str, str]
) -> None:
    """What could not be forwarded is kept, the end is quick, the next start sends."""
    world.available = False
    async with started(variables) as service:
        refused = await service.line("forward.failed")
        code = await service.stop(signal.SIGTERM)
    received, forwarded, _ = await asyncio.to_thread(ledger, variables)
    world.available = True
    async with started(variables) as service:
        opened = await service.line("spool.opened")
        sent = await world.batches.get()
        await service.stop(signal.SIGTERM)

    assert (refused["reason"], code, forwarded) == ("influxdb_unreachable", 0, 0)
    assert received > 0
    assert opened["pending_events"] == received
    assert sent >= received


@pytest.mark.asyncio
async def test_it_tells_of_itself(world: World, variables: dict[str, str]) -> None:
    """Health, stats, config and metrics answer; nothing shows the token."""
    async with (
        started(variables) as service,
        aiohttp.ClientSession() as session,
    ):
        port = (await service.line("http.listening"))["port"]
        await service.line("connection.subscribed")
        await world.batches.get()

        async def get(path: str) -> tuple[int, str]:
            async with session.get(f"http://127.0.0.1:{port}{path}") as answer:
                return answer.status, await answer.text()

        health, ready = await get("/health"), await get("/ready")
        stats, config = await get("/v1/stats"), await get("/v1/config")
        metrics = await get("/metrics")
        await service.stop(signal.SIGTERM)
    shown = json.loads(stats[1])

    assert [one[0] for one in (health, ready, stats, config, metrics)] == [200] * 5
    assert json.loads(health[1])["status"] == "ready"
    assert shown["connection"]["phase"] == "streaming"
    assert shown["events"]["received"] > 0
    assert json.loads(config[1])["HA_ACCESS_TOKEN"] == "**********"
    assert "ha_ingestor_events_received_total" in metrics[1]
    everything = json.dumps(service.lines) + "".join(
        one[1] for one in (health, ready, stats, config, metrics)
    )
    assert TOKEN not in everything


@pytest.mark.asyncio
async def test_a_wrong_token_is_a_degraded_service(
    world: World, variables: dict[str, str]
) -> None:
    """A rejected token is shown in the health; the service stays up and ends well."""
    del variables["HA_ACCESS_TOKEN_FILE"]
    async with started({**variables, "HA_ACCESS_TOKEN": "wr0ng-token"}) as service:
        lost = await service.line("connection.lost")
        code = await service.stop(signal.SIGTERM)

    assert lost["reason"] == "auth_invalid"
    assert "check HA_ACCESS_TOKEN" in lost["detail"]
    assert code == 0


@pytest.mark.asyncio
async def test_bad_settings_end_with_2(variables: dict[str, str]) -> None:
    """All problems are on stderr, one line each, and nothing is started."""
    del variables["ENRICHMENT_URL"]
    async with started({**variables, "SPOOL_MAX_MB": "lots"}) as service:
        out, err = await service.process.communicate()

    assert service.process.returncode == 2
    assert out == b""
    assert [line.split(":")[0].strip() for line in err.decode().splitlines()] == [
        "settings",
        "ENRICHMENT_URL",
        "SPOOL_MAX_MB",
    ]


@pytest.mark.asyncio
async def test_a_port_in_use_is_one_clear_line(
    world: World, variables: dict[str, str]
) -> None:
    """No traceback: the line names the variable, and the exit code is 1."""
    async with started({**variables, "HTTP_PORT": str(world.port)}) as service:
        line = await service.line("service.cannot_start")
        code = await service.process.wait()

    assert line["problem"].startswith("HTTP_PORT: cannot listen on 127.0.0.1:")
    assert code == 1


@pytest.mark.asyncio
async def test_a_spool_that_never_opened_does_not_spoil_the_stop(
    variables: dict[str, str], tmp_path: Path
) -> None:
    """There is nothing to lose in it, and the note of the end is only logged."""
    (tmp_path / "folder").mkdir()
    async with started(variables | {"SPOOL_PATH": str(tmp_path / "folder")}) as service:
        await service.line("spool.failed")
        code = await service.stop(signal.SIGTERM)

    assert code == 0
    assert "spool.end_not_noted" in {one["event"] for one in service.lines}
