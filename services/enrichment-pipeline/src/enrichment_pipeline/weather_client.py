"""Current weather from OpenWeatherMap or Open-Meteo, over HTTP.

Both clients ask for metric values (°C, %, hPa, m/s) at a position. A value that the
provider does not name stays unknown.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Protocol, TypeVar

import aiohttp
import msgspec
from msgspec import Struct

from .errors import WeatherUnavailable
from .weather import Sample

__all__ = [
    "OPENWEATHERMAP_URL",
    "OPEN_METEO_URL",
    "WMO_CONDITIONS",
    "OpenMeteo",
    "OpenWeatherMap",
    "WeatherClient",
    "location_of",
]

OPENWEATHERMAP_URL = "https://api.openweathermap.org/data/2.5"
OPEN_METEO_URL = "https://api.open-meteo.com/v1"
_OK = 200
_MICROSECONDS = 1_000_000
# 4 decimals are 11 m; the tag must not change with the noise of further digits.
_POSITION_DECIMALS = 4

T = TypeVar("T")

# WMO code table 4677 as Open-Meteo documents it.
WMO_CONDITIONS = MappingProxyType(
    {
        0: "clear",
        1: "mainly clear",
        2: "partly cloudy",
        3: "overcast",
        45: "fog",
        48: "rime fog",
        51: "light drizzle",
        53: "drizzle",
        55: "dense drizzle",
        56: "light freezing drizzle",
        57: "freezing drizzle",
        61: "light rain",
        63: "rain",
        65: "heavy rain",
        66: "light freezing rain",
        67: "freezing rain",
        71: "light snow",
        73: "snow",
        75: "heavy snow",
        77: "snow grains",
        80: "light showers",
        81: "showers",
        82: "violent showers",
        85: "light snow showers",
        86: "snow showers",
        95: "thunderstorm",
        96: "thunderstorm with light hail",
        99: "thunderstorm with hail",
    }
)


class WeatherClient(Protocol):
    """Asks a provider for the weather at a position."""

    async def current(self, latitude: float, longitude: float) -> Sample:
        """Return the latest observation.

        Raises:
            WeatherUnavailable: no usable answer within the timeout.
        """
        ...


class _OwmMain(Struct):
    temp: float | None = None
    humidity: float | None = None
    pressure: float | None = None


class _OwmWind(Struct):
    speed: float | None = None


class _OwmCondition(Struct):
    main: str = ""


class _OwmAnswer(Struct):
    dt: int
    main: _OwmMain = msgspec.field(default_factory=_OwmMain)
    wind: _OwmWind = msgspec.field(default_factory=_OwmWind)
    weather: list[_OwmCondition] = []


class _MeteoCurrent(Struct):
    time: int
    temperature_2m: float | None = None
    relative_humidity_2m: float | None = None
    pressure_msl: float | None = None
    wind_speed_10m: float | None = None
    weather_code: int | None = None


class _MeteoAnswer(Struct):
    current: _MeteoCurrent


class _Problem(Struct):
    message: str = ""
    reason: str = ""


class OpenWeatherMap:
    """Client of `2.5/weather`; free with a key, 60 calls a minute."""

    def __init__(
        self, session: aiohttp.ClientSession, *, url: str, key: str, timeout: float
    ) -> None:
        self._session = session
        self._url = f"{url}/weather"
        self._key = key
        self._timeout = timeout

    async def current(self, latitude: float, longitude: float) -> Sample:
        """Return the latest observation; see `WeatherClient`."""
        answer = await _get(
            self._session,
            "openweathermap",
            self._url,
            params={
                "lat": str(latitude),
                "lon": str(longitude),
                "units": "metric",
                "appid": self._key,
            },
            timeout=self._timeout,
            shape=_OwmAnswer,
        )
        return Sample(
            time_us=answer.dt * _MICROSECONDS,
            source="openweathermap",
            location=location_of(latitude, longitude),
            temperature=answer.main.temp,
            humidity=answer.main.humidity,
            pressure=answer.main.pressure,
            wind_speed=answer.wind.speed,
            condition=(answer.weather[0].main or None) if answer.weather else None,
        )


class OpenMeteo:
    """Client of `v1/forecast`; needs no key, 10,000 calls a day."""

    def __init__(
        self, session: aiohttp.ClientSession, *, url: str, timeout: float
    ) -> None:
        self._session = session
        self._url = f"{url}/forecast"
        self._timeout = timeout

    async def current(self, latitude: float, longitude: float) -> Sample:
        """Return the latest observation; see `WeatherClient`."""
        answer = await _get(
            self._session,
            "openmeteo",
            self._url,
            params={
                "latitude": str(latitude),
                "longitude": str(longitude),
                "current": "temperature_2m,relative_humidity_2m,pressure_msl,"
                "wind_speed_10m,weather_code",
                "wind_speed_unit": "ms",
                "timeformat": "unixtime",
            },
            timeout=self._timeout,
            shape=_MeteoAnswer,
        )
        now = answer.current
        return Sample(
            time_us=now.time * _MICROSECONDS,
            source="openmeteo",
            location=location_of(latitude, longitude),
            temperature=now.temperature_2m,
            humidity=now.relative_humidity_2m,
            pressure=now.pressure_msl,
            wind_speed=now.wind_speed_10m,
            condition=WMO_CONDITIONS.get(now.weather_code)
            if now.weather_code is not None
            else None,
        )


def location_of(latitude: float, longitude: float) -> str:
    """Return a position as the text of the tag `location`."""
    return (
        f"{round(latitude, _POSITION_DECIMALS)},{round(longitude, _POSITION_DECIMALS)}"
    )


async def _get(
    session: aiohttp.ClientSession,
    provider: str,
    url: str,
    *,
    params: dict[str, str],
    timeout: float,
    shape: type[T],
) -> T:
    # Errors are named by their kind only: their text may hold the URL with the key.
    try:
        async with session.get(
            url,
            params=params,
            timeout=aiohttp.ClientTimeout(total=timeout),
            allow_redirects=False,
        ) as response:
            body = await response.read()
            if response.status != _OK:
                raise WeatherUnavailable(provider, _refusal(response.status, body))
    except TimeoutError as err:
        raise WeatherUnavailable(provider, f"no answer within {timeout:g} s") from err
    except (aiohttp.ClientError, OSError) as err:
        raise WeatherUnavailable(provider, type(err).__name__) from err
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as err:
        raise WeatherUnavailable(provider, f"unusable answer: {err}") from err


def _refusal(status: int, body: bytes) -> str:
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        problem = _Problem()
    return f"HTTP {status} {problem.message or problem.reason}".strip()
