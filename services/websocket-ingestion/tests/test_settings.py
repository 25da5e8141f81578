"""Settings of websocket-ingestion: names, defaults, what is refused."""

from __future__ import annotations

import pytest

from servicekit.errors import SettingsError
from websocket_ingestion.settings import Settings

GOOD = {
    "HA_URL": "ws://homeassistant:8123/api/websocket",
    "HA_ACCESS_TOKEN": "llat-1234567890",
    "ENRICHMENT_URL": "http://enrichment-pipeline:8002",
    "SPOOL_PATH": "/var/lib/spool/spool.db",
}


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Give a process environment that holds the required variables only."""
    monkeypatch.setattr("os.environ", dict(GOOD))
    return monkeypatch


def test_the_required_four_are_enough(env: pytest.MonkeyPatch) -> None:
    """Everything else has the documented default."""
    shown = Settings.load().redacted()

    assert shown == {
        **GOOD,
        "HA_ACCESS_TOKEN": "**********",
        "ENVIRONMENT": "production",
        "LOG_LEVEL": "INFO",
        "HTTP_HOST": "0.0.0.0",
        "HTTP_PORT": "8001",
        "SHUTDOWN_DEADLINE_SECONDS": "2.5",
        "MEMORY_ALERT_PERCENT": "90.0",
        "HA_PING_SECONDS": "20.0",
        "HA_RECONNECT_MAX_SECONDS": "30.0",
        "HA_AUTH_RETRY_SECONDS": "60.0",
        "HA_HISTORY_SETTLE_SECONDS": "7.0",
        "HA_HISTORY_DAYS": "10.0",
        "HA_FIRST_BACKFILL_DAYS": "0.0",
        "SPOOL_MAX_MB": "2048",
        "SPOOL_RETAIN_MB": "256",
        "SPOOL_COMMIT_MS": "10.0",
        "FORWARD_MAX_EVENTS": "5000",
        "FORWARD_MAX_KB": "4096",
        "FORWARD_LINGER_MS": "20.0",
        "FORWARD_TIMEOUT_SECONDS": "30.0",
    }


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_missing_variable_is_named(env: pytest.MonkeyPatch, name: str) -> None:
    """The message names the variable, the file and the fix."""
    env.delenv(name)

    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert caught.value.problems == (
        f"{name}: is missing; fix: set {name} in stack/.env (or {name}_FILE)",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HA_URL", "http://homeassistant:8123"),
        ("HA_URL", "homeassistant:8123"),
        ("HA_URL", "ws://your_home_assistant:8123"),
        ("HA_ACCESS_TOKEN", "your_production_token"),
        ("HA_ACCESS_TOKEN", "  "),
        ("ENRICHMENT_URL", "enrichment-pipeline"),
        ("HA_PING_SECONDS", "0"),
        ("HA_RECONNECT_MAX_SECONDS", "fast"),
        ("HA_AUTH_RETRY_SECONDS", "-1"),
        ("SPOOL_MAX_MB", "0"),
        ("SPOOL_COMMIT_MS", "0"),
        ("FORWARD_MAX_EVENTS", "0"),
        ("FORWARD_MAX_KB", "x"),
        ("FORWARD_LINGER_MS", "-1"),
        ("FORWARD_TIMEOUT_SECONDS", "0"),
        ("HTTP_PORT", "70000"),
        ("SPOOL_SIZE", "5"),
        ("HA_TOKEN", "x"),
    ],
)
def test_an_unusable_value_is_named(
    env: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Each malformed, placeholder or unknown variable is one line with its name."""
    env.setenv(name, value)

    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert [line.partition(":")[0] for line in caught.value.problems] == [name]


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("ws://ha:8123", "ws://ha:8123/api/websocket"),
        ("ws://ha:8123/", "ws://ha:8123/api/websocket"),
        ("wss://ha.example/core/websocket", "wss://ha.example/core/websocket"),
    ],
)
def test_the_path_of_the_api_is_added(
    env: pytest.MonkeyPatch, given: str, used: str
) -> None:
    """An address without a path gets Home Assistant's own one."""
    env.setenv("HA_URL", given)

    assert Settings.load().ha_url == used
