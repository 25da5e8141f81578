"""Hands batches to enrichment-pipeline; moves on only after its 2xx."""

from __future__ import annotations

import asyncio
import io
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import aiohttp
import structlog

from servicekit.health import Health, Status
from servicekit.retry import delays
from servicekit.wire import SCHEMA, Batch, Frame, Outcome, Source, encode_batch

from .answers import ENRICHMENT_REJECTS, TOO_LARGE, judge
from .errors import ForwardError, FrameUnreadable, SpoolError
from .frames import halve
from .ledger import NOTHING, plus
from .lot import Lot
from .pace import wait_after
from .spool import Spool

__all__ = ["Enrichment", "Forwarder", "ForwarderView"]

_LARGE_BODY_BYTES: Final = 1024 * 1024
"""From here on aiohttp wants a stream, to write the body in pieces."""

MOST_UNDER_WAY: Final = 2
"""Requests at a time; enrichment-pipeline takes as many."""

_LOOK_SECONDS: Final = 0.01
"""Between two looks at what the reader has before it."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrichment:
    """Where enrichment-pipeline is and how to send; times in seconds, sizes in bytes.

    A request waits `linger_seconds` for more frames, and `busy_times` as long after
    one of `busy_bytes`: it costs all services, and InfluxDB most, whatever it holds.
    While more than `crowded_bytes` of Home Assistant's are unread a request waits too,
    up to `give_way_seconds`: a backlog can wait, a reader that is late is cut off.
    """

    url: str
    max_events: int = 5000
    max_bytes: int = 4 * 1024 * 1024
    linger_seconds: float = 0.02
    busy_bytes: int = 256 * 1024
    busy_times: float = 3.0
    crowded_bytes: int = 256 * 1024
    give_way_seconds: float = 0.5
    timeout_seconds: float = 30.0
    retry_first_seconds: float = 0.2
    retry_most_seconds: float = 30.0


class _UnderWay(NamedTuple):
    """A lot that is being delivered, and what ends when it is acknowledged."""

    lot: Lot
    acknowledged: asyncio.Task[None]


class ForwarderView(NamedTuple):
    """Requests since the start: taken, and not taken."""

    batches: int
    failures: int


class Forwarder:
    """Sends what the spool holds, in order, until it is cancelled."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        spool: Spool,
        health: Health,
        options: Enrichment,
        *,
        source: Callable[[], Source],
        unread_bytes: Callable[[], int],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._session = session
        self._spool = spool
        self._health = health
        self._options = options
        self._source = source
        self._unread_bytes = unread_bytes
        self._jitter = jitter
        self._places = asyncio.Semaphore(MOST_UNDER_WAY)
        self._linger = options.linger_seconds
        self._reason: str | None = None
        self._batches = 0
        self._failures = 0

    def view(self) -> ForwarderView:
        """Return the numbers of requests."""
        return ForwarderView(self._batches, self._failures)

    async def run(self) -> None:
        """Forward for ever; every failure is named in the health and retried.

        While one request is under way a second one follows only if it is full: then
        enrichment-pipeline decodes the one while InfluxDB writes the other.
        """
        before: _UnderWay | None = None
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._places.acquire()
                lot = await self._gather(before)
                before = _UnderWay(lot, tasks.create_task(self._pass_on(lot, before)))

    async def _gather(self, before: _UnderWay | None) -> Lot:
        """Return the next lot, when it is time to send it."""
        enough = self._options.max_events
        behind = before.lot if before else None
        await self._spool.wait_frames(behind)
        if before and self._spool.waiting_behind(behind) < enough:
            await before.acknowledged
            behind = None
        if self._spool.waiting_behind(behind) < enough:
            await asyncio.sleep(self._linger)
        await self._give_way()
        lot = await self._next_lot(behind)
        self._linger = wait_after(
            lot.plain_bytes,
            seconds=self._options.linger_seconds,
            busy_bytes=self._options.busy_bytes,
            busy_times=self._options.busy_times,
        )
        return lot

    async def _give_way(self) -> None:
        """Let the reader go first while it is late, but not for ever."""
        for _ in range(int(self._options.give_way_seconds / _LOOK_SECONDS)):
            if self._unread_bytes() <= self._options.crowded_bytes:
                break
            await asyncio.sleep(_LOOK_SECONDS)

    async def _pass_on(self, lot: Lot, before: _UnderWay | None) -> None:
        """Deliver the lot; acknowledge it after the one before."""
        outcome = await self._deliver(lot)
        if before:
            await before.acknowledged
        self._spool.acknowledge(lot, outcome)
        self._places.release()

    async def _next_lot(self, behind: Lot | None) -> Lot:
        waits = self._waits()
        while True:
            try:
                lot = await self._spool.next_lot(
                    max_events=self._options.max_events,
                    max_bytes=self._options.max_bytes,
                    behind=behind,
                )
            except SpoolError as error:
                self._complain("spool_unreadable", Status.FAILING, str(error))
                await asyncio.sleep(next(waits))
            else:
                return lot

    async def _deliver(self, lot: Lot) -> Outcome:
        """Return what became of the lot, however long that takes."""
        waits = self._waits()
        while True:
            try:
                outcome = await self._send(lot.frames) if lot.frames else NOTHING
            except ForwardError as error:
                self._failures += 1
                held = f"{self._spool.waiting_events} events wait in the spool"
                detail = f"{error.message}; {held}"
                self._complain(error.code, Status.DEGRADED, detail)
                await asyncio.sleep(self._delay(error, waits))
            else:
                self._content()
                return outcome

    async def _send(self, frames: list[Frame]) -> Outcome:
        """Send frames in one request, or in halves if that is too large."""
        try:
            return await self._post(frames)
        except ForwardError as error:
            if error.code != TOO_LARGE:
                raise
            first, second = _halves(frames, error)
        return plus(await self._send(first), await self._send(second))

    async def _post(self, frames: list[Frame]) -> Outcome:
        batch = Batch(SCHEMA, self._source(), frames)
        body = encode_batch(batch)
        try:
            async with self._session.post(
                f"{self._options.url}/v1/frames",
                data=io.BytesIO(body) if len(body) > _LARGE_BODY_BYTES else body,
                headers={"Content-Type": "application/msgpack"},
                timeout=aiohttp.ClientTimeout(total=self._options.timeout_seconds),
                allow_redirects=False,
            ) as answer:
                said = await answer.read()
        except TimeoutError as err:
            seconds = self._options.timeout_seconds
            raise self._unreachable(f"no answer within {seconds:g} s") from err
        except (aiohttp.ClientError, OSError) as err:
            raise self._unreachable(str(err) or type(err).__name__) from err
        pause = answer.headers.get("Retry-After", "")
        outcome = judge(answer.status, said, retry_after=pause, events=batch.events)
        self._batches += 1
        return outcome

    def _unreachable(self, cause: str) -> ForwardError:
        return ForwardError(
            "enrichment_unreachable",
            f"enrichment-pipeline at {self._options.url} does not answer: {cause}",
        )

    def _waits(self) -> Iterator[float]:
        options = self._options
        return delays(
            options.retry_first_seconds, options.retry_most_seconds, jitter=self._jitter
        )

    def _delay(self, error: ForwardError, waits: Iterator[float]) -> float:
        """Return the seconds to the next try; a wish of the other side comes first."""
        usual = next(waits)
        if error.retry_after is None:
            return usual
        wish = min(error.retry_after, self._options.retry_most_seconds)
        return wish * (1 + 0.25 * self._jitter())

    def _complain(self, code: str, status: Status, detail: str) -> None:
        if self._reason not in (None, code):
            self._content()
        if self._reason is None:
            _log.warning("forward.failed", reason=code, detail=detail)
        self._reason = code
        self._health.set(code, status, detail)

    def _content(self) -> None:
        if self._reason is not None:
            self._health.clear(self._reason)
            self._reason = None


def _halves(
    frames: list[Frame], error: ForwardError
) -> tuple[list[Frame], list[Frame]]:
    """Cut a list of frames in two, or its only frame.

    Raises:
        ForwardError: there is nothing left to cut.
    """
    middle = len(frames) // 2
    if middle:
        return frames[:middle], frames[middle:]
    try:
        parts = halve(frames[0])
    except FrameUnreadable as err:
        raise ForwardError(ENRICHMENT_REJECTS, f"{error.message} ({err})") from err
    if parts is None:
        size = len(frames[0].payload)
        message = f"{error.message} (a single event of {size} bytes)"
        raise ForwardError(ENRICHMENT_REJECTS, message)
    return [parts[0]], [parts[1]]
