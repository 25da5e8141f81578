"""The whole service over HTTP, from its start to its ordered end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from enrichment_pipeline import app
from enrichment_pipeline.settings import Settings
from servicekit.lifecycle import Runtime
from servicekit.wire import SCHEMA, Batch, Frame, Origin, Source, encode_batch

if TYPE_CHECKING:
    from conftest import FakeInflux, Maker, Serve


class Running:
    """A running service."""

    def __init__(
        self, url: str, session: aiohttp.ClientSession, runtime: Runtime
    ) -> None:
        self.url = url
        self.runtime = runtime
        self._session = session

    async def get(self, path: str) -> tuple[int, Any]:
        """Return status and JSON of a path."""
        async with self._session.get(f"{self.url}{path}") as answer:
            return answer.status, await answer.json()

    async def text(self, path: str) -> str:
        """Return the text of a path."""
        async with self._session.get(f"{self.url}{path}") as answer:
            return await answer.text()

    async def post(self, payload: bytes, events: int) -> int:
        """Send a live frame; return the status."""
        frame = Frame(1, Origin.LIVE, 0, events, payload)
        body = encode_batch(Batch(SCHEMA, Source(1.0, 2.0), [frame]))
        async with self._session.post(f"{self.url}/v1/frames", data=body) as answer:
            return answer.status

    async def retry(self) -> tuple[int, Any]:
        """Retry all dead letters; return status and answer."""
        url = f"{self.url}/v1/deadletters/retry"
        async with self._session.post(url, data=b"{}") as answer:
            return answer.status, await answer.json()

    async def ready(self) -> None:
        """Wait until the service is ready."""
        async with asyncio.timeout(5.0):
            while (await self.get("/ready"))[0] != 200:
                pass


Start = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
def start(
    influx: FakeInflux,
    session: aiohttp.ClientSession,
    tmp_path: Path,
    unused_tcp_port: int,
) -> Start:
    """Runs the service as `__main__` does, but for the signals."""

    @asynccontextmanager
    async def run(**variables: Any) -> AsyncIterator[Running]:
        given: dict[str, Any] = {
            "http_host": "127.0.0.1",
            "http_port": unused_tcp_port,
            "influxdb_url": influx.url,
            "influxdb_org": "home",
            "influxdb_bucket": "ha",
            "influxdb_token": "write-token",
            "deadletter_path": tmp_path / "dead.jsonl",
            "weather_provider": "off",
        }
        runtime = Runtime(deadline=5.0)
        settings = Settings.load(**(given | variables))
        async with asyncio.TaskGroup() as tasks:
            life = tasks.create_task(
                runtime.supervise(lambda runtime: app.main(settings, runtime))
            )
            url = f"http://127.0.0.1:{unused_tcp_port}"
            running = Running(url, session, runtime)
            async with asyncio.timeout(5.0):
                while not await _answers(running):
                    pass
            yield running
            runtime.request_stop("SIGTERM")
        assert life.result() == 0

    return run


async def _answers(running: Running) -> bool:
    try:
        await running.get("/health")
    except aiohttp.ClientError:
        return False
    return True


@pytest.mark.asyncio
async def test_service_stores_and_shows(
    start: Start, influx: FakeInflux, make: Maker
) -> None:
    """What was posted is stored, counted in the stats and in the metrics."""
    events = make.bytes([make.event("sensor.a"), make.event("sensor.b", 5)])

    async with start() as running:
        await running.ready()
        status = await running.post(events, 2)
        _, stats = await running.get("/v1/stats")
        _, page = await running.get("/v1/deadletters?limit=1")
        metrics = await running.text("/metrics")

    assert status == 200
    assert influx.of("sensor.a")[0]["value"] == 21.5
    assert (stats["service"], stats["status"]) == ("enrichment-pipeline", "ready")
    assert stats["events"] == {
        "written": 1,
        "merged": 0,
        "dead_lettered": 1,
        "expired": 0,
        "surplus": 0,
    }
    assert stats["batches"]["acknowledged"] == 1
    assert stats["deadletters"]["records"] == 1
    assert stats["weather"]["provider"] == "off"
    assert stats["resources"]["memory_bytes"] > 0
    assert page["deadletters"][0]["reason"] == "bad_event"
    assert 'ha_ingestor_enrichment_events_total{outcome="written"} 1.0' in metrics
    assert "ha_ingestor_dead_letters 1.0" in metrics


@pytest.mark.asyncio
async def test_dead_letter_is_retried_and_counted(
    start: Start, influx: FakeInflux, make: Maker
) -> None:
    """The sender's count of dead letters stays; the retry has its own."""
    influx.types["state", "value"] = str

    async with start() as running:
        await running.ready()
        await running.post(make.bytes(make.event("sensor.a")), 1)
        influx.types.clear()
        answer = await running.retry()
        _, stats = await running.get("/v1/stats")
        metrics = await running.text("/metrics")

    retried = {"retried": 1, "stored": 1, "expired": 0, "refused": 0, "unusable": 0}
    assert answer == (200, retried)
    assert stats["retried"] == retried
    assert stats["events"]["dead_lettered"] == 1
    assert (stats["events"]["written"], stats["deadletters"]["records"]) == (0, 0)
    assert influx.of("sensor.a")[0]["value"] == 21.5
    assert 'ha_ingestor_dead_letters_retried_total{outcome="stored"} 1.0' in metrics


@pytest.mark.asyncio
async def test_settings_are_shown_without_secrets(start: Start) -> None:
    """The token appears nowhere."""
    async with start(weather_api_key="very-secret-key") as running:
        _, config = await running.get("/v1/config")

    assert config["INFLUXDB_BUCKET"] == "ha"
    assert config["INFLUXDB_TOKEN"] == config["WEATHER_API_KEY"] == "**********"
    assert "write-token" not in str(config)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=0", "limit: must be a number from 1 to 1000"),
        ("limit=1001", "limit: must be a number from 1 to 1000"),
        ("limit=-1", "limit: must be a number from 1 to 1000"),
        ("limit=x", "limit: must be a number from 1 to 1000"),
        ("limit=%C2%B2", "limit: must be a number from 1 to 1000"),
        ("after=abc", "after: no record has this id"),
    ],
)
async def test_bad_parameter_is_named(start: Start, query: str, message: str) -> None:
    """The answer names the parameter and what it must be."""
    async with start() as running:
        status, answer = await running.get(f"/v1/deadletters?{query}")

    assert status == 400
    assert answer["error"] == {"code": "bad_parameter", "message": message}


@pytest.mark.asyncio
async def test_influxdb_down_at_start_is_degraded_not_dead(start: Start) -> None:
    """The service lives, is not ready, and names the cause."""
    async with start(influxdb_url="http://127.0.0.1:1") as running:
        async with asyncio.timeout(5.0):
            while (health := await running.get("/health"))[1]["status"] == "starting":
                pass
        ready, _ = await running.get("/ready")

    assert (health[0], ready) == (200, 503)
    assert [one["code"] for one in health[1]["reasons"]] == ["influxdb_unreachable"]


@pytest.mark.asyncio
async def test_token_that_appears_later_is_picked_up(
    start: Start, make: Maker, tmp_path: Path
) -> None:
    """The service may start before the one-shot has written the token file."""
    token = tmp_path / "write_token"
    event = make.bytes(make.event("sensor.a"))

    async with start(influxdb_token=None, influxdb_token_file=token) as running:
        before = await running.post(event, 1)
        token.write_text("write-token\n")
        after = await running.post(event, 1)

    assert (before, after) == (503, 200)


@pytest.mark.asyncio
async def test_weather_comes_from_the_provider_in_the_settings(
    start: Start, influx: FakeInflux, serve_app: Serve
) -> None:
    """The real client asks the base URL of the settings and the sample is stored."""

    async def weather(_: web.Request) -> web.Response:
        return web.json_response({"dt": 1_795_445_200, "main": {"temp": 4.5}})

    provider = web.Application()
    provider.router.add_get("/data/2.5/weather", weather)
    url = await serve_app(provider)

    async with start(
        weather_provider="openweathermap",
        weather_api_key="key-of-the-test",
        weather_api_url=f"{url}/data/2.5",
        weather_latitude=1.0,
        weather_longitude=2.0,
    ) as running:
        async with asyncio.timeout(5.0):
            while not influx.stored:
                await running.ready()
        _, stats = await running.get("/v1/stats")

    (((measurement, tags), time_us), fields) = next(iter(influx.stored.items()))
    assert (measurement, dict(tags)) == (
        "weather",
        {"source": "openweathermap", "location": "1.0,2.0"},
    )
    assert (time_us, fields) == (1_795_445_200_000_000, {"temperature": 4.5})
    assert stats["weather"]["last_error"] is None


@pytest.mark.asyncio
async def test_stop_has_its_steps_in_order(start: Start) -> None:
    """Each step of the shutdown is one log line, refusing first, connections last."""
    with capture_logs() as logs:
        async with start() as running:
            await running.ready()

    steps = [line["step"] for line in logs if line["event"] == "shutdown.step"]
    assert steps == [
        "stop watch and weather",
        "refuse new batches",
        "finish batches",
        "close server",
        "close connections",
    ]


@pytest.mark.asyncio
async def test_stop_finishes_the_batch_at_work_and_refuses_the_next(
    start: Start, influx: FakeInflux, make: Maker
) -> None:
    """A batch that InfluxDB has is acknowledged; one that comes after is kept."""
    event = make.bytes(make.event("sensor.a"))

    async with start() as running, asyncio.TaskGroup() as tasks:
        await running.ready()
        influx.gate.clear()
        influx.writes.clear()
        working = tasks.create_task(running.post(event, 1))
        while not any(influx.writes):
            await running.get("/health")
        running.runtime.request_stop("SIGTERM")
        late = await running.post(event, 1)
        influx.gate.set()

    assert (working.result(), late) == (200, 503)
