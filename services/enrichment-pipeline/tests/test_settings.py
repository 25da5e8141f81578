"""Settings that belong together are checked together."""

from __future__ import annotations

from pathlib import Path

import pytest

from enrichment_pipeline.settings import Provider, Settings
from servicekit.errors import SettingsError

GOOD = {
    "INFLUXDB_URL": "http://influxdb:8086",
    "INFLUXDB_ORG": "home",
    "INFLUXDB_BUCKET": "ha",
    "INFLUXDB_TOKEN_FILE": "/run/tokens/write_token",
    "DEADLETTER_PATH": "/data/dead.jsonl",
}


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    """Load the settings from the good variables and some more; "" removes one."""
    for name, value in (GOOD | variables).items():
        monkeypatch.setenv(name, value)
    return Settings.load()


def test_only_what_has_no_default_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five variables are enough; the token file need not exist yet."""
    settings = load(monkeypatch)

    assert settings.http_port == 8002
    assert settings.influxdb_token_file == Path("/run/tokens/write_token")
    assert settings.deadletter_max_mb == 256


@pytest.mark.parametrize(
    ("variables", "provider"),
    [
        ({}, Provider.HOMEASSISTANT),
        ({"WEATHER_API_KEY": "abc123"}, Provider.OPENWEATHERMAP),
        ({"WEATHER_PROVIDER": "openmeteo"}, Provider.OPENMETEO),
        (
            {"WEATHER_PROVIDER": "off", "WEATHER_API_KEY": "abc123"},
            Provider.OFF,
        ),
    ],
    ids=["nothing", "key", "openmeteo", "off"],
)
def test_provider_follows_the_key(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], provider: Provider
) -> None:
    """A key means OpenWeatherMap, none Home Assistant, unless one is named."""
    assert load(monkeypatch, **variables).effective_provider is provider


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"INFLUXDB_TOKEN_FILE": ""}, "INFLUXDB_TOKEN_FILE: is missing, and so is"),
        ({"WEATHER_PROVIDER": "openweathermap"}, "WEATHER_PROVIDER: openweathermap"),
        ({"WEATHER_LATITUDE": "52.5"}, "WEATHER_LONGITUDE: and WEATHER_LATITUDE must"),
        ({"WEATHER_LONGITUDE": "13.4"}, "WEATHER_LONGITUDE: and WEATHER_LATITUDE must"),
        ({"WEATHER_REFRESH_SECONDS": "0.1"}, "WEATHER_REFRESH_SECONDS: "),
        ({"WEATHER_API_KEY": "your_production_api_key"}, "WEATHER_API_KEY: is still"),
        ({"INFLUXDB_URL": "influxdb:8086"}, "INFLUXDB_URL: is not an address"),
        ({"INFLUXDB_ORG": ""}, "INFLUXDB_ORG: is missing"),
        ({"DEADLETTER_MAX_MB": "0"}, "DEADLETTER_MAX_MB: "),
        ({"WEATHER_PROVIDR": "off"}, "WEATHER_PROVIDR: is an unknown variable"),
    ],
)
def test_each_problem_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], problem: str
) -> None:
    """One line per problem, beginning with the variable."""
    with pytest.raises(SettingsError) as caught:
        load(monkeypatch, **variables)

    (line,) = caught.value.problems
    assert line.startswith(problem)
