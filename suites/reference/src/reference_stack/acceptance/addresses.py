"""Where a container is reached from its engine's own host."""

from __future__ import annotations

from collections.abc import Mapping

import requests
from docker import DockerClient
from docker.errors import DockerException

PORTS: Mapping[str, int] = {
    "websocket-ingestion": 8001,
    "enrichment-pipeline": 8002,
    "admin-api": 8080,
    "influxdb": 8086,
    "home-assistant": 8123,
}
_LABEL = "com.docker.compose"


def address_of(engine: DockerClient, project: str, service: str) -> str | None:
    """Return the address of a service's container; None while it has none."""
    chosen = [f"{_LABEL}.project={project}", f"{_LABEL}.service={service}"]
    try:
        rows = engine.api.containers(filters={"label": chosen})
    except (DockerException, requests.RequestException):
        return None
    for row in rows:
        for place in row["NetworkSettings"]["Networks"].values():
            if place.get("IPAddress"):
                return str(place["IPAddress"])
    return None
