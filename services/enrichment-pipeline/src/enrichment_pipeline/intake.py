"""POST /v1/frames: a batch is answered 200 only when every event is accounted for.

Two batches are worked on at a time and a few may wait; further ones are refused with
503, as is everything that cannot be stored now. The sender keeps what was refused.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog
from aiohttp import web

from servicekit.errors import WireError
from servicekit.health import Health, Status
from servicekit.http import error_response, json_response
from servicekit.wire import Batch, Outcome, decode_batch

from .batch import balanced, compose
from .counters import Counters
from .deadletters import DeadLetters
from .errors import DeadLetterError, StoreUnavailable, Unavailable
from .influx_state import refusal
from .latency import Latency
from .points import PointBuilder
from .weather_service import WeatherService
from .writer import Writer

__all__ = [
    "BODY_TIMEOUT_SECONDS",
    "MAX_BATCHES",
    "MAX_BODY_BYTES",
    "MAX_WAITING",
    "Intake",
]

MAX_BATCHES: Final = 2
MAX_WAITING: Final = 4
# Home Assistant's largest frames (a snapshot, a poison event) have some 10 MB.
MAX_BODY_BYTES: Final = 64 * 1024 * 1024
BODY_TIMEOUT_SECONDS: Final = 20.0

_log = structlog.get_logger(__name__)


class Intake:
    """Takes batches in; can be told to stop."""

    def __init__(
        self,
        *,
        builder: PointBuilder,
        weather: WeatherService,
        writer: Writer,
        dead_letters: DeadLetters,
        counters: Counters,
        latency: Latency,
        health: Health,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._builder = builder
        self._weather = weather
        self._writer = writer
        self._dead_letters = dead_letters
        self._counters = counters
        self._latency = latency
        self._health = health
        self._clock = clock
        self._slots = asyncio.Semaphore(MAX_BATCHES)
        self._limits: set[asyncio.Timeout] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False

    async def post_frames(self, request: web.Request) -> web.Response:
        """Answer one batch."""
        began = time.monotonic()
        try:
            async with self._place():
                batch = decode_batch(await _body_of(request))
                outcome, surplus = await self._store(batch)
        except WireError as err:
            return error_response(400, "bad_batch", str(err))
        except web.HTTPRequestEntityTooLarge as err:
            return error_response(413, "body_too_large", err.text or err.reason)
        except StoreUnavailable as err:
            self._counters.refuse(err.code)
            _log.debug("batch.refused", code=err.code, cause=err.message)
            return error_response(
                503, err.code, err.message, retry_after=err.retry_after
            )
        self._counters.acknowledge(outcome, surplus, time.monotonic() - began)
        return json_response(outcome)

    def refuse_new(self) -> None:
        """Refuse every batch from now on."""
        self._stopping = True

    async def drain(self, timeout: float) -> None:
        """Let the batches at work finish; refuse those that take longer.

        Args:
            timeout: seconds; a refused batch is sent again after the restart, so no
                event is lost by it.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            now = asyncio.get_running_loop().time()
            for limit in self._limits:
                limit.reschedule(now)
            await self._idle.wait()

    async def _store(self, batch: Batch) -> tuple[Outcome, int]:
        arrived = self._clock()
        self._weather.locate(batch.source)
        composed = compose(batch, self._builder, self._weather.observe)
        stored = await self._writer.store(composed.points)
        written = self._clock()
        rejects = composed.rejects + stored.rejects
        try:
            await self._dead_letters.add(rejects)
        except DeadLetterError as err:
            code = Unavailable.DEAD_LETTER_FULL
            self._health.set(code, Status.DEGRADED, str(err))
            raise refusal(code, str(err)) from err
        if rejects:
            self._health.clear(Unavailable.DEAD_LETTER_FULL)
            _log.warning(
                "batch.dead_letters",
                records=len(rejects),
                reasons=sorted({reject.reason for reject in rejects}),
            )
        if composed.surplus:
            _log.error("batch.uncounted_events", surplus=composed.surplus)
        self._latency.record(composed.ages, arrived=arrived, written=written)
        outcome = Outcome(
            written=stored.written,
            merged=composed.merged,
            dead_lettered=sum(reject.events for reject in rejects),
            expired=stored.expired,
        )
        return balanced(outcome, composed.surplus), composed.surplus

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """Wait for one of the slots; end early when told to stop."""
        if self._stopping:
            raise _shutting_down()
        if len(self._limits) >= MAX_BATCHES + MAX_WAITING:
            raise refusal(Unavailable.OVERLOADED, "too many batches are waiting")
        limit = asyncio.timeout(None)
        self._limits.add(limit)
        self._idle.clear()
        try:
            async with limit, self._slots:
                yield
        except TimeoutError as err:
            raise _shutting_down() from err
        finally:
            self._limits.discard(limit)
            if not self._limits:
                self._idle.set()


async def _body_of(request: web.Request) -> bytes:
    """Return the body; a sender that stops in the middle gives up its place."""
    try:
        async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
            return await request.read()
    except (ConnectionError, TimeoutError) as err:
        _log.info("batch.broken_off", cause=str(err) or type(err).__name__)
        raise web.HTTPRequestTimeout(text="the body did not come to its end") from err


def _shutting_down() -> StoreUnavailable:
    return refusal(Unavailable.SHUTTING_DOWN, "the service is stopping")
