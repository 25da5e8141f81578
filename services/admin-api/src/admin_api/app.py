"""Wires the service together: its neighbours, its routes, its order of stopping."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Final

import aiohttp
from aiohttp import web

from servicekit.health import STARTING, Health
from servicekit.http import json_response, make_app, serve
from servicekit.influx import InfluxClient, TokenSource
from servicekit.lifecycle import Runtime
from servicekit.metrics import make_registry
from servicekit.pressure import watch_memory

from . import openapi, routes
from .api import Api
from .auth import Answer
from .neighbours import ENRICHMENT, INGESTION, Neighbours
from .pages import FILES, page
from .settings import Settings

__all__ = ["SERVICE", "VERSION", "application", "main"]

SERVICE: Final = "admin-api"
VERSION: Final = "0.1.0"


def application(
    settings: Settings,
    health: Health,
    session: aiohttp.ClientSession,
    tasks: asyncio.TaskGroup,
) -> web.Application:
    """Return the HTTP face, every route of the table in it."""
    api = Api(settings, health, _neighbours(settings, session, tasks))

    async def get_openapi(_: web.Request) -> web.Response:
        return json_response(openapi.document(routes.ALL, VERSION))

    answers: dict[str, Answer] = {
        "/api/v1/health": api.get_health,
        "/api/v1/stats": api.get_stats,
        "/api/v1/services": api.get_services,
        "/api/v1/events": api.get_events,
        "/api/v1/config": api.get_config,
        "/api/v1/deadletters": api.get_dead_letters,
        "/api/v1/deadletters/retry": api.post_retry,
        "/api/v1/gaps": api.get_gaps,
        "/api/v1/replay": api.post_replay,
        "/api/v1/openapi.json": get_openapi,
    }
    answers |= {path: page(path) for path in FILES}
    token = settings.admin_token.get_secret_value()
    served = [
        routes.definition(route, answers[route.path], token)
        for route in (*routes.API, *routes.PAGES)
    ]
    return make_app(SERVICE, health, make_registry(health), served)


async def main(settings: Settings, runtime: Runtime) -> None:
    """Run the service until it is told to stop; it has nothing to save."""
    health = Health(SERVICE, VERSION)
    watch_memory(health, percent=settings.memory_alert_percent)
    async with AsyncExitStack() as client, AsyncExitStack() as server:
        session = await client.enter_async_context(
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        )
        app = application(settings, health, session, runtime.tasks)
        await server.enter_async_context(
            serve(app, settings.http_host, settings.http_port)
        )
        health.clear(STARTING)
        await runtime.stop.wait()
        async with runtime.step("close server"):
            await server.aclose()
        async with runtime.step("close connections"):
            await client.aclose()


def _neighbours(
    settings: Settings, session: aiohttp.ClientSession, tasks: asyncio.TaskGroup
) -> Neighbours:
    token = settings.influxdb_token
    influx = InfluxClient(
        session,
        url=settings.influxdb_url,
        org=settings.influxdb_org,
        bucket=settings.influxdb_bucket,
        token=TokenSource(
            token=token.get_secret_value() if token is not None else None,
            path=settings.influxdb_token_file,
        ),
        timeout=settings.admin_timeout_seconds,
    )
    return Neighbours(
        session,
        urls={INGESTION: settings.ingestion_url, ENRICHMENT: settings.enrichment_url},
        influx=influx,
        bucket=settings.influxdb_bucket,
        timeout=settings.admin_timeout_seconds,
        tasks=tasks,
    )
