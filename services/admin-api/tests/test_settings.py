"""Settings of the admin API."""

from __future__ import annotations

import pytest

from admin_api.settings import Settings
from servicekit.errors import SettingsError

GOOD = {
    "ADMIN_TOKEN": "correct-horse",
    "INGESTION_URL": "http://websocket-ingestion:8001",
    "ENRICHMENT_URL": "http://enrichment-pipeline:8002",
    "INFLUXDB_URL": "http://influxdb:8086",
    "INFLUXDB_ORG": "home",
    "INFLUXDB_BUCKET": "ha",
    "INFLUXDB_TOKEN_FILE": "/run/tokens/read_token",
}


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    """Load the settings from the good variables and some more; "" removes one."""
    for name, value in (GOOD | variables).items():
        monkeypatch.setenv(name, value)
    return Settings.load()


def test_only_what_has_no_default_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven variables are enough; the token file need not exist yet."""
    settings = load(monkeypatch)

    assert (settings.http_port, settings.admin_timeout_seconds) == (8080, 5.0)


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"ADMIN_TOKEN": ""}, "ADMIN_TOKEN: is missing"),
        ({"ADMIN_TOKEN": "short"}, "ADMIN_TOKEN: "),
        ({"ADMIN_TOKEN": "changeme-please"}, "ADMIN_TOKEN: is still the placeholder"),
        ({"INGESTION_URL": "ws://x"}, "INGESTION_URL: is not an address"),
        ({"INFLUXDB_TOKEN_FILE": ""}, "INFLUXDB_TOKEN_FILE: is missing, and so is"),
        ({"ADMIN_TIMEOUT_SECONDS": "0"}, "ADMIN_TIMEOUT_SECONDS: "),
        ({"ADMIN_TOKN": "x"}, "ADMIN_TOKN: is an unknown variable"),
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
    assert "short" not in line.replace("should", "")
