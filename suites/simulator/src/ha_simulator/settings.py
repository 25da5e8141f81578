"""The simulator's settings: command line over environment, all problems at once."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .errors import SettingsError
from .world.journal import DEFAULT_ROWS

PREFIX = "HA_SIMULATOR_"
SECRETS = ("token", "control_token")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a simulator is started with.

    Attributes:
        token: the access token clients need.
        control_token: bearer token for `/_script/*`; None leaves it open.
        commit_seconds: how long the recorder lets rows wait.
        ledger_rows: events the ledger keeps before it drops the oldest.
        auth_seconds: how long a client may take for its auth message.
        peak_seconds: how long a client may stay above 1,024 pending messages.
    """

    token: str = field(repr=False)
    host: str = "0.0.0.0"
    port: int = 8123
    control_token: str | None = field(default=None, repr=False)
    ha_version: str = "2026.2.3"
    latitude: float = 52.3731
    longitude: float = 4.8903
    commit_seconds: float = 5.0
    ledger_rows: int = DEFAULT_ROWS
    auth_seconds: float = 10.0
    peak_seconds: float = 10.0


_KINDS: dict[str, type[str | int | float]] = {
    "token": str,
    "host": str,
    "port": int,
    "control_token": str,
    "ha_version": str,
    "latitude": float,
    "longitude": float,
    "commit_seconds": float,
    "ledger_rows": int,
    "auth_seconds": float,
    "peak_seconds": float,
}


def parse_settings(argv: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """Read the settings; `--name` wins over `HA_SIMULATOR_NAME` and its `_FILE`.

    Raises:
        SettingsError: holds one line for each problem.
    """
    problems: list[str] = []
    texts = _environment(environ, problems)
    parser = argparse.ArgumentParser(
        prog="python -m ha_simulator", description=__doc__, allow_abbrev=False
    )
    for name in _KINDS:
        parser.add_argument(f"--{name.replace('_', '-')}", metavar=name.upper())
    given = vars(parser.parse_args(argv))
    texts |= {name: text for name, text in given.items() if text is not None}
    values: dict[str, str | int | float] = {}
    for name, text in texts.items():
        try:
            values[name] = _KINDS[name](text)
        except ValueError:
            kind = "an integer" if _KINDS[name] is int else "a number"
            problems.append(f"{PREFIX}{name.upper()}: must be {kind}, got {text!r}")
    problems += _unfit(values)
    if problems:
        raise SettingsError(problems)
    return Settings(**values)  # type: ignore[arg-type]


def _environment(environ: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    files: dict[str, str] = {}
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or not text:
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name in _KINDS:
            texts[name] = text
        elif name.removesuffix("_file") in SECRETS:
            files[name.removesuffix("_file")] = text
        else:
            known = ", ".join(PREFIX + kind.upper() for kind in _KINDS)
            problems.append(f"{variable}: unknown variable; known are {known}")
    for name, path in files.items():
        variable = f"{PREFIX}{name.upper()}_FILE"
        try:
            text = Path(path).read_text(encoding="utf-8").strip()
        except OSError as err:
            problems.append(f"{variable}: cannot read {path}: {err.strerror}")
            continue
        if not text:
            problems.append(f"{variable}: {path} is empty")
        texts.setdefault(name, text)
    return texts


def _unfit(values: Mapping[str, str | int | float]) -> list[str]:
    problems: list[str] = []
    if not values.get("token"):
        problems.append(
            f"{PREFIX}TOKEN: missing; give --token, {PREFIX}TOKEN or {PREFIX}TOKEN_FILE"
        )
    port = values.get("port", 0)
    if isinstance(port, int) and not 0 <= port <= 65_535:
        problems.append(f"{PREFIX}PORT: must be 0 to 65535, got {port}")
    for name in ("commit_seconds", "auth_seconds", "peak_seconds", "ledger_rows"):
        value = values.get(name, 1)
        if not isinstance(value, str) and value <= 0:
            problems.append(f"{PREFIX}{name.upper()}: must be positive, got {value}")
    return problems
