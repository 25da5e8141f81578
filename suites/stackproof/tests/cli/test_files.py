"""Files are found as Compose finds them, and mistakes in them have a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackproof.cli.files import default_files, unknown_profiles
from stackproof.errors import UsageError


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (["docker-compose.yml"], ["docker-compose.yml"]),
        (["docker-compose.yml", "compose.yaml"], ["compose.yaml"]),
        (
            ["compose.yml", "compose.override.yml"],
            ["compose.yml", "compose.override.yml"],
        ),
        (
            ["docker-compose.yaml", "docker-compose.override.yaml"],
            ["docker-compose.yaml", "docker-compose.override.yaml"],
        ),
    ],
)
def test_default_files(tmp_path: Path, there: list[str], expected: list[str]) -> None:
    """The same names in the same order of preference."""
    for name in there:
        (tmp_path / name).write_text("")

    assert [path.name for path in default_files(tmp_path)] == expected


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ("A=1\nCOMPOSE_FILE=base.yml:prod.yml\n", ["base.yml", "prod.yml"]),
        ("COMPOSE_PATH_SEPARATOR=,\nCOMPOSE_FILE='a.yml,b.yml'", ["a.yml", "b.yml"]),
        ("#COMPOSE_FILE=base.yml\nCOMPOSE_FILE=\n", ["compose.yml"]),
    ],
)
def test_listed_files_win(tmp_path: Path, env: str, expected: list[str]) -> None:
    """As with Compose, the folder's .env may list the files."""
    (tmp_path / "compose.yml").touch()
    (tmp_path / ".env").write_text(env, "utf-8")

    assert [path.name for path in default_files(tmp_path)] == expected


def test_no_default_file(tmp_path: Path) -> None:
    """What to do is said."""
    with pytest.raises(UsageError, match="name one with -f"):
        default_files(tmp_path)


def test_unknown_profiles() -> None:
    """Compose says nothing about a profile that no service has."""
    document = {"services": {"web": {}, "job": {"profiles": ["tools"]}}}

    assert unknown_profiles(("tools", "*"), document) == ()
    assert unknown_profiles(("tools", "tool"), document) == ("tool",)
