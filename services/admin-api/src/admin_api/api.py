"""What each route answers; a service that does not answer is part of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web
from msgspec import Struct

from servicekit.cgroup import read_resources
from servicekit.health import Health
from servicekit.http import json_response

from .bodies import read_replay, read_retry
from .errors import NeighbourUnavailable
from .neighbours import ENRICHMENT, INGESTION, Json, Neighbours
from .parameters import AFTER, ENTITY_ID, LIMIT, MINUTES
from .reconciliation import Reconciliation, reconcile
from .settings import Settings

__all__ = ["Answers", "Api", "ServiceReport", "report_of", "shown", "worst"]

# From well to ill; the worst one is the status of the stack. Others count as ill.
_SEVERITY: Final = ("ready", "degraded", "starting", "failing")

Answers = Mapping[str, Json | NeighbourUnavailable]


class ServiceReport(Struct, frozen=True, kw_only=True):
    """One service as it says it is; `cause` is set when it does not answer."""

    name: str
    status: str
    cause: str | None = None
    reasons: list[Any] = []
    uptime_seconds: float | None = None
    version: str | None = None
    resources: Any = None


class Api:
    """The routes under /api/v1."""

    def __init__(
        self, settings: Settings, health: Health, neighbours: Neighbours
    ) -> None:
        self._settings = settings
        self._health = health
        self._neighbours = neighbours

    async def get_health(self, _: web.Request) -> web.Response:
        """The stack as a whole: the worst status, and every reason for it."""
        reports = await self._reports()
        brief = [
            {
                "name": report.name,
                "status": report.status,
                "cause": report.cause,
                "reasons": report.reasons,
            }
            for report in reports
        ]
        return json_response({"status": worst(reports), "services": brief})

    async def get_services(self, _: web.Request) -> web.Response:
        """Every service with its health and resources, and InfluxDB."""
        reports = await self._reports()
        return json_response({"status": worst(reports), "services": reports})

    async def get_stats(self, _: web.Request) -> web.Response:
        """The services' own counts, and whether they add up."""
        answers = await self._neighbours.each("/v1/stats")
        ingestion = answers[INGESTION]
        sums: Reconciliation | None = None
        if not isinstance(ingestion, NeighbourUnavailable):
            sums = reconcile(ingestion.get("events"))
        return json_response(
            {
                "reconciled": None if sums is None else sums.reconciled,
                "reconciliation": sums,
                "services": {name: shown(one) for name, one in answers.items()},
            }
        )

    async def get_config(self, _: web.Request) -> web.Response:
        """The settings of every service, without secrets."""
        answers = await self._neighbours.each("/v1/config")
        others = {name: shown(one) for name, one in answers.items()}
        own = {self._health.service: self._settings.redacted()}
        return json_response({"services": own | others})

    async def get_events(self, request: web.Request) -> web.Response:
        """The latest events in InfluxDB, the newest first."""
        query = request.query
        events = await self._neighbours.recent_events(
            entity_id=ENTITY_ID.parse(query.get(ENTITY_ID.name)),
            minutes=MINUTES.parse(query.get(MINUTES.name)),
            limit=LIMIT.parse(query.get(LIMIT.name)),
        )
        return json_response({"events": events})

    async def get_dead_letters(self, request: web.Request) -> web.Response:
        """Events that could not be stored, the newest first."""
        query = request.query
        params = {LIMIT.name: str(LIMIT.parse(query.get(LIMIT.name)))}
        after = AFTER.parse(query.get(AFTER.name))
        if after is not None:
            params[AFTER.name] = after
        page = await self._neighbours.ask(ENRICHMENT, "/v1/deadletters", params)
        return json_response(page)

    async def post_retry(self, request: web.Request) -> web.Response:
        """Offer dead letters to InfluxDB again; answers with what became of them."""
        wish = read_retry(await request.read())
        done = await self._neighbours.tell(ENRICHMENT, "/v1/deadletters/retry", wish)
        return json_response(done)

    async def get_gaps(self, request: web.Request) -> web.Response:
        """Times without a connection to Home Assistant, the newest first."""
        limit = LIMIT.parse(request.query.get(LIMIT.name))
        params = {LIMIT.name: str(limit)}
        return json_response(await self._neighbours.ask(INGESTION, "/v1/gaps", params))

    async def post_replay(self, request: web.Request) -> web.Response:
        """Have websocket-ingestion send what it has kept once more."""
        wish = read_replay(await request.read())
        begun = await self._neighbours.tell(INGESTION, "/v1/replay", wish)
        return json_response(begun, status=202)

    async def _reports(self) -> list[ServiceReport]:
        answers = await self._neighbours.each_and_influxdb("/v1/stats")
        now = self._health.snapshot()
        own = ServiceReport(
            name=now.service,
            status=now.status,
            reasons=list(now.reasons),
            uptime_seconds=now.uptime_seconds,
            version=now.version,
            resources=read_resources(),
        )
        return [*(report_of(name, one) for name, one in answers.items()), own]


def report_of(name: str, answer: Json | NeighbourUnavailable) -> ServiceReport:
    """Return what a service says of itself, or why it does not."""
    if isinstance(answer, NeighbourUnavailable):
        return ServiceReport(name=name, status=answer.code, cause=answer.cause)
    return ServiceReport(
        name=name,
        status=str(answer.get("status", "unknown")),
        reasons=answer.get("reasons", []),
        uptime_seconds=answer.get("uptime_seconds"),
        version=answer.get("version"),
        resources=answer.get("resources"),
    )


def shown(answer: Json | NeighbourUnavailable) -> Json:
    """Return an answer, or in its place the status with its cause."""
    if isinstance(answer, NeighbourUnavailable):
        return {"status": answer.code, "cause": answer.cause}
    return answer


def worst(reports: list[ServiceReport]) -> str:
    """Return the worst status; whatever is not well known is failing."""
    ranks = [
        _SEVERITY.index(report.status)
        if report.status in _SEVERITY
        else len(_SEVERITY) - 1
        for report in reports
    ]
    return _SEVERITY[max(ranks)]
