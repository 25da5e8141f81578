"""Name the projects of a run, and remove those whose run was killed."""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .. import sdk
from .vantage import LABEL

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.volumes import Volume

_PROJECT = "com.docker.compose.project"


def project_name(purpose: str) -> str:
    """Return a random name that tells which process the project belongs to."""
    return f"{purpose}-{os.getpid()}-{secrets.token_hex(4)}"


def owner(project: str, purpose: str) -> int | None:
    """Return the process id in a name that `project_name` made, or None (pure)."""
    pattern = rf"{re.escape(purpose)}-(\d+)-[0-9a-f]{{8}}"
    match = re.fullmatch(pattern, project)
    return int(match[1]) if match else None


def remove_abandoned(engine: DockerClient, *, purpose: str) -> list[str]:
    """Remove every project of ours whose process is gone; return their names.

    Only projects whose name was made by `project_name` are looked at. A process id
    that is in use again keeps a project until a later run.
    """
    names = {name for name in _projects(engine) if _is_abandoned(name, purpose)}
    for name in names:
        remove_project(engine, name)
    return sorted(names)


def remove_project(engine: DockerClient, name: str) -> None:
    """Remove all of a project and its helper containers; containers hold the others.

    The engine may still be making a container whose maker has given up: such a one
    turns up late, at the latest as the user of a volume.

    Raises:
        docker.errors.APIError: the engine refuses, or others use something of it.
    """
    chosen: dict[str, str | list[str] | bool] = {"label": f"{_PROJECT}={name}"}
    _remove_containers(engine, name)
    for network in engine.networks.list(filters=chosen):
        with suppress(sdk.NotFound):
            network.remove()
    for volume in engine.volumes.list(filters=chosen):
        try:
            _remove_volume(volume)
        except sdk.APIError:
            if not _remove_containers(engine, name):
                raise
            _remove_volume(volume)
    _remove_containers(engine, name)
    remove_images(engine, name)


def _remove_containers(engine: DockerClient, name: str) -> int:
    """Remove the containers that are there now; return how many there were."""
    containers = [
        container
        for label in (f"{_PROJECT}={name}", f"{LABEL}={name}")
        for container in engine.containers.list(
            all=True, filters={"label": label}, ignore_removed=True
        )
    ]
    for container in containers:
        with suppress(sdk.NotFound):
            container.remove(v=True, force=True)
    return len(containers)


def _remove_volume(volume: Volume) -> None:
    with suppress(sdk.NotFound):
        volume.remove()


def remove_images(engine: DockerClient, name: str) -> None:
    """Remove the images that a run has made for itself."""
    for image in engine.images.list(filters={"label": f"{LABEL}={name}"}):
        with suppress(sdk.ImageNotFound):
            engine.images.remove(str(image.id), force=True)


def _projects(engine: DockerClient) -> set[str]:
    things = [
        *(
            item.labels
            for item in engine.containers.list(all=True, ignore_removed=True)
        ),
        *(item.attrs["Labels"] or {} for item in engine.networks.list()),
        *(item.attrs["Labels"] or {} for item in engine.volumes.list()),
        *(item.labels for item in engine.images.list(filters={"label": LABEL})),
    ]
    ours = {labels[_PROJECT] for labels in things if _PROJECT in labels}
    return ours | {labels[LABEL] for labels in things if LABEL in labels}


def _is_abandoned(name: str, purpose: str) -> bool:
    process = owner(name, purpose)
    return process is not None and not Path(f"/proc/{process}").exists()
