"""Remove the projects of runs that were killed before they could do so themselves."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from docker import DockerClient
from docker.errors import NotFound

from .project import PURPOSE, owner

_LABEL = "com.docker.compose.project"


def remove_abandoned(engine: DockerClient, *, purpose: str = PURPOSE) -> list[str]:
    """Remove every project of ours whose process is gone; return their names.

    Only projects whose name was made by `project_name` are looked at. A process id
    that is in use again keeps a project until a later run.
    """
    names = {name for name in _projects(engine) if _is_abandoned(name, purpose)}
    for name in names:
        _remove(engine, name)
    return sorted(names)


def _projects(engine: DockerClient) -> set[str]:
    things = [
        *(item.labels for item in engine.containers.list(all=True)),
        *(item.attrs["Labels"] or {} for item in engine.networks.list()),
        *(item.attrs["Labels"] or {} for item in engine.volumes.list()),
    ]
    return {labels[_LABEL] for labels in things if _LABEL in labels}


def _is_abandoned(name: str, purpose: str) -> bool:
    process = owner(name, purpose)
    return process is not None and not Path(f"/proc/{process}").exists()


def _remove(engine: DockerClient, name: str) -> None:
    """Remove containers first: they hold the others."""
    chosen: dict[str, str | list[str] | bool] = {"label": f"{_LABEL}={name}"}
    for container in engine.containers.list(all=True, filters=chosen):
        with suppress(NotFound):
            container.remove(v=True, force=True)
    for network in engine.networks.list(filters=chosen):
        with suppress(NotFound):
            network.remove()
    for volume in engine.volumes.list(filters=chosen):
        with suppress(NotFound):
            volume.remove()
