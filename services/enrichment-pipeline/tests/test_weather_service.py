"""The weather beside the path: refreshed, written once, never in the way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from enrichment_pipeline.errors import WeatherUnavailable
from enrichment_pipeline.events import Change, decode_live
from enrichment_pipeline.settings import Provider
from enrichment_pipeline.weather import History, Sample
from enrichment_pipeline.weather_service import WeatherService
from servicekit.errors import InfluxUnreachable
from servicekit.influx import Answer
from servicekit.wire import Source

if TYPE_CHECKING:
    from conftest import Maker

BERLIN = Source(latitude=52.52, longitude=13.405)
DONE = Answer(status=204)


class FakeClient:
    """A provider whose answers are listed; an exception is raised."""

    def __init__(self, *answers: Sample | WeatherUnavailable) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[float, float]] = []

    async def current(self, latitude: float, longitude: float) -> Sample:
        """Return the next answer."""
        self.asked.append((latitude, longitude))
        answer = self._answers.pop(0)
        if isinstance(answer, WeatherUnavailable):
            raise answer
        return answer


class FakeWrite:
    """InfluxDB for single lines; the answers are listed, then all is well."""

    def __init__(self, *answers: Answer | InfluxUnreachable) -> None:
        self._answers = list(answers)
        self.bodies: list[bytes] = []
        self.well = asyncio.Event()

    async def __call__(self, body: bytes) -> Answer:
        """Take one write."""
        self.bodies.append(body)
        answer = self._answers.pop(0) if self._answers else DONE
        if answer is DONE:
            self.well.set()
        if isinstance(answer, InfluxUnreachable):
            raise answer
        return answer


def sample(seconds: int) -> Sample:
    """Return a sample of a second."""
    return Sample(
        time_us=seconds * 1_000_000, source="s", location="l", temperature=1.5
    )


def service(
    provider: Provider = Provider.OPENMETEO, **parts: Any
) -> tuple[WeatherService, History]:
    """Return a service with its history."""
    history = History(max_age_us=1_800_000_000)
    wanted: dict[str, Any] = {
        "client": None,
        "write": FakeWrite(),
        "position": None,
        "every": 600.0,
        "clock": lambda: 1_000.0,
    }
    made = WeatherService(provider=provider, history=history, **(wanted | parts))
    return made, history


GONE = WeatherUnavailable("openmeteo", "HTTP 500")


@pytest.mark.asyncio
async def test_refresh_fills_the_history_and_writes_the_sample() -> None:
    """One refresh makes the weather known to events and to InfluxDB."""
    write = FakeWrite()
    weather, history = service(write=write, position=(1.0, 2.0))

    assert await weather.refresh(FakeClient(sample(900))) is True
    assert await weather.flush() is True

    assert history.fields_at(900_000_000) == ",w_temperature=1.5"
    assert write.bodies == [b"weather,location=l,source=s temperature=1.5 900000000"]


@pytest.mark.asyncio
async def test_position_comes_from_home_assistant_unless_set() -> None:
    """Without a position in the settings the refresh waits for Home Assistant's."""
    client = FakeClient(sample(1), sample(2))
    weather, _ = service(client=client)
    weather.locate(Source())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await weather.refresh(client)
    weather.locate(BERLIN)
    await weather.refresh(client)
    fixed, _ = service(client=client, position=(1.0, 2.0))
    fixed.locate(BERLIN)
    await fixed.refresh(client)
    assert client.asked == [(52.52, 13.405), (1.0, 2.0)]


@pytest.mark.asyncio
async def test_failure_is_logged_once_when_it_comes_and_once_when_it_goes() -> None:
    """Four failures in a row are two log lines, and the last cause is in the stats."""
    client = FakeClient(GONE, GONE, GONE, GONE, sample(1), sample(2))
    weather, _ = service(position=(1.0, 2.0))

    with capture_logs() as logs:
        results = [await weather.refresh(client) for _ in range(4)]
        error = weather.stats().last_error
        results += [await weather.refresh(client) for _ in range(2)]

    assert results == [False, False, False, False, True, True]
    assert [line["event"] for line in logs] == ["weather.gone", "weather.back"]
    assert error == "openmeteo: HTTP 500"
    assert weather.stats().last_error is None


@pytest.mark.asyncio
async def test_loop_slows_down_while_the_provider_fails() -> None:
    """After failures the pauses grow, after an answer they are the set interval."""
    pauses: list[float] = []
    client = FakeClient(GONE, GONE, GONE, sample(1))

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 4:
            raise asyncio.CancelledError

    weather, _ = service(client=client, position=(1.0, 2.0), pause=pause)

    with pytest.raises(asyncio.CancelledError):
        await weather.run()

    assert 15 <= pauses[0] <= 30 <= pauses[1] <= 60 <= pauses[2] <= 120
    assert pauses[3] == 600.0


@pytest.mark.asyncio
async def test_sample_waits_for_influxdb() -> None:
    """What InfluxDB cannot take now is written later, in order and once."""
    write = FakeWrite(
        InfluxUnreachable("url", "refused"), Answer(status=503), Answer(status=401)
    )
    weather, _ = service(write=write, position=(1.0, 2.0))
    await weather.refresh(FakeClient(sample(1)))
    await weather.refresh(FakeClient(sample(2)))

    assert [await weather.flush() for _ in range(4)] == [False, False, False, True]
    assert [body.rsplit(b" ")[-1] for body in write.bodies] == [
        b"1000000",
        b"1000000",
        b"1000000",
        b"1000000",
        b"2000000",
    ]
    assert weather.stats().unwritten == 0


@pytest.mark.asyncio
async def test_refused_sample_is_given_up() -> None:
    """A line that InfluxDB will never take does not hold up the next."""
    write = FakeWrite(Answer(status=422, message="outside retention policy"))
    weather, _ = service(write=write, position=(1.0, 2.0))
    await weather.refresh(FakeClient(sample(1)))
    await weather.refresh(FakeClient(sample(2)))

    assert await weather.flush() is True
    assert len(write.bodies) == 2


def weather_change(make: Maker, entity_id: str, minute: int, **more: Any) -> Change:
    """Return a change of a weather entity."""
    attributes = {"temperature": minute, "temperature_unit": "°C"} | more
    event = make.event(entity_id, "sunny", at_us=minute * 60_000_000, **attributes)
    (change,) = decode_live(make.bytes(event), 1)
    assert isinstance(change, Change)
    return change


@pytest.mark.asyncio
async def test_home_assistants_weather_entity_is_a_source(make: Maker) -> None:
    """The first weather entity is kept until it is removed."""
    weather, history = service(Provider.HOMEASSISTANT)

    weather.observe(weather_change(make, "weather.home", 1))
    weather.observe(weather_change(make, "weather.other", 2))
    (gone,) = decode_live(make.bytes(make.removal("weather.home", 180_000_000)), 1)
    assert isinstance(gone, Change)
    weather.observe(gone)
    weather.observe(weather_change(make, "weather.other", 4))

    assert len(history) == 2
    assert history.fields_at(60_000_000 * 3) == ',w_temperature=1.0,w_condition="sunny"'
    assert history.fields_at(60_000_000 * 4) == ',w_temperature=4.0,w_condition="sunny"'


@pytest.mark.asyncio
async def test_observed_samples_are_written_by_the_loop(make: Maker) -> None:
    """A sample from the stream wakes the loop; an outage makes it wait and repeat."""
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    write = FakeWrite(InfluxUnreachable("url", "refused"))
    weather, _ = service(Provider.HOMEASSISTANT, write=write, pause=pause)
    async with asyncio.TaskGroup() as tasks:
        loop = tasks.create_task(weather.run())
        weather.observe(weather_change(make, "weather.home", 1))
        await write.well.wait()
        loop.cancel()

    assert len(pauses) == 1
    assert b"weather,location=weather.home,source=homeassistant " in write.bodies[1]


def test_other_providers_ignore_the_weather_entity(make: Maker) -> None:
    """Only the chosen source fills the history."""
    weather, history = service(Provider.OPENMETEO)

    weather.observe(weather_change(make, "weather.home", 1))

    assert len(history) == 0


def test_entity_that_cannot_be_a_tag_does_no_harm(make: Maker) -> None:
    """A weather entity with an unusable name is no source and no crash."""
    weather, history = service(Provider.HOMEASSISTANT)

    weather.observe(weather_change(make, "weather.a\nb", 1))

    assert len(history) == 0


@pytest.mark.asyncio
async def test_stats_tell_the_age_of_the_latest_sample() -> None:
    """The stats show what an operator needs to judge the weather."""
    weather, _ = service(position=(1.0, 2.0))
    await weather.refresh(FakeClient(sample(940)))

    stats = weather.stats()

    assert stats.provider is Provider.OPENMETEO
    assert (stats.position_known, stats.samples, stats.unwritten) == (True, 1, 1)
    assert stats.last_sample_at == "1970-01-01T00:15:40.000000Z"
    assert stats.last_sample_age_seconds == 60.0
