"""Where a container is reached from its engine's own host: by its published port."""

from __future__ import annotations

from collections.abc import Mapping

import requests
from docker import DockerClient
from docker.errors import DockerException

from stackproof import Endpoint

PORTS: Mapping[str, int] = {
    "websocket-ingestion": 8001,
    "enrichment-pipeline": 8002,
    "admin-api": 8080,
    "influxdb": 8086,
    "home-assistant": 8123,
}
_LABEL = "com.docker.compose"
_LOOPBACK = "127.0.0.1"
_ANY = frozenset({"0.0.0.0", "::"})


def published(engine: DockerClient, project: str, service: str) -> Endpoint | None:
    """Return where a service's port is published; None while it is not."""
    chosen = [f"{_LABEL}.project={project}", f"{_LABEL}.service={service}"]
    try:
        rows = engine.api.containers(filters={"label": chosen})
    except (DockerException, requests.RequestException):
        return None
    for row in rows:
        for port in row["Ports"]:
            if port["PrivatePort"] == PORTS.get(service) and "PublicPort" in port:
                host = _LOOPBACK if port["IP"] in _ANY else str(port["IP"])
                return Endpoint(host=host, port=int(port["PublicPort"]))
    return None
