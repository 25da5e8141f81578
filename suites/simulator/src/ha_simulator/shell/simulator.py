"""A running simulator: everything together on one port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import web

from .. import logs
from ..load.meter import Meter
from ..settings import Settings
from ..world.boot import Step, Timetable
from ..world.homeassistant import HomeAssistant, Identity
from ..world.journal import Journal
from ..world.timestamps import SECOND
from .clock import now_us
from .connection import Ending
from .connections import Connections
from .control import Control
from .jobs import Jobs
from .requests import MAX_BYTES
from .rest import RestApi

HOUSEKEEPING_SECONDS: Final = 0.25
SHUTDOWN_SECONDS: Final = 1.0


class Simulator:
    """One Home Assistant with its clients, its jobs and its restarts."""

    def __init__(self, settings: Settings, tasks: asyncio.TaskGroup) -> None:
        self.home = HomeAssistant(
            token=settings.token,
            now_us=now_us(),
            identity=Identity(
                version=settings.ha_version,
                latitude=settings.latitude,
                longitude=settings.longitude,
            ),
            commit_us=int(settings.commit_seconds * SECOND),
            journal=Journal(rows=settings.ledger_rows),
        )
        self.connections = Connections(
            self.home,
            clock=now_us,
            auth_seconds=settings.auth_seconds,
            peak_us=int(settings.peak_seconds * SECOND),
        )
        self.jobs = Jobs(self.home, tasks, now_us)
        self.restarting = False
        self._tasks = tasks
        self._meter = Meter()
        self._pause = min(HOUSEKEEPING_SECONDS, settings.peak_seconds / 4)
        self._return: asyncio.Task[None] | None = None

    async def keep_house(self) -> None:
        """Commit, drop stalled clients and sample the rate, for ever."""
        while True:
            now = now_us()
            self.home.recorder.advance(now)
            self.connections.drop_stalled(now)
            self._meter.sample(self.home.journal.last, now)
            await asyncio.sleep(self._pause)

    def restart(
        self, timetable: Timetable, *, batch: int, crash: bool
    ) -> asyncio.Event:
        """Stop or crash now and come back by the timetable; set when RUNNING."""
        done = asyncio.Event()
        self.restarting = True
        if crash:
            self.connections.drop(Ending.KILL)
            lost = self.home.crash(now_us())
            logs.log("homeassistant.crashed", recorder_rows_lost=lost)
        else:
            self.home.begin_stop()
            self.connections.drop(Ending.RESTART)
            logs.log("homeassistant.stopping")
        self._return = self._tasks.create_task(
            self._come_back(timetable, done, batch=batch, crash=crash)
        )
        return done

    async def close(self) -> None:
        """Drop all clients, stop all jobs and any restart under way."""
        self.connections.drop(Ending.SHUTDOWN)
        self.connections.abort_closing()
        self.connections.release_half_open()
        await self.jobs.stop()
        if self._return is not None:
            self._return.cancel()

    def status(self) -> dict[str, Any]:
        """Return what is going on, as `/_script/status` shows it."""
        home = self.home
        now = now_us()
        home.recorder.advance(now)
        self.connections.settle()
        self._meter.sample(home.journal.last, now)
        return {
            "state": str(home.core_state),
            "history_loaded": home.history_loaded,
            "entities_loaded": home.entities_loaded,
            "entities": len(home.states.present()),
            "restarting": self.restarting,
            "now_us": now,
            "version": home.identity.version,
            "events": {
                "emitted": home.journal.last,
                "rate_now": round(self._meter.per_second(), 1),
            },
            "ledger": {
                "first_serial": home.journal.first,
                "last_serial": home.journal.last,
                "capacity": home.journal.capacity,
                "capped": home.journal.capped,
            },
            "recorder": {
                "commit_seconds": home.recorder.commit_us / SECOND,
                "pending": home.recorder.pending,
                "committed_serial": home.recorder.committed,
                "lost": home.recorder.lost,
            },
            "jobs": self.jobs.status(),
            **self.connections.status(),
        }

    async def _come_back(
        self, timetable: Timetable, done: asyncio.Event, *, batch: int, crash: bool
    ) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        for offset, step in timetable.steps():
            if crash and step is Step.FINISH_STOP:
                continue
            await asyncio.sleep(start + offset - loop.time())
            await self._take(step, batch)
        self.restarting = False
        logs.log("homeassistant.running")
        done.set()

    async def _take(self, step: Step, batch: int) -> None:
        home = self.home
        match step:
            case Step.FINISH_STOP:
                home.finish_stop(now_us())
            case Step.BOOT:
                self.connections.abort_closing()
                home.boot()
            case Step.LOAD_HISTORY:
                home.load_history()
            case Step.BEGIN_START:
                home.begin_start(now_us())
            case Step.LOAD_ENTITIES:
                home.load_entities()
                waiting = home.bring_back(batch, now_us())
                while waiting:
                    await asyncio.sleep(0)
                    waiting = home.bring_back(batch, now_us())
            case Step.FINISH_START:
                home.finish_start(now_us())


def make_app(simulator: Simulator, settings: Settings) -> web.Application:
    """Return the HTTP application: the real one's paths, the control and health."""

    @web.middleware
    async def dead_while_down(
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        if request.path.startswith("/api/") and not simulator.home.answering:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)
        return await handler(request)

    async def health(_: web.Request) -> web.Response:
        return web.json_response(
            {
                "service": "ha-simulator",
                "status": "ready",
                "state": str(simulator.home.core_state),
            }
        )

    control = Control(simulator, settings.control_token)
    app = web.Application(
        middlewares=[dead_while_down, control.guard], client_max_size=MAX_BYTES
    )
    app.router.add_get("/health", health)
    app.router.add_get("/api/websocket", simulator.connections.accept)
    app.router.add_routes(RestApi(simulator.home).routes())
    app.router.add_routes(control.routes())
    return app


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[tuple[Simulator, int]]:
    """Serve until the block is left; gives the simulator and the port in use.

    Leaving drops all connections, stops all jobs and closes the port.
    """
    async with asyncio.TaskGroup() as tasks:
        simulator = Simulator(settings, tasks)
        housekeeping = tasks.create_task(simulator.keep_house())
        runner = web.AppRunner(
            make_app(simulator, settings),
            access_log=None,
            shutdown_timeout=SHUTDOWN_SECONDS,
        )
        await runner.setup()
        site = web.TCPSite(runner, settings.host, settings.port, backlog=128)
        try:
            await site.start()
            port: int = runner.addresses[0][1]
            yield simulator, port
        finally:
            await simulator.close()
            await runner.cleanup()
            housekeeping.cancel()
