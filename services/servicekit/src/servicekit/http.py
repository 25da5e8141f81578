"""The HTTP face of a service: health, metrics, its own routes, errors as JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

import msgspec
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from .errors import StartError
from .health import Health, Status

__all__ = ["error_response", "json_response", "make_app", "serve"]

_WELL: Final = frozenset({Status.READY, Status.DEGRADED})
_CODES: Final[dict[int, str]] = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "request_entity_too_large"
}
"""Where the phrase of the standard library differs between Python versions."""

_SHUTDOWN_SECONDS: Final = 0.5
"""How long open connections may finish; the services' own steps come before.

aiohttp waits twice: for the handlers, and again for what they have left open.
"""

_log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def json_response(data: object, *, status: int = 200) -> web.Response:
    """Return `data` (anything that msgspec encodes) as a JSON answer."""
    return web.Response(
        body=msgspec.json.encode(data, enc_hook=str),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def error_response(
    status: int, code: str, message: str, *, retry_after: float | None = None
) -> web.Response:
    """Return {"error": {"code", "message"}}, with Retry-After in whole seconds."""
    answer = json_response({"error": {"code": code, "message": message}}, status=status)
    if retry_after is not None:
        answer.headers["Retry-After"] = str(max(1, round(retry_after)))
    return answer


@web.middleware
async def _errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as err:
        if err.status < HTTPStatus.BAD_REQUEST:
            raise
        code = _CODES.get(err.status) or err.reason.lower().replace(" ", "_")
        answer = error_response(err.status, code, err.text or err.reason)
        if "Allow" in err.headers:
            answer.headers["Allow"] = err.headers["Allow"]
        return answer
    except Exception:  # noqa: BLE001 - edge of the process, answered and logged
        _log.exception("http.failed", method=request.method, path=request.path)
        return error_response(500, "internal_error", "the request failed; see the log")


def make_app(
    service: str,
    health: Health,
    registry: CollectorRegistry,
    routes: Iterable[web.AbstractRouteDef] = (),
    *,
    client_max_size: int = 64 * 1024,
) -> web.Application:
    """Return an application with /health, /ready, /metrics and the given routes.

    Args:
        service: name for the Server header.
        health: what /health (200 while ready or degraded) and /ready (200 while
            ready) show.
        registry: what /metrics shows.
        routes: the service's own routes, among them GET /v1/config.
        client_max_size: largest request body in bytes; larger ones get a 413.
    """

    async def show_health(_: web.Request) -> web.Response:
        now = health.snapshot()
        return json_response(now, status=200 if now.status in _WELL else 503)

    async def show_ready(_: web.Request) -> web.Response:
        now = health.snapshot()
        return json_response(now, status=200 if now.status is Status.READY else 503)

    async def show_metrics(_: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(registry),
            headers={"Content-Type": CONTENT_TYPE_LATEST},
        )

    async def name_server(_: web.Request, answer: web.StreamResponse) -> None:
        answer.headers["Server"] = service

    app = web.Application(
        middlewares=[_errors_as_json], client_max_size=client_max_size
    )
    app.on_response_prepare.append(name_server)
    app.add_routes(
        [
            web.get("/health", show_health),
            web.get("/ready", show_ready),
            web.get("/metrics", show_metrics),
            *routes,
        ]
    )
    return app


@asynccontextmanager
async def serve(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Listen while the block runs; yields the port (useful if `port` is 0).

    Raises:
        StartError: the address is in use or not ours.
    """
    runner = web.AppRunner(
        app,
        handler_cancellation=False,
        access_log=None,
        shutdown_timeout=_SHUTDOWN_SECONDS,
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as err:
            problem = f"HTTP_PORT: cannot listen on {host}:{port}: {err.strerror}"
            raise StartError(problem) from err
        bound = int(runner.addresses[0][1])
        _log.info("http.listening", host=host, port=bound)
        yield bound
    finally:
        await runner.cleanup()
