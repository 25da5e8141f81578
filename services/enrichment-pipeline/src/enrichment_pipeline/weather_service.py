"""Keeps the weather history filled and writes the measurement `weather`.

Runs beside the path of the events and never blocks it: events read the history, this
task fills it. A provider that fails is logged once when it goes and once when it is
back; the service stays ready without weather.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

import structlog
from msgspec import Struct

from servicekit.errors import InfluxUnreachable
from servicekit.health import iso
from servicekit.influx import Answer
from servicekit.retry import Verdict, classify, delays
from servicekit.wire import Source

from .errors import PointRefused, WeatherUnavailable
from .events import Change
from .settings import Provider
from .weather import History, Sample, sample_of, weather_line
from .weather_client import WeatherClient

__all__ = ["Position", "WeatherService", "WeatherStats", "Write"]

_MICROSECONDS = 1_000_000
# A provider that fails is asked again after this long, then ever more seldom.
_FIRST_RETRY_SECONDS = 30.0
# Samples that wait for InfluxDB; when full the oldest leaves (it stays in the history).
_MAX_UNWRITTEN = 512

_log = structlog.get_logger(__name__)

Write = Callable[[bytes], Awaitable[Answer]]
Position = tuple[float, float]


class WeatherStats(Struct, frozen=True, kw_only=True):
    """What /v1/stats shows of the weather."""

    provider: Provider
    position_known: bool
    samples: int
    unwritten: int
    last_sample_at: str | None
    last_sample_age_seconds: float | None
    last_error: str | None


class WeatherService:
    """Takes samples from a client or from the stream, and writes each one once."""

    def __init__(
        self,
        *,
        provider: Provider,
        client: WeatherClient | None,
        history: History,
        write: Write,
        position: Position | None,
        every: float,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._provider = provider
        self._client = client
        self._history = history
        self._write = write
        self._fixed_position = position
        self._position = position
        self._every = every
        self._clock = clock
        self._pause = pause
        self._located = asyncio.Event()
        if position is not None:
            self._located.set()
        self._news = asyncio.Event()
        self._unwritten: deque[bytes] = deque(maxlen=_MAX_UNWRITTEN)
        self._entity: str | None = None
        self._error: str | None = None

    def locate(self, source: Source) -> None:
        """Take the position of Home Assistant, unless the settings name one."""
        if self._fixed_position is not None:
            return
        if source.latitude is not None and source.longitude is not None:
            self._position = (source.latitude, source.longitude)
            self._located.set()

    def observe(self, change: Change) -> None:
        """Take the weather out of a weather entity's change, if that is the source.

        The first entity seen is kept until it is removed, so that two of them do not
        alternate.
        """
        if self._provider is not Provider.HOMEASSISTANT:
            return
        if self._entity not in (None, change.entity_id):
            return
        if change.state is None:
            self._entity = None
            return
        sample = sample_of(change)
        if sample is not None and self._take(sample):
            self._entity = change.entity_id

    async def run(self) -> None:
        """Refresh and write until cancelled."""
        if self._client is not None:
            await self._refresh_for_ever(self._client)
        while True:
            await self._news.wait()
            self._news.clear()
            await self._flush_until_done()

    async def refresh(self, client: WeatherClient) -> bool:
        """Ask the provider once; tell whether it answered."""
        position = await self._known_position()
        try:
            sample = await client.current(*position)
        except WeatherUnavailable as err:
            if self._error is None:
                _log.warning("weather.gone", provider=self._provider, cause=str(err))
            self._error = str(err)
            return False
        if self._error is not None:
            _log.info("weather.back", provider=self._provider)
            self._error = None
        self._take(sample)
        return True

    async def flush(self) -> bool:
        """Write the waiting samples; tell whether none has to be tried again."""
        while self._unwritten:
            line = self._unwritten[0]
            try:
                answer = await self._write(line)
            except InfluxUnreachable:
                return False
            verdict = classify(answer.status)
            if verdict in (Verdict.RETRY, Verdict.PAUSE):
                return False
            if verdict is not Verdict.DONE:
                _log.warning("weather.not_written", cause=answer.message)
            if self._unwritten and self._unwritten[0] is line:
                self._unwritten.popleft()
        return True

    def stats(self) -> WeatherStats:
        """Return what is known now."""
        latest = self._history.latest
        seconds = None if latest is None else latest.time_us / _MICROSECONDS
        return WeatherStats(
            provider=self._provider,
            position_known=self._position is not None,
            samples=len(self._history),
            unwritten=len(self._unwritten),
            last_sample_at=None if seconds is None else iso(seconds),
            last_sample_age_seconds=None
            if seconds is None
            else round(self._clock() - seconds, 3),
            last_error=self._error,
        )

    def _take(self, sample: Sample) -> bool:
        try:
            line = weather_line(sample)
            if not self._history.add(sample):
                return False
        except PointRefused as err:
            _log.warning("weather.unusable", provider=self._provider, cause=str(err))
            return False
        self._unwritten.append(line)
        self._news.set()
        return True

    async def _known_position(self) -> Position:
        while self._position is None:
            await self._located.wait()
        return self._position

    async def _refresh_for_ever(self, client: WeatherClient) -> None:
        waits = delays(_FIRST_RETRY_SECONDS, max(_FIRST_RETRY_SECONDS, self._every))
        while True:
            if await self.refresh(client):
                waits = delays(
                    _FIRST_RETRY_SECONDS, max(_FIRST_RETRY_SECONDS, self._every)
                )
                pause = self._every
            else:
                pause = next(waits)
            await self.flush()
            await self._pause(pause)

    async def _flush_until_done(self) -> None:
        waits = delays(_FIRST_RETRY_SECONDS, self._every)
        while not await self.flush():
            await self._pause(next(waits))
