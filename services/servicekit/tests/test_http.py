"""The HTTP face: statuses follow the health, errors are JSON."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from servicekit.errors import StartError
from servicekit.health import STARTING, Health, Status
from servicekit.http import error_response, json_response, make_app, serve
from servicekit.metrics import make_registry


@dataclass(frozen=True)
class Server:
    """A listening service and a client for it."""

    health: Health
    session: aiohttp.ClientSession
    url: str

    async def get(
        self, path: str, method: str = "GET", **given: Any
    ) -> tuple[int, Any]:
        """Return the status and the JSON body."""
        async with self.session.request(method, self.url + path, **given) as answer:
            return answer.status, json.loads(await answer.text())


async def broken(_: web.Request) -> web.Response:
    """Fail as a program error does."""
    raise RuntimeError("secret detail")


async def moved(_: web.Request) -> web.Response:
    """Redirect."""
    raise web.HTTPFound("/health")


async def echo(request: web.Request) -> web.Response:
    """Answer with the size of the body."""
    return json_response({"size": len(await request.read())})


async def busy(_: web.Request) -> web.Response:
    """Ask for a pause."""
    return error_response(503, "busy", "later", retry_after=2.4)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    """Serve a sample service on a free port."""
    health = Health("sample", "1.0")
    routes = [
        web.get("/broken", broken),
        web.get("/moved", moved),
        web.post("/echo", echo),
        web.get("/busy", busy),
    ]
    registry = make_registry(health)
    app = make_app("sample", health, registry, routes, client_max_size=1000)
    async with (
        serve(app, "127.0.0.1", 0) as port,
        aiohttp.ClientSession() as session,
    ):
        yield Server(health, session, f"http://127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("status", "health", "ready"),
    [
        (Status.READY, 200, 200),
        (Status.DEGRADED, 200, 503),
        (Status.STARTING, 503, 503),
        (Status.FAILING, 503, 503),
    ],
)
@pytest.mark.asyncio
async def test_health_and_ready(
    server: Server, status: Status, health: int, ready: int
) -> None:
    """/health fails while starting or failing, /ready unless plainly ready."""
    server.health.clear(STARTING)
    if status is not Status.READY:
        server.health.set("why", status, "because")
    got_health, body = await server.get("/health")
    got_ready, _ = await server.get("/ready")

    assert (got_health, got_ready) == (health, ready)
    assert (body["service"], body["status"]) == ("sample", status)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("POST", "/health", 405, "method_not_allowed"),
        ("GET", "/broken", 500, "internal_error"),
        ("GET", "/busy", 503, "busy"),
    ],
)
@pytest.mark.asyncio
async def test_errors_are_json(
    server: Server, method: str, path: str, status: int, code: str
) -> None:
    """Every error has the same shape and tells nothing of the inside."""
    got, body = await server.get(path, method)

    assert (got, body["error"]["code"]) == (status, code)
    assert "secret detail" not in body["error"]["message"]


@pytest.mark.asyncio
async def test_a_large_body_is_refused(server: Server) -> None:
    """A body over the limit gets a 413, one below is taken."""
    large, problem = await server.get("/echo", "POST", data=b"x" * 2000)
    small, taken = await server.get("/echo", "POST", data=b"x" * 900)

    assert (large, problem["error"]["code"]) == (413, "request_entity_too_large")
    assert (small, taken) == (200, {"size": 900})


@pytest.mark.asyncio
async def test_headers(server: Server) -> None:
    """Answers name the service, refusals what is allowed and when to come back."""
    async with server.session.post(f"{server.url}/health") as refused:
        allow, name = refused.headers["Allow"], refused.headers["Server"]
    async with server.session.get(f"{server.url}/busy") as asked:
        pause = asked.headers["Retry-After"]
    async with server.session.get(f"{server.url}/moved") as followed:
        history = [one.status for one in followed.history]

    assert (allow, name) == ("GET,HEAD", "sample")
    assert pause == "2"
    assert history == [302]


@pytest.mark.asyncio
async def test_metrics_are_prometheus_text(server: Server) -> None:
    """/metrics shows the registry in Prometheus' text format."""
    async with server.session.get(f"{server.url}/metrics") as answer:
        kind, text = answer.headers["Content-Type"], await answer.text()

    assert kind.startswith("text/plain")
    assert "ha_ingestor_health{" in text


@pytest.mark.asyncio
async def test_a_port_in_use_cannot_start(server: Server) -> None:
    """Two services cannot share a port, and the second one says so."""
    port = int(server.url.rpartition(":")[2])
    health = Health("other", "1")
    app = make_app("other", health, make_registry(health))

    with pytest.raises(StartError, match=f"HTTP_PORT: cannot listen .*:{port}"):
        async with serve(app, "127.0.0.1", port):
            pass
