"""The real weather clients against local servers that answer as the providers do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from enrichment_pipeline.errors import WeatherUnavailable
from enrichment_pipeline.weather import Sample
from enrichment_pipeline.weather_client import (
    OpenMeteo,
    OpenWeatherMap,
    WeatherClient,
    location_of,
)

if TYPE_CHECKING:
    from conftest import Serve

OWM_ANSWER = {
    "coord": {"lon": 13.405, "lat": 52.52},
    "weather": [{"id": 803, "main": "Clouds", "description": "broken clouds"}],
    "base": "stations",
    "main": {"temp": 4.5, "feels_like": 1, "pressure": 1013, "humidity": 81},
    "visibility": 10000,
    "wind": {"speed": 3.1, "deg": 240},
    "clouds": {"all": 75},
    "dt": 1_795_445_200,
    "name": "Berlin",
    "cod": 200,
}
METEO_ANSWER = {
    "latitude": 52.52,
    "longitude": 13.42,
    "current_units": {"time": "unixtime", "wind_speed_10m": "m/s"},
    "current": {
        "time": 1_795_445_100,
        "interval": 900,
        "temperature_2m": 4.4,
        "relative_humidity_2m": 82,
        "pressure_msl": 1013.4,
        "wind_speed_10m": 2.9,
        "weather_code": 3,
    },
}


@dataclass
class FakeProvider:
    """Answers what the test sets and remembers the query."""

    url: str = ""
    status: int = 200
    answer: Any = None
    query: dict[str, str] = field(default_factory=dict)
    path: str = ""
    silent: asyncio.Event | None = None

    async def get(self, request: web.Request) -> web.Response:
        """Answer one request."""
        self.query, self.path = dict(request.query), request.path
        if self.silent is not None:
            await self.silent.wait()
        if isinstance(self.answer, bytes):
            return web.Response(body=self.answer, status=self.status)
        return web.json_response(self.answer, status=self.status)


@pytest_asyncio.fixture
async def provider(serve_app: Serve) -> AsyncIterator[FakeProvider]:
    """A running provider."""
    fake = FakeProvider()
    app = web.Application()
    app.router.add_get("/{path:.*}", fake.get)
    fake.url = await serve_app(app)
    yield fake
    if fake.silent is not None:
        fake.silent.set()


Build = Callable[[FakeProvider], WeatherClient]


@pytest.fixture
def owm(session: aiohttp.ClientSession) -> Build:
    """Makes the client of OpenWeatherMap."""
    return lambda fake: OpenWeatherMap(
        session, url=f"{fake.url}/data/2.5", key="secret-key", timeout=0.3
    )


@pytest.fixture
def meteo(session: aiohttp.ClientSession) -> Build:
    """Makes the client of Open-Meteo."""
    return lambda fake: OpenMeteo(session, url=f"{fake.url}/v1", timeout=0.3)


@pytest.mark.asyncio
async def test_openweathermap_is_asked_by_position_in_metric_units(
    provider: FakeProvider, owm: Build
) -> None:
    """The request is the documented one, the sample carries the observation's time."""
    provider.answer = OWM_ANSWER

    found = await owm(provider).current(52.52, 13.405)

    assert provider.path == "/data/2.5/weather"
    assert provider.query == {
        "lat": "52.52",
        "lon": "13.405",
        "units": "metric",
        "appid": "secret-key",
    }
    assert found == Sample(
        time_us=1_795_445_200_000_000,
        source="openweathermap",
        location="52.52,13.405",
        temperature=4.5,
        humidity=81.0,
        pressure=1013.0,
        wind_speed=3.1,
        condition="Clouds",
    )


@pytest.mark.asyncio
async def test_openmeteo_is_asked_for_metres_per_second(
    provider: FakeProvider, meteo: Build
) -> None:
    """Open-Meteo's default is km/h, so the unit is part of the request."""
    provider.answer = METEO_ANSWER

    found = await meteo(provider).current(52.52, 13.405)

    assert provider.path == "/v1/forecast"
    assert provider.query["wind_speed_unit"] == "ms"
    assert provider.query["timeformat"] == "unixtime"
    assert found == Sample(
        time_us=1_795_445_100_000_000,
        source="openmeteo",
        location="52.52,13.405",
        temperature=4.4,
        humidity=82.0,
        pressure=1013.4,
        wind_speed=2.9,
        condition="overcast",
    )


@pytest.mark.asyncio
async def test_openweathermap_values_may_be_missing(
    provider: FakeProvider, owm: Build
) -> None:
    """Nothing is invented for a value that the provider does not name."""
    provider.answer = {"dt": 5, "main": {"temp": 0}, "weather": []}

    found = await owm(provider).current(0.0, 0.0)

    assert found.fields() == {"temperature": 0.0}


@pytest.mark.asyncio
async def test_openmeteo_values_may_be_missing(
    provider: FakeProvider, meteo: Build
) -> None:
    """Null and unknown codes stay unknown."""
    provider.answer = {
        "current": {"time": 5, "temperature_2m": None, "weather_code": 1234}
    }

    found = await meteo(provider).current(0.0, 0.0)

    assert found.fields() == {}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "answer", "cause"),
    [
        (401, {"cod": 401, "message": "Invalid API key."}, "HTTP 401 Invalid API key."),
        (429, {"message": "limit"}, "HTTP 429 limit"),
        (400, {"error": True, "reason": "Latitude"}, "HTTP 400 Latitude"),
        (502, b"<html>", "HTTP 502"),
        (302, {}, "HTTP 302"),
    ],
)
async def test_refusal_is_named(
    provider: FakeProvider, owm: Build, status: int, answer: Any, cause: str
) -> None:
    """The cause says the status and what the provider says about it."""
    provider.status, provider.answer = status, answer

    with pytest.raises(WeatherUnavailable) as caught:
        await owm(provider).current(1.0, 2.0)

    assert str(caught.value) == f"openweathermap: {cause}"


@pytest.mark.asyncio
@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b"{}", b'{"dt":"now"}'])
async def test_unusable_answer_is_named(
    provider: FakeProvider, owm: Build, answer: bytes
) -> None:
    """A 200 that holds no weather is an error with a cause."""
    provider.answer = answer

    with pytest.raises(WeatherUnavailable, match="unusable answer"):
        await owm(provider).current(1.0, 2.0)


@pytest.mark.asyncio
async def test_silence_ends_with_the_timeout(
    provider: FakeProvider, meteo: Build
) -> None:
    """A provider that says nothing is given up."""
    provider.silent = asyncio.Event()

    with pytest.raises(WeatherUnavailable, match=r"no answer within 0\.3 s"):
        await meteo(provider).current(1.0, 2.0)


@pytest.mark.asyncio
async def test_key_is_in_no_message(owm: Build) -> None:
    """A provider that cannot be reached is named without the URL and its key."""
    nowhere = FakeProvider(url="http://127.0.0.1:1")
    ask: Awaitable[Sample] = owm(nowhere).current(1.0, 2.0)

    with pytest.raises(WeatherUnavailable) as caught:
        await ask

    assert str(caught.value) == "openweathermap: ClientConnectorError"


@pytest.mark.parametrize(
    ("position", "tag"),
    [
        ((52.52, 13.405), "52.52,13.405"),
        ((52.520006599, 13.404953999), "52.52,13.405"),
        ((-33.0, 151.25), "-33.0,151.25"),
    ],
)
def test_location_ignores_the_noise_of_further_digits(
    position: tuple[float, float], tag: str
) -> None:
    """The tag stays the same when the position wobbles by centimetres."""
    assert location_of(*position) == tag
