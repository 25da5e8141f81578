"""What the engine tells of a project's containers."""

from __future__ import annotations

from typing import Final, cast

from docker.models.containers import Container

from .errors import UsageError
from .names import DATABASE, ENRICHMENT, INGESTION, SOURCE

__all__ = [
    "LOOPBACK",
    "PORTS",
    "PROJECT",
    "SERVICE",
    "by_service",
    "cores_of",
    "published",
    "text_in",
    "variables_of",
]

PROJECT: Final = "com.docker.compose.project"
"""The label with which Compose marks what belongs to a project."""
PORTS: Final = {INGESTION: 8001, ENRICHMENT: 8002, DATABASE: 8086, SOURCE: 8123}
LOOPBACK: Final = "127.0.0.1"
_ANYWHERE: Final = frozenset({"", "0.0.0.0", "::"})
SERVICE: Final = "com.docker.compose.service"


def published(container: Container, service: str) -> tuple[str, int] | None:
    """Return host and port at which this host reaches a container, None if none."""
    ports = container.attrs["NetworkSettings"].get("Ports") or {}
    for place in ports.get(f"{PORTS[service]}/tcp") or ():
        anywhere = place["HostIp"] in _ANYWHERE
        return (LOOPBACK if anywhere else str(place["HostIp"]), int(place["HostPort"]))
    return None


def by_service(rows: list[Container]) -> dict[str, Container]:
    """Return a project's containers; the one of a calibration is none of them."""
    return {row.labels[SERVICE]: row for row in rows if SERVICE in row.labels}


def cores_of(container: Container) -> float | None:
    """Return a container's CPU limit in cores."""
    nano = container.attrs["HostConfig"].get("NanoCpus") or 0
    return nano / 1e9 if nano else None


def variables_of(container: Container) -> dict[str, str]:
    """Return the environment that a container was given."""
    rows: list[str] = container.attrs["Config"]["Env"]
    return {name: value for name, _, value in (row.partition("=") for row in rows)}


def text_in(container: Container, path: str) -> str:
    """Return what a file inside a container says, without white space around it.

    Raises:
        UsageError: it cannot be read there.
    """
    code, output = container.exec_run(["cat", path])
    if code:
        raise UsageError(f"{container.name}: {path} cannot be read")
    return cast("bytes", output).decode("utf-8").strip()
