"""Tests of `reference_stack.project`."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path

from reference_stack import SourceKind, prepare
from reference_stack.project import parse_env


def test_environment_file_is_parsed() -> None:
    """Comments and blank lines are left out; values keep what follows the first =."""
    text = "# comment\n\nA=1\nB=x=y\nC=\n"

    assert parse_env(text) == {"A": "1", "B": "x=y", "C": ""}


def test_project_differs_from_production_only_where_it_must(tmp_path: Path) -> None:
    """All variables are there, ports are the engine's choice, secrets are new."""
    made = prepare(
        tmp_path, source=SourceKind.SIMULATOR, subnet=IPv4Network("10.9.8.0/24")
    )

    assert made.settings["STACK_SUBNET"] == "10.9.8.0/24"
    assert made.settings["ADMIN_PORT"] == made.settings["INFLUXDB_PORT"] == "0"
    assert made.settings["INFLUXDB_MEMORY_LIMIT"] == "2G"
    assert parse_env(made.env_file.read_text(encoding="utf-8")) == made.settings
    assert len(made.secret("admin_token")) >= 40
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
