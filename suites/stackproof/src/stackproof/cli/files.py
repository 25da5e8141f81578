"""Read the files that a command line names, and say what to do where that fails."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..compose import Compose
from ..contract.source import Contract, read_contract
from ..errors import ComposeError, FileRefused, SourceError, UsageError

# In the order in which Compose looks for them.
_FILES = (
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
)
_OVERRIDES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)


def contract_of(
    args: argparse.Namespace,
    *,
    project: str = "",
    here: Callable[[], Path] = Path.cwd,
) -> Contract:
    """Read the files that a command line names.

    Raises:
        UsageError: there is no file, or no Compose to read it with.
        SourceError: a file is not valid.
    """
    return read_files(
        Compose(
            project=project,
            files=tuple(args.files) or default_files(here()),
            env_files=tuple(args.env_files),
            profiles=tuple(args.profiles),
        )
    )


def read_files(compose: Compose) -> Contract:
    """Read a project's files, and say what to do where that is not possible.

    Raises:
        UsageError: there is no Compose to read them with, or no such profile.
        SourceError: a file is missing.
        FileRefused: one is not valid; tells a remedy where one is known.
    """
    for path in (*compose.files, *compose.env_files):
        if not path.is_file():
            what = (
                "is a folder; name the file in it" if path.is_dir() else "no such file"
            )
            raise SourceError(str(path), what)
    if shutil.which("docker") is None:
        raise UsageError(
            "the command `docker` is not on PATH; install the Docker CLI with the "
            "Compose plugin, version 2.0 or later"
        )
    try:
        contract = read_contract(compose)
    except FileRefused:
        _need_compose(compose)
        raise
    if wrong := unknown_profiles(compose.profiles, contract.document):
        raise UsageError(
            f"--profile {wrong[0]}: no service of the files has this profile; correct "
            "its name, or see `docker compose config --profiles`"
        )
    return contract


def unknown_profiles(
    profiles: Iterable[str], document: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return the profiles that switch nothing on, which Compose passes over (pure)."""
    services = (document.get("services") or {}).values()
    known = {name for service in services for name in service.get("profiles") or ()}
    return tuple(name for name in profiles if name != "*" and name not in known)


def default_files(folder: Path) -> tuple[Path, ...]:
    """Return the files that Compose takes by itself in a folder.

    Those that the variable COMPOSE_FILE in its file .env lists, or else the one with a
    usual name, and its override.

    Raises:
        UsageError: there is none.
    """
    listed = _listed_files(folder / ".env")
    if listed:
        return tuple(folder / name for name in listed)
    found = next((folder / n for n in _FILES if (folder / n).is_file()), None)
    if found is None:
        raise UsageError(
            f"no compose file in {folder}: name one with -f, or add {_FILES[0]}"
        )
    override = next((folder / n for n in _OVERRIDES if (folder / n).is_file()), None)
    return (found,) if override is None else (found, override)


def _listed_files(env_file: Path) -> list[str]:
    try:
        lines = env_file.read_text("utf-8").splitlines()
    except (FileNotFoundError, UnicodeDecodeError):
        return []
    pairs = (line.strip().partition("=") for line in lines if not line.startswith("#"))
    known = {name.strip(): value.strip().strip("'\"") for name, _, value in pairs}
    separator = known.get("COMPOSE_PATH_SEPARATOR") or ":"
    return [name for name in known.get("COMPOSE_FILE", "").split(separator) if name]


def _need_compose(compose: Compose) -> None:
    try:
        Compose(project="", files=(), run=compose.run)("version")
    except ComposeError as err:
        raise UsageError(
            "`docker compose` does not work; install the Compose plugin, version 2.0 "
            f"or later:\n    {err.evidence.strip()[:300]}"
        ) from err
