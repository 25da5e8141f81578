"""Wires the service together: its parts, its routes, its order of stopping."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any, Final

import aiohttp
from aiohttp import web
from prometheus_client.metrics_core import Metric

from servicekit.cgroup import read_resources
from servicekit.health import Health
from servicekit.http import error_response, json_response, make_app, serve
from servicekit.influx import InfluxClient, TokenSource
from servicekit.lifecycle import Runtime
from servicekit.metrics import gauge, make_registry, observe
from servicekit.pressure import watch_memory

from .counters import Counters
from .deadletter_retry import DeadLetterRetry
from .deadletters import DeadLetters
from .errors import DeadLetterError
from .influx_state import InfluxState
from .intake import MAX_BODY_BYTES, Intake
from .latency import Latency
from .points import PointBuilder
from .settings import Provider, Settings
from .watch import Watch
from .weather import History
from .weather_client import (
    OPEN_METEO_URL,
    OPENWEATHERMAP_URL,
    OpenMeteo,
    OpenWeatherMap,
    WeatherClient,
)
from .weather_service import Position, WeatherService
from .writer import Writer

__all__ = ["MAX_PAGE", "SERVICE", "VERSION", "Service", "main"]

SERVICE: Final = "enrichment-pipeline"
VERSION: Final = "0.1.0"
MAX_PAGE: Final = 1_000
# Of the time to stop, the share that batches at work get before they are refused.
_SHARE_FOR_BATCHES: Final = 0.5
_MICROSECONDS: Final = 1_000_000
_BYTES_PER_MB: Final = 1024 * 1024


class Service:
    """The parts of the service over one HTTP session."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession) -> None:
        self.settings = settings
        self.health = Health(SERVICE, VERSION)
        watch_memory(self.health, percent=settings.memory_alert_percent)
        self.counters = Counters()
        self.latency = Latency()
        influx = _influx_client(settings, session)
        state = InfluxState(self.health)
        history = History(
            max_age_us=round(settings.weather_max_age_seconds * _MICROSECONDS)
        )
        self.dead_letters = DeadLetters(
            settings.deadletter_path,
            max_bytes=settings.deadletter_max_mb * _BYTES_PER_MB,
        )
        self.weather = WeatherService(
            provider=settings.effective_provider,
            client=_weather_client(settings, session),
            history=history,
            write=influx.write,
            position=_position(settings),
            every=settings.weather_refresh_seconds,
        )
        self.watch = Watch(
            write=influx.write,
            state=state,
            dead_letters=self.dead_letters,
            health=self.health,
        )
        builder = PointBuilder(history.fields_at)
        writer = Writer(influx.write, state)
        self.retry = DeadLetterRetry(
            builder=builder,
            writer=writer,
            dead_letters=self.dead_letters,
            counters=self.counters,
        )
        self.intake = Intake(
            builder=builder,
            weather=self.weather,
            writer=writer,
            dead_letters=self.dead_letters,
            counters=self.counters,
            latency=self.latency,
            health=self.health,
        )

    def application(self) -> web.Application:
        """Return the HTTP face."""
        registry = make_registry(self.health)
        observe(registry, self.counters.metrics)
        observe(registry, lambda: _dead_letter_metrics(self.dead_letters))
        routes = [
            web.post("/v1/frames", self.intake.post_frames),
            web.get("/v1/stats", self.get_stats),
            web.post("/v1/latency/take", self.take_latency),
            web.get("/v1/config", self.get_config),
            web.get("/v1/deadletters", self.get_dead_letters),
            web.post("/v1/deadletters/retry", self.retry.post_retry),
        ]
        return make_app(
            SERVICE, self.health, registry, routes, client_max_size=MAX_BODY_BYTES
        )

    async def get_stats(self, _: web.Request) -> web.Response:
        """Show what was done and how the parts are."""
        now = self.health.snapshot()
        stats: dict[str, Any] = {
            "service": now.service,
            "version": now.version,
            "status": now.status,
            "reasons": now.reasons,
            "uptime_seconds": now.uptime_seconds,
            "events": self.counters.events,
            "batches": {
                "acknowledged": self.counters.acknowledged,
                "refused": self.counters.refused,
                "seconds": round(self.counters.seconds_busy, 6),
            },
            "weather": self.weather.stats(),
            "deadletters": self.dead_letters.stats(),
            "retried": self.counters.retried,
            "resources": read_resources(),
        }
        return json_response(stats)

    async def take_latency(self, _: web.Request) -> web.Response:
        """Hand out the ages of what was written since the last call."""
        return json_response(self.latency.take())

    async def get_config(self, _: web.Request) -> web.Response:
        """Show the settings without secrets."""
        return json_response(self.settings.redacted())

    async def get_dead_letters(self, request: web.Request) -> web.Response:
        """Show records, the newest first."""
        limit = request.query.get("limit", "100")
        if not (limit.isascii() and limit.isdigit() and 1 <= int(limit) <= MAX_PAGE):
            return error_response(
                400, "bad_parameter", f"limit: must be a number from 1 to {MAX_PAGE}"
            )
        after = request.query.get("after")
        try:
            page = await self.dead_letters.page(limit=int(limit), after=after)
        except DeadLetterError as err:
            return error_response(503, "dead_letters_unreadable", str(err))
        if page is None:
            return error_response(400, "bad_parameter", "after: no record has this id")
        return json_response(page)


async def main(settings: Settings, runtime: Runtime) -> None:
    """Run the service until it is told to stop, then stop it in order.

    New batches are refused first; those at work may finish, and are refused if that
    takes long. Nothing has to be flushed: what was not acknowledged is sent again.
    """
    async with AsyncExitStack() as client, AsyncExitStack() as server:
        session = await client.enter_async_context(
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        )
        service = Service(settings, session)
        await server.enter_async_context(
            serve(service.application(), settings.http_host, settings.http_port)
        )
        beside = [runtime.tasks.create_task(service.watch.run(), name="watch")]
        if settings.effective_provider is not Provider.OFF:
            weather = runtime.tasks.create_task(service.weather.run(), name="weather")
            beside.append(weather)
        await runtime.stop.wait()
        async with runtime.step("stop watch and weather"):
            for task in beside:
                task.cancel()
        async with runtime.step("refuse new batches"):
            service.intake.refuse_new()
            service.retry.refuse_new()
        async with runtime.step("finish batches"):
            await service.intake.drain(
                settings.shutdown_deadline_seconds * _SHARE_FOR_BATCHES
            )
        async with runtime.step("close server"):
            await server.aclose()
        async with runtime.step("close connections"):
            await client.aclose()


def _influx_client(settings: Settings, session: aiohttp.ClientSession) -> InfluxClient:
    token = settings.influxdb_token
    return InfluxClient(
        session,
        url=settings.influxdb_url,
        org=settings.influxdb_org,
        bucket=settings.influxdb_bucket,
        token=TokenSource(
            token=token.get_secret_value() if token is not None else None,
            path=settings.influxdb_token_file,
        ),
        timeout=settings.influxdb_timeout_seconds,
    )


def _weather_client(
    settings: Settings, session: aiohttp.ClientSession
) -> WeatherClient | None:
    match settings.effective_provider:
        case Provider.OPENWEATHERMAP:
            key = settings.weather_api_key
            return OpenWeatherMap(
                session,
                url=settings.weather_api_url or OPENWEATHERMAP_URL,
                key=key.get_secret_value() if key is not None else "",
                timeout=settings.weather_timeout_seconds,
            )
        case Provider.OPENMETEO:
            return OpenMeteo(
                session,
                url=settings.weather_api_url or OPEN_METEO_URL,
                timeout=settings.weather_timeout_seconds,
            )
        case Provider.AUTO | Provider.HOMEASSISTANT | Provider.OFF:
            return None


def _position(settings: Settings) -> Position | None:
    latitude, longitude = settings.weather_latitude, settings.weather_longitude
    if latitude is None or longitude is None:
        return None
    return (latitude, longitude)


def _dead_letter_metrics(dead_letters: DeadLetters) -> Iterator[Metric]:
    now = dead_letters.stats()
    yield gauge("ha_ingestor_dead_letters", "Records in the file.", now.records)
    yield gauge("ha_ingestor_dead_letter_bytes", "Size of the file.", now.bytes)
    yield gauge(
        "ha_ingestor_dead_letter_limit_bytes", "Its largest size.", now.limit_bytes
    )
