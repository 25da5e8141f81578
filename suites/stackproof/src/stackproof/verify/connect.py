"""Reach the engine, or say why it cannot be reached."""

from __future__ import annotations

import docker
import requests
from docker import DockerClient
from docker.errors import DockerException, ImageNotFound

from ..errors import UsageError


def connect() -> DockerClient:
    """Return a client of the engine that the environment names.

    Raises:
        UsageError: it does not answer.
    """
    try:
        engine = docker.from_env()
        engine.ping()
    except (DockerException, requests.RequestException, OSError) as err:
        raise UsageError(
            f"the engine cannot be reached: {err}\n"
            "    is it running, and may this user talk to it (root or group docker; "
            "DOCKER_HOST for an engine elsewhere)?"
        ) from err
    return engine


def need_image(engine: DockerClient, name: str) -> None:
    """Make sure that the image to probe from is there.

    Raises:
        UsageError: the engine has none of this name.
    """
    try:
        engine.images.get(name)
    except ImageNotFound as err:
        raise UsageError(
            f"--helper-image {name}: the engine has no such image; pull or build it"
        ) from err
