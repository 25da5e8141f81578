"""Asks the other services and InfluxDB; who does not answer has a cause."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final, TypeVar

import aiohttp
import msgspec
from msgspec import Struct

from servicekit.errors import InfluxError, InfluxQueryFailed, InfluxUnreachable
from servicekit.influx import InfluxClient

from . import queries
from .errors import BadParameter, NeighbourUnavailable
from .stored_events import StoredEvent, event_of

__all__ = [
    "ENRICHMENT",
    "INFLUXDB",
    "INGESTION",
    "UNREACHABLE",
    "UNUSABLE",
    "WORK_SECONDS",
    "Json",
    "Neighbours",
]

INGESTION: Final = "websocket-ingestion"
ENRICHMENT: Final = "enrichment-pipeline"
INFLUXDB: Final = "influxdb"

UNREACHABLE: Final = "unreachable"
UNUSABLE: Final = "unusable"
# What a neighbour is told to do may take longer than an answer.
WORK_SECONDS: Final = 60.0
_DONE: Final = frozenset({200, 202})
_BAD_REQUEST: Final = 400
_UNAUTHORIZED: Final = frozenset({401, 403})
_NOT_FOUND: Final = 404

T = TypeVar("T")
Json = dict[str, Any]


class Neighbours:
    """The two services and InfluxDB, asked at the same time where it helps.

    `tasks` is the group of the service: each task in it ends within `timeout` seconds
    and turns every failure of the network into a `NeighbourUnavailable`.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        urls: dict[str, str],
        influx: InfluxClient,
        bucket: str,
        timeout: float,
        tasks: asyncio.TaskGroup,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._urls = urls
        self._influx = influx
        self._bucket = bucket
        self._timeout = timeout
        self._tasks = tasks
        self._monotonic = monotonic

    async def each(self, path: str) -> dict[str, Json | NeighbourUnavailable]:
        """Ask every service for a JSON object, all at the same time."""
        answers = await self._at_once(
            self._answer_or_error(self.ask(name, path)) for name in self._urls
        )
        return dict(zip(self._urls, answers, strict=True))

    async def each_and_influxdb(
        self, path: str
    ) -> dict[str, Json | NeighbourUnavailable]:
        """Ask every service for a JSON object, and InfluxDB how it is."""
        asked = [self.ask(name, path) for name in self._urls]
        answers = await self._at_once(
            self._answer_or_error(one) for one in [*asked, self.ask_influxdb()]
        )
        return dict(zip([*self._urls, INFLUXDB], answers, strict=True))

    async def ask(
        self, name: str, path: str, params: dict[str, str] | None = None
    ) -> Json:
        """Return the JSON object that a service answers.

        Raises:
            NeighbourUnavailable: no answer in time, or none of use.
            BadParameter: the service refuses a value in `params`.
        """
        answered = await self._send("GET", name, path, self._timeout, params=params)
        return _judged(name, *answered, may_be_ours=bool(params))

    async def tell(self, name: str, path: str, wish: Struct) -> Json:
        """Have a service do something; return the JSON object that it answers.

        Raises:
            NeighbourUnavailable: no answer in time, or it cannot be done now.
            BadParameter: the service refuses the wish.
        """
        seconds = max(self._timeout, WORK_SECONDS)
        body = msgspec.json.encode(wish)
        answered = await self._send("POST", name, path, seconds, body=body)
        return _judged(name, *answered, may_be_ours=True)

    async def ask_influxdb(self) -> Json:
        """Return that InfluxDB is ready: it answers and reads with our token.

        Raises:
            NeighbourUnavailable: says which of both does not hold.
        """
        try:
            version = await self._influx.ping()
            await self._influx.query(queries.probe(self._bucket))
        except InfluxError as err:
            raise _influx_unavailable(err) from err
        return {"service": INFLUXDB, "status": "ready", "version": version}

    async def recent_events(
        self, *, entity_id: str | None, minutes: int, limit: int
    ) -> list[StoredEvent]:
        """Return the latest stored events, the newest first.

        Looks back step by step and stops as soon as there are enough, or when the
        time for the whole answer is over.

        Raises:
            NeighbourUnavailable: InfluxDB does not answer or refuses.
        """
        rows: list[dict[str, str]] = []
        deadline = self._monotonic() + self._timeout
        for window in queries.windows(minutes):
            if rows and self._monotonic() > deadline:
                break
            flux = queries.recent_events(
                self._bucket, entity_id=entity_id, minutes=window, limit=limit
            )
            try:
                rows = await self._influx.query(flux)
            except InfluxError as err:
                raise _influx_unavailable(err) from err
            if len(rows) >= limit:
                break
        return [event_of(row) for row in rows]

    async def _send(
        self,
        method: str,
        name: str,
        path: str,
        seconds: float,
        *,
        params: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> tuple[int, bytes]:
        try:
            async with self._session.request(
                method,
                f"{self._urls[name]}{path}",
                params=params,
                data=body,
                headers=None if body is None else {"Content-Type": "application/json"},
                timeout=aiohttp.ClientTimeout(total=seconds),
                allow_redirects=False,
            ) as answer:
                return answer.status, await answer.read()
        except TimeoutError as err:
            cause = f"no answer within {seconds:g} s"
            raise NeighbourUnavailable(name, UNREACHABLE, cause) from err
        except (aiohttp.ClientError, OSError) as err:
            cause = str(err) or type(err).__name__
            raise NeighbourUnavailable(name, UNREACHABLE, cause) from err

    async def _at_once(self, asked: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
        return [await task for task in [self._tasks.create_task(one) for one in asked]]

    @staticmethod
    async def _answer_or_error(
        asked: Coroutine[Any, Any, Json],
    ) -> Json | NeighbourUnavailable:
        try:
            return await asked
        except NeighbourUnavailable as err:
            return err


def _judged(name: str, status: int, body: bytes, *, may_be_ours: bool) -> Json:
    """Return the JSON object of an answer; a 400 may be the fault of who asked us."""
    try:
        answer = msgspec.json.decode(body, type=Json)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as err:
        raise NeighbourUnavailable(name, UNUSABLE, f"HTTP {status}, {err}") from err
    if status == _BAD_REQUEST and may_be_ours:
        parameter, _, problem = _message(answer).partition(": ")
        raise BadParameter(parameter, problem)
    if status not in _DONE:
        cause = f"HTTP {status}, {_message(answer)}"
        raise NeighbourUnavailable(name, UNUSABLE, cause)
    return answer


def _influx_unavailable(err: InfluxError) -> NeighbourUnavailable:
    match err:
        case InfluxQueryFailed(status=status) if status in _UNAUTHORIZED:
            return NeighbourUnavailable(INFLUXDB, "unauthorized", str(err))
        case InfluxQueryFailed(status=status) if status == _NOT_FOUND:
            return NeighbourUnavailable(INFLUXDB, "not_found", str(err))
        case InfluxUnreachable():
            return NeighbourUnavailable(INFLUXDB, UNREACHABLE, str(err))
        case _:
            return NeighbourUnavailable(INFLUXDB, "failing", str(err))


def _message(answer: Json) -> str:
    """Return the message of an error answer; all services use the same shape."""
    problem = answer.get("error")
    return str(problem.get("message")) if isinstance(problem, dict) else "no message"
