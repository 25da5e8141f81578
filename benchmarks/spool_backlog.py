"""How much memory a large backlog takes in websocket-ingestion, and how fast it drains.

Runs the real service between a fake Home Assistant and a sink that answers 503 until
the backlog is there, then stops the service, starts it again and lets it drain:

    python benchmarks/spool_backlog.py --events 1000000 --frame-events 1

Run it with an interpreter that has the services installed (`.tox/unit/bin/python`).
All traffic stays on 127.0.0.1. Prints one line a phase and a JSON line in the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import ClientSession, web

TOKEN = "benchmark"  # noqa: S105 - of a Home Assistant that there is not
MEBIBYTE = 1024 * 1024
SAMPLE_SECONDS = 0.1


@dataclass
class World:
    """Home Assistant and enrichment-pipeline in one server."""

    frames: list[str]
    port: int = 0
    open: bool = False
    taken: int = 0
    sent: asyncio.Event = field(default_factory=asyncio.Event)

    async def talk(self, request: web.Request) -> web.WebSocketResponse:
        """Speak as Home Assistant; the events are sent once."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "auth_required", "ha_version": "2026.2.3"})
        await socket.receive_json()
        await socket.send_json({"type": "auth_ok", "ha_version": "2026.2.3"})
        for command in await socket.receive_json():
            await socket.send_json(answer(command))
        frames, self.frames = self.frames, []
        for text in frames:
            await socket.send_str(text)
        self.sent.set()
        async for message in socket:
            found = json.loads(message.data)
            for command in found if isinstance(found, list) else [found]:
                await socket.send_json(answer(command))
        return socket

    async def take(self, request: web.Request) -> web.Response:
        """Take a batch as enrichment-pipeline does, or refuse it."""
        body = await request.read()
        if not self.open:
            error = {"code": "influxdb_unreachable", "message": "not yet"}
            return web.json_response({"error": error}, status=503)
        events = sum(frame[3] for frame in msgspec.msgpack.decode(body)[2])
        self.taken += events
        outcome = {"written": events, "merged": 0, "dead_lettered": 0, "expired": 0}
        return web.json_response(outcome)


def answer(command: dict[str, Any]) -> dict[str, Any]:
    """Return a successful result of a command."""
    empty_list = command["type"] == "get_states"
    result: list[Any] | dict[str, Any] = [] if empty_list else {}
    kind = "pong" if command["type"] == "ping" else "result"
    return {"id": command["id"], "type": kind, "success": True, "result": result}


def make_frames(events: int, frame_events: int) -> list[str]:
    """Return frames of state changes of some 850 bytes each."""
    attributes = {f"attribute_{number}": "x" * 60 for number in range(5)}
    state = {
        "entity_id": "sensor.benchmark",
        "state": "21.5",
        "attributes": attributes,
        "last_changed": "2026-11-24T12:00:00.000000+00:00",
        "last_updated": "2026-11-24T12:00:00.000000+00:00",
    }
    event = {
        "event_type": "state_changed",
        "data": {"entity_id": "sensor.benchmark", "new_state": state},
        "time_fired": "2026-11-24T12:00:00.000000+00:00",
    }
    message = {"type": "event", "event": event, "id": 2}
    text = json.dumps(message if frame_events == 1 else [message] * frame_events)
    return [text] * (events // frame_events)


@asynccontextmanager
async def serving(world: World) -> AsyncIterator[None]:
    """Serve both neighbours on a free port."""
    app = web.Application(client_max_size=64 * MEBIBYTE)
    app.router.add_get("/api/websocket", world.talk)
    app.router.add_post("/v1/frames", world.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    world.port = int(runner.addresses[0][1])
    try:
        yield
    finally:
        await runner.cleanup()


@dataclass
class Service:
    """A running websocket-ingestion."""

    process: asyncio.subprocess.Process
    port: int
    peak_mib: float = 0.0

    def sample(self) -> None:
        """Note the resident memory now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        (line,) = (one for one in status.splitlines() if one.startswith("VmRSS:"))
        self.peak_mib = max(self.peak_mib, int(line.split()[1]) / 1024)

    async def events(self, session: ClientSession) -> dict[str, int]:
        """Return the counters."""
        async with session.get(f"http://127.0.0.1:{self.port}/v1/stats") as found:
            return dict((await found.json())["events"])

    async def stop(self) -> float:
        """End it in order; return the seconds that it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        await self.process.wait()
        return time.monotonic() - began


@asynccontextmanager
async def started(variables: dict[str, str], log: Path) -> AsyncIterator[Service]:
    """Run the service with its log in a file; kill what is left of it."""
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "websocket_ingestion"),
            env=variables,
            stdout=file,
            stderr=asyncio.subprocess.STDOUT,
        )
    try:
        yield Service(process, await listening(process, log))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def listening(process: asyncio.subprocess.Process, log: Path) -> int:
    """Return the port once the service says it.

    Raises:
        RuntimeError: it ended instead; with its log.
    """
    while process.returncode is None:
        for line in lines_of(log):
            if '"http.listening"' in line:
                return int(json.loads(line)["port"])
        await asyncio.sleep(SAMPLE_SECONDS)
    raise RuntimeError("\n".join(lines_of(log)))


def lines_of(log: Path) -> list[str]:
    """Return what the service has said so far."""
    return log.read_text(encoding="utf-8").splitlines()


@contextmanager
def timed(found: dict[str, float], name: str) -> Iterator[None]:
    """Note how many seconds the block takes."""
    began = time.monotonic()
    yield
    found[name] = round(time.monotonic() - began, 2)


async def measure(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Fill, stop, start, drain; return the numbers."""
    world = World(make_frames(options.events, options.frame_events))
    events = len(world.frames) * options.frame_events
    found: dict[str, float] = {"events": events, "frame_events": options.frame_events}
    async with serving(world), ClientSession() as session:
        variables = {
            "PATH": os.defpath,
            "HTTP_HOST": "127.0.0.1",
            "HTTP_PORT": "0",
            "HA_URL": f"ws://127.0.0.1:{world.port}",
            "HA_ACCESS_TOKEN": TOKEN,
            "ENRICHMENT_URL": f"http://127.0.0.1:{world.port}",
            "SPOOL_PATH": str(folder / "spool.sqlite"),
            "SPOOL_MAX_MB": "8192",
            "SPOOL_RETAIN_MB": str(options.retain_mb),
        }
        async with started(variables, folder / "fill.log") as service:
            with timed(found, "fill_seconds"):
                while (await service.events(session))["received"] < events:
                    service.sample()
                    await asyncio.sleep(SAMPLE_SECONDS)
            found["stop_seconds"] = round(await service.stop(), 2)
        found["fill_peak_mib"] = round(service.peak_mib, 1)
        print(f"filled: {found}", flush=True)
        with timed(found, "start_seconds"):
            world.open = False
            starting = started(variables, folder / "drain.log")
            service = await starting.__aenter__()
        try:
            world.open = True
            with timed(found, "drain_seconds"):
                while world.taken < events:
                    service.sample()
                    await asyncio.sleep(SAMPLE_SECONDS)
            found["drain_peak_mib"] = round(service.peak_mib, 1)
            found["drain_events_per_second"] = round(events / found["drain_seconds"])
            found["drain_stop_seconds"] = round(await service.stop(), 2)
        finally:
            await starting.__aexit__(None, None, None)
    return found


def main() -> int:
    """Run the benchmark; 1 if a limit is broken."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events", type=int, default=1_000_000, help="of the backlog")
    parser.add_argument(
        "--frame-events",
        type=int,
        default=100,
        help="events in one frame (default 100)",
    )
    parser.add_argument("--retain-mb", type=int, default=256, help="SPOOL_RETAIN_MB")
    parser.add_argument("--folder", type=Path, help="where the spool is made")
    parser.add_argument("--most-mib", type=float, default=150.0, help="memory limit")
    parser.add_argument("--least-rate", type=float, default=15_000.0, help="events/s")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        found = asyncio.run(measure(options, Path(folder)))
    print(json.dumps(found))
    peak = max(found["fill_peak_mib"], found["drain_peak_mib"])
    slow = found["drain_events_per_second"] < options.least_rate
    return int(peak > options.most_mib or slow)


if __name__ == "__main__":
    sys.exit(main())
