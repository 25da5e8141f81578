"""The table of routes: what is served, to whom, and what OpenAPI says of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from servicekit.http import error_response

from .auth import Answer, protected
from .errors import BadParameter, NeighbourUnavailable
from .parameters import AFTER, ENTITY_ID, LIMIT, MINUTES, Parameter, refuse_unknown

__all__ = [
    "ALL",
    "API",
    "COMMON",
    "JSON",
    "PAGES",
    "Route",
    "answering",
    "definition",
    "parameter_objects",
]

JSON: Final = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route; `schema` and `body` name schemas of the OpenAPI document.

    What changes anything is a POST, and asks for the token in a header that no page
    of another origin can set.
    """

    path: str
    name: str
    summary: str
    method: str = "GET"
    body: str = ""
    status: int = 200
    schema: str = "Object"
    media_type: str = JSON
    parameters: tuple[Parameter, ...] = ()
    protected: bool = True
    may_be_unavailable: bool = False


# Served by servicekit for every service.
COMMON: Final = (
    Route(
        path="/health",
        name="getHealth",
        summary="Is this service alive? 200 while ready or degraded, else 503.",
        schema="Health",
        protected=False,
        may_be_unavailable=True,
    ),
    Route(
        path="/ready",
        name="getReady",
        summary="Is this service ready? 200 while ready, else 503.",
        schema="Health",
        protected=False,
        may_be_unavailable=True,
    ),
    Route(
        path="/metrics",
        name="getMetrics",
        summary="Metrics of this service for Prometheus.",
        schema="Text",
        media_type="text/plain",
        protected=False,
    ),
)
PAGES: Final = (
    Route(
        path="/",
        name="getPage",
        summary="The web page.",
        schema="Text",
        media_type="text/html",
        protected=False,
    ),
    Route(
        path="/admin.js",
        name="getScript",
        summary="The script of the web page.",
        schema="Text",
        media_type="text/javascript",
        protected=False,
    ),
    Route(
        path="/admin.css",
        name="getStyle",
        summary="The style of the web page.",
        schema="Text",
        media_type="text/css",
        protected=False,
    ),
)
API: Final = (
    Route(
        path="/api/v1/health",
        name="getStackHealth",
        summary="The worst status of the stack, and the reasons.",
        schema="StackHealth",
    ),
    Route(
        path="/api/v1/stats",
        name="getStats",
        summary="Counts of the services, and whether they add up.",
        schema="Stats",
    ),
    Route(
        path="/api/v1/services",
        name="getServices",
        summary="Health and resources of every service.",
        schema="Services",
    ),
    Route(
        path="/api/v1/events",
        name="getEvents",
        summary="The latest stored events, the newest first.",
        schema="Events",
        parameters=(ENTITY_ID, MINUTES, LIMIT),
        may_be_unavailable=True,
    ),
    Route(
        path="/api/v1/config",
        name="getConfig",
        summary="The settings of every service, without secrets.",
        schema="Config",
    ),
    Route(
        path="/api/v1/deadletters",
        name="getDeadLetters",
        summary="Events that could not be stored, the newest first.",
        schema="DeadLetters",
        parameters=(LIMIT, AFTER),
        may_be_unavailable=True,
    ),
    Route(
        path="/api/v1/deadletters/retry",
        name="retryDeadLetters",
        summary="Offer dead letters to InfluxDB again, all or by id.",
        method="POST",
        body="RetryWish",
        schema="Retried",
        may_be_unavailable=True,
    ),
    Route(
        path="/api/v1/gaps",
        name="getGaps",
        summary="Times without Home Assistant, and what was read back of them.",
        schema="Gaps",
        parameters=(LIMIT,),
        may_be_unavailable=True,
    ),
    Route(
        path="/api/v1/replay",
        name="replay",
        summary="Send again what was not stored yet when a restored backup was begun.",
        method="POST",
        body="ReplayWish",
        status=202,
        schema="Replayed",
        may_be_unavailable=True,
    ),
    Route(
        path="/api/v1/openapi.json",
        name="getOpenApi",
        summary="This document.",
    ),
)
ALL: Final = (*COMMON, *PAGES, *API)


def definition(route: Route, answer: Answer, token: str) -> web.RouteDef:
    """Return a route for aiohttp: its parameters checked, its errors as JSON."""
    if route.protected:
        answer = protected(answering(route, answer), token)
    if route.method == "GET":
        return web.get(route.path, answer)
    return web.route(route.method, route.path, answer)


def answering(
    route: Route, answer: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> Answer:
    """Return the route's function with the errors of this package as JSON answers."""

    async def ask(request: web.Request) -> web.StreamResponse:
        try:
            refuse_unknown(request.query, route.parameters)
            return await answer(request)
        except BadParameter as err:
            return error_response(400, "bad_parameter", str(err))
        except NeighbourUnavailable as err:
            code = f"{err.neighbour.replace('-', '_')}_{err.code}"
            return error_response(503, code, str(err), retry_after=5)

    return ask


def parameter_objects(route: Route) -> list[dict[str, Any]]:
    """Return a route's parameters as OpenAPI says them."""
    return [
        {
            "name": parameter.name,
            "in": "query",
            "required": False,
            "description": parameter.description,
            "schema": parameter.schema(),
        }
        for parameter in route.parameters
    ]
