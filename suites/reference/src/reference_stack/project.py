"""A Compose project of the reference stack that nothing else on the host can meet.

It takes everything from `stack/.env.production`, the file that users start from, and
changes only what keeps two stacks apart: name, subnet, ports, secrets, and the source.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network
from pathlib import Path

from stackproof import Compose
from stackproof.verify.abandoned import project_name

REPOSITORY = Path(__file__).resolve().parents[4]
DATABASE = "influxdb"
SERVICES = ("websocket-ingestion", "enrichment-pipeline", "admin-api")
LONG_RUNNING = (DATABASE, *SERVICES)

PURPOSE = "ha-ingestor-test"
"""First part of the names of all projects that suites make."""

_SECRETS = (
    "influxdb_admin_password",
    "influxdb_admin_token",
    "admin_token",
    "ha_access_token",
)
_FROM_ANYWHERE = 0o444


class SourceKind(StrEnum):
    """What plays Home Assistant."""

    SIMULATOR = "simulator"
    HOME_ASSISTANT = "homeassistant"


class Variant(StrEnum):
    """For whom the stack is set up: each has an overlay and an environment file."""

    PRODUCTION = "production"
    DEVELOPMENT = "development"


@dataclass(frozen=True, slots=True, kw_only=True)
class StackProject:
    """Files, settings and secrets of one project.

    Attributes:
        settings: every variable of the environment file, with this project's values.
        secrets: folder of the secret files.
    """

    name: str
    source: SourceKind
    files: tuple[Path, ...]
    env_file: Path
    settings: dict[str, str]
    secrets: Path

    @property
    def compose(self) -> Compose:
        """The project, ready to be driven; the caller's environment cannot leak in."""
        return Compose(
            project=self.name,
            files=self.files,
            env_files=(self.env_file,),
            environment=self.settings,
        )

    def secret(self, name: str) -> str:
        """Return the content of a secret file."""
        return (self.secrets / name).read_text(encoding="utf-8")


_OVERLAYS = {
    Variant.PRODUCTION: ("docker-compose.prod.yml", "docker-compose.test.yml"),
    Variant.DEVELOPMENT: ("docker-compose.dev.yml",),
}


def prepare(
    folder: Path,
    *,
    source: SourceKind,
    variant: Variant = Variant.PRODUCTION,
    purpose: str = PURPOSE,
    subnet: IPv4Network,
    overrides: dict[str, str] | None = None,
    overlays: tuple[Path, ...] = (),
) -> StackProject:
    """Write environment file and secrets of a new project into `folder`.

    Args:
        folder: belongs to the project alone.
        source: what plays Home Assistant.
        variant: whose overlay and environment file are used.
        purpose: first part of the random project name.
        subnet: a free network of the host.
        overrides: variables that differ from what all test projects have.
        overlays: compose files on top of those for tests.
    """
    stack = REPOSITORY / "stack"
    keys = folder / "secrets"
    keys.mkdir(mode=0o700, parents=True)
    for name in _SECRETS:
        _write_secret(keys / name, secrets.token_urlsafe(32))
    _write_secret(keys / "weather_api_key", "")
    settings = settings_of(variant) | {
        "HA_URL": "ws://home-assistant:8123/api/websocket",
        "STACK_SUBNET": str(subnet),
        "SECRETS_DIR": str(keys),
        "INFLUXDB_PORT": "0",
        "ADMIN_PORT": "0",
        "HA_PORT": "0",
        "HEALTH_INTERVAL": "1s",
        "WEATHER_PROVIDER": "homeassistant",
        **(overrides or {}),
    }
    name = project_name(purpose)
    settings["COMPOSE_PROJECT_NAME"] = name
    env_file = folder / "stack.env"
    env_file.write_text(
        "".join(f"{key}={value}\n" for key, value in settings.items()),
        encoding="utf-8",
    )
    files = ["docker-compose.yml", *_OVERLAYS[variant]]
    if source is SourceKind.HOME_ASSISTANT:
        files.append("docker-compose.test-homeassistant.yml")
    return StackProject(
        name=name,
        source=source,
        files=(*(stack / file for file in files), *overlays),
        env_file=env_file,
        settings=settings,
        secrets=keys,
    )


def settings_of(variant: Variant) -> dict[str, str]:
    """Return the variables of the environment file that users start from."""
    file = REPOSITORY / "stack" / f".env.{variant}"
    return parse_env(file.read_text(encoding="utf-8"))


def parse_env(text: str) -> dict[str, str]:
    """Return the variables of an environment file (pure)."""
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def _write_secret(file: Path, value: str) -> None:
    """Containers run under users of their own; the folder keeps the host's out."""
    file.write_text(value, encoding="utf-8")
    file.chmod(_FROM_ANYWHERE)
