"""Tests of the settings: sources, order, and all problems at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from ha_simulator.errors import SettingsError
from ha_simulator.settings import parse_settings


def test_command_line_wins_over_environment() -> None:
    """An option beats a variable, and a variable beats the default."""
    environ = {
        "HA_SIMULATOR_TOKEN": "from-env",
        "HA_SIMULATOR_PORT": "1",
        "HA_SIMULATOR_COMMIT_SECONDS": "0.5",
        "HOME": "/home/x",
    }
    settings = parse_settings(["--port", "2", "--host", "127.0.0.1"], environ)

    assert (settings.token, settings.port) == ("from-env", 2)
    assert (settings.host, settings.commit_seconds) == ("127.0.0.1", 0.5)
    assert settings.control_token is None


def test_secrets_come_from_files(tmp_path: Path) -> None:
    """NAME_FILE gives a secret without its line break; a variable beats the file."""
    secret = tmp_path / "token"
    secret.write_text("from-file\n", encoding="utf-8")
    environ = {
        "HA_SIMULATOR_TOKEN_FILE": str(secret),
        "HA_SIMULATOR_CONTROL_TOKEN_FILE": str(secret),
        "HA_SIMULATOR_CONTROL_TOKEN": "direct",
    }
    settings = parse_settings([], environ)

    assert (settings.token, settings.control_token) == ("from-file", "direct")


def test_all_problems_come_together(tmp_path: Path) -> None:
    """Every problem has a line that names its variable."""
    empty = tmp_path / "empty"
    empty.touch()
    environ = {
        "HA_SIMULATOR_TOKEN_FILE": str(tmp_path / "absent"),
        "HA_SIMULATOR_CONTROL_TOKEN_FILE": str(empty),
        "HA_SIMULATOR_PORT": "eighty",
        "HA_SIMULATOR_LATITUDE": "north",
        "HA_SIMULATOR_LEDGER_ROWS": "-3",
        "HA_SIMULATOR_SPEED": "1",
    }
    with pytest.raises(SettingsError) as caught:
        parse_settings([], environ)
    text = str(caught.value)

    assert len(caught.value.problems) == 7
    assert text.startswith("settings: 7 problems\n")
    for name in ("SPEED", "TOKEN_FILE", "CONTROL_TOKEN_FILE", "PORT", "LATITUDE"):
        assert f"HA_SIMULATOR_{name}:" in text


def test_token_is_required_and_hidden() -> None:
    """Without a token nothing starts, and a token shows in no repr."""
    with pytest.raises(SettingsError, match="HA_SIMULATOR_TOKEN: missing"):
        parse_settings([], {})

    assert "secret" not in repr(parse_settings(["--token", "secret"], {}))


def test_port_out_of_range_is_a_problem() -> None:
    """A port is at most 65535."""
    with pytest.raises(SettingsError, match="PORT: must be 0 to 65535"):
        parse_settings(["--token", "t", "--port", "70000"], {})


def test_empty_variables_count_as_absent() -> None:
    """Compose passes an unset variable as an empty text: the default holds."""
    environ = {
        "HA_SIMULATOR_TOKEN": "t",
        "HA_SIMULATOR_CONTROL_TOKEN": "",
        "HA_SIMULATOR_CONTROL_TOKEN_FILE": "",
        "HA_SIMULATOR_PORT": "",
    }
    settings = parse_settings([], environ)

    assert (settings.control_token, settings.port) == (None, 8123)
