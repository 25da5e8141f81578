"""Fixtures: the admin API before local neighbours that answer as the real ones do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from admin_api import app
from admin_api.settings import Settings
from servicekit.health import STARTING, Health

TOKEN = "correct-horse"
NOWHERE = "http://127.0.0.1:1"
RESOURCES = {
    "memory_bytes": 60_000_000,
    "memory_limit_bytes": 268_435_456,
    "cpu_seconds": 12.5,
    "cpu_limit_cores": 0.5,
    "throttled_seconds": 0.0,
    "pids": 3,
}
INGESTION_STATS = {
    "service": "websocket-ingestion",
    "status": "degraded",
    "reasons": [
        {
            "code": "auth_invalid",
            "status": "degraded",
            "detail": "Home Assistant refuses the token",
            "since": "2026-11-23T14:47:56.000000Z",
        }
    ],
    "connection": {"phase": "streaming"},
    "events": {
        "received": 100,
        "forwarded": 90,
        "pending": 10,
        "written": 80,
        "merged": 5,
        "dead_lettered": 3,
        "expired": 2,
    },
    "spool": {"bytes": 4096, "limit_bytes": 8192},
    "resources": RESOURCES,
}
ENRICHMENT_STATS = {
    "service": "enrichment-pipeline",
    "version": "0.1.0",
    "status": "ready",
    "reasons": [],
    "uptime_seconds": 5.0,
    "events": {"written": 80},
    "resources": RESOURCES,
}

DEAD_LETTER = {
    "id": "a" * 24,
    "at": "2026-11-23T14:47:56.000000Z",
    "reason": "bad_event",
    "detail": "Expected `str`, got `int`",
    "events": 1,
    "entity_id": "",
    "time_us": None,
    "payload": "{}",
    "truncated": False,
    "origin": "live",
    "retries": 0,
    "last_retry_at": None,
}
RETRIED = {"retried": 3, "stored": 1, "expired": 0, "refused": 2, "unusable": 0}
GAP = {
    "id": 7,
    "state": "open",
    "cause": "websocket-ingestion was stopped",
    "opened_at": "2026-11-23T14:47:56.000000Z",
    "from": "2026-11-23T14:40:00.000000Z",
    "until": None,
    "closed_at": None,
    "from_us": 1_795_444_800_000_000,
    "until_us": None,
    "entities": 4,
    "expected": 12,
    "recovered": 0,
    "unrecoverable": 1,
    "reasons": {"not_recorded": 1},
    "examples": ["sensor.a"],
}
REPLAYED = {
    "replay": {
        "events": 5,
        "frames": 2,
        "since": "2026-11-23T14:40:00.000000Z",
        "retained_since": "2026-11-23T10:00:00.000000Z",
        "gap": None,
    }
}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the machine reaches the settings of a test."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)


@dataclass
class FakeService:
    """A service whose answers the test sets by path; unknown paths are 404."""

    answers: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    url: str = ""
    asked: list[str] = field(default_factory=list)
    told: list[Any] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one request."""
        self.asked.append(request.path_qs)
        if request.can_read_body:
            self.told.append(await request.json())
        await self.gate.wait()
        answer = self.answers.get(request.path)
        if answer is None:
            error = {"code": "not_found", "message": "no such path"}
            return web.json_response({"error": error}, status=404)
        if isinstance(answer, bytes):
            return web.Response(body=answer, status=self.status)
        return web.json_response(answer, status=self.status)


@dataclass
class FakeInflux:
    """The query side of InfluxDB; answers the rows that the test sets."""

    url: str = ""
    token: str = "read-token"
    csv: str = ""
    problem: tuple[int, str, str] | None = None
    queries: list[str] = field(default_factory=list)

    async def ping(self, _: web.Request) -> web.Response:
        """Answer a ping."""
        return web.Response(status=204, headers={"X-Influxdb-Version": "v2.7.12"})

    async def query(self, request: web.Request) -> web.Response:
        """Answer a Flux query."""
        self.queries.append((await request.json())["query"])
        if request.headers.get("Authorization") != f"Token {self.token}":
            return _problem(401, "unauthorized", "unauthorized access")
        if self.problem is not None:
            return _problem(*self.problem)
        return web.Response(text=self.csv, content_type="text/csv")


def _problem(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"code": code, "message": message}, status=status)


@asynccontextmanager
async def listening(application: web.Application) -> AsyncIterator[str]:
    """Serve an application on a free port of 127.0.0.1; yields its address."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@dataclass
class Stack:
    """The admin API with its neighbours, and a client of it."""

    ingestion: FakeService
    enrichment: FakeService
    influx: FakeInflux
    application: web.Application
    url: str
    session: aiohttp.ClientSession

    async def get(self, path: str, *, token: str | None = TOKEN) -> tuple[int, Any]:
        """Return status and JSON of a path under /api/v1."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        url = f"{self.url}/api/v1/{path}"
        async with self.session.get(url, headers=headers) as answer:
            return answer.status, await answer.json()

    async def post(
        self, path: str, body: bytes, *, token: str | None = TOKEN
    ) -> tuple[int, Any]:
        """Return status and JSON of a POST to a path under /api/v1."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        url = f"{self.url}/api/v1/{path}"
        async with self.session.post(url, data=body, headers=headers) as answer:
            return answer.status, await answer.json()


Start = Callable[..., Any]


@pytest_asyncio.fixture
async def start() -> AsyncIterator[Start]:
    """Starts a stack; settings given by name replace those of the fakes."""
    ingestion = FakeService(
        {
            "/v1/stats": INGESTION_STATS,
            "/v1/config": {"A": "1"},
            "/v1/gaps": {"gaps": [GAP]},
            "/v1/replay": REPLAYED,
        }
    )
    enrichment = FakeService(
        {
            "/v1/stats": ENRICHMENT_STATS,
            "/v1/config": {"B": "2"},
            "/v1/deadletters": {"deadletters": [DEAD_LETTER], "next": None},
            "/v1/deadletters/retry": RETRIED,
        }
    )
    influx = FakeInflux()

    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        session = await stack.enter_async_context(aiohttp.ClientSession())

        async def serve(routes: list[web.RouteDef]) -> str:
            application = web.Application()
            application.add_routes(routes)
            return await stack.enter_async_context(listening(application))

        async def begin(**changes: Any) -> Stack:
            ingestion.url = await serve(
                [web.route("*", "/{path:.*}", ingestion.answer)]
            )
            enrichment.url = await serve(
                [web.route("*", "/{path:.*}", enrichment.answer)]
            )
            influx.url = await serve(
                [
                    web.get("/ping", influx.ping),
                    web.post("/api/v2/query", influx.query),
                ]
            )
            given: dict[str, Any] = {
                "admin_token": TOKEN,
                "admin_timeout_seconds": 2.0,
                "ingestion_url": ingestion.url,
                "enrichment_url": enrichment.url,
                "influxdb_url": influx.url,
                "influxdb_org": "home",
                "influxdb_bucket": "ha",
                "influxdb_token": "read-token",
            }
            health = Health(app.SERVICE, app.VERSION)
            health.clear(STARTING)
            application = app.application(
                Settings.load(**(given | changes)), health, session, tasks
            )
            url = await stack.enter_async_context(listening(application))
            return Stack(ingestion, enrichment, influx, application, url, session)

        yield begin
        ingestion.gate.set()
        enrichment.gate.set()


@pytest_asyncio.fixture
async def stack(start: Start) -> Stack:
    """A stack in which everything is well."""
    started: Stack = await start()
    return started
