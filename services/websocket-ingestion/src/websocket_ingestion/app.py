"""The service: its parts, wired, and the order in which they end."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from importlib.metadata import version
from typing import Final

import aiohttp
import structlog
from aiohttp import web

from servicekit.health import Health
from servicekit.http import json_response, make_app, serve
from servicekit.lifecycle import Runtime
from servicekit.metrics import make_registry, observe
from servicekit.pressure import watch_memory

from . import stats
from .backfill import Backfill, Patience
from .connection import Connection, HomeAssistant
from .errors import SpoolError
from .forwarder import Enrichment, Forwarder
from .limits import SpoolLimits
from .routes import spool_routes
from .settings import Settings
from .spool import Spool

__all__ = ["SERVICE", "run_service"]

SERVICE: Final = "websocket-ingestion"
STOPPED: Final = f"{SERVICE} was stopped"

_log = structlog.get_logger(__name__)


async def run_service(runtime: Runtime, settings: Settings) -> None:
    """Run until the stop; then stop reading, commit, stop forwarding, close.

    The forwarder may be cut off: what it sends is idempotent, and the cursor
    moves only after an answer. Nothing has to reach the database at the end.
    """
    health = Health(SERVICE, version(SERVICE))
    watch_memory(health, percent=settings.memory_alert_percent)
    async with AsyncExitStack() as outside:
        session = await outside.enter_async_context(_http_session())
        spool = Spool(settings.spool_path, health, _limits(settings))
        backfill = Backfill(spool, _patience(settings))
        connection = Connection(
            session,
            spool,
            health,
            _home_assistant(settings),
            on_subscribed=backfill.opened,
        )
        forwarder = Forwarder(
            session,
            spool,
            health,
            _enrichment(settings),
            source=lambda: connection.source,
            unread_bytes=lambda: connection.unread_bytes,
        )
        app = _make_app(health, settings, connection, spool, forwarder)
        await outside.enter_async_context(
            serve(app, settings.http_host, settings.http_port)
        )
        runtime.tasks.create_task(spool.run(), name="spool")
        runtime.tasks.create_task(connection.run(), name="connection")
        closing = runtime.tasks.create_task(backfill.run(), name="backfill")
        forwarding = runtime.tasks.create_task(forwarder.run(), name="forwarder")
        await runtime.stop.wait()
        try:
            async with runtime.step("stop reading"):
                closing.cancel()
                await asyncio.wait({closing})
                await connection.stop()
            async with runtime.step("final commit"):
                await spool.flush()
                await _note_end(spool)
        finally:
            async with runtime.step("stop forwarding"):
                forwarding.cancel()
                await asyncio.wait({forwarding})
            async with runtime.step("close spool"):
                await spool.close()
            async with runtime.step("close http"):
                await outside.aclose()


async def _note_end(spool: Spool) -> None:
    """Write down that the end is in order; without the note it counts as a crash."""
    try:
        await spool.note_end(STOPPED)
    except SpoolError as error:
        _log.warning("spool.end_not_noted", error=str(error))


def _http_session() -> aiohttp.ClientSession:
    """Return the session for both neighbours; each request has its own limits."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=4),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
    )


def _make_app(
    health: Health,
    settings: Settings,
    connection: Connection,
    spool: Spool,
    forwarder: Forwarder,
) -> web.Application:
    registry = make_registry(health)
    observe(
        registry,
        lambda: stats.metrics(connection.view(), spool.view(), forwarder.view()),
    )

    async def show_stats(_: web.Request) -> web.Response:
        return json_response(stats.document(health, connection.view(), spool.view()))

    async def show_config(_: web.Request) -> web.Response:
        return json_response(settings.redacted())

    routes = [
        web.get("/v1/stats", show_stats),
        web.get("/v1/config", show_config),
        *spool_routes(spool, connection.renew),
    ]
    return make_app(SERVICE, health, registry, routes)


def _limits(settings: Settings) -> SpoolLimits:
    return SpoolLimits(
        disk_bytes=settings.spool_max_mb * 1024 * 1024,
        retain_bytes=settings.spool_retain_mb * 1024 * 1024,
        commit_seconds=settings.spool_commit_ms / 1000,
    )


def _home_assistant(settings: Settings) -> HomeAssistant:
    return HomeAssistant(
        url=settings.ha_url,
        token=settings.ha_access_token.get_secret_value(),
        ping_seconds=settings.ha_ping_seconds,
        reconnect_max_seconds=settings.ha_reconnect_max_seconds,
        auth_retry_seconds=settings.ha_auth_retry_seconds,
    )


def _patience(settings: Settings) -> Patience:
    return Patience(
        settle=settings.ha_history_settle_seconds,
        first_days=settings.ha_first_backfill_days,
        kept_days=settings.ha_history_days,
    )


def _enrichment(settings: Settings) -> Enrichment:
    return Enrichment(
        url=settings.enrichment_url,
        max_events=settings.forward_max_events,
        max_bytes=settings.forward_max_kb * 1024,
        linger_seconds=settings.forward_linger_ms / 1000,
        timeout_seconds=settings.forward_timeout_seconds,
    )
