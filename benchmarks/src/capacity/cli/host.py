"""What the commands that measure need of this host: its engine, and a disk."""

from __future__ import annotations

from pathlib import Path

import docker
from docker import DockerClient
from docker.errors import DockerException

from ..errors import StackFailed
from ..stack_rig import StackRig

__all__ = ["data_folder", "open_engine"]

_ENGINE_SECONDS = 120


def open_engine() -> DockerClient:
    """Return a client of the engine; close it after use.

    Raises:
        StackFailed: no engine answers.
    """
    try:
        return docker.from_env(timeout=_ENGINE_SECONDS)
    except DockerException as err:
        raise StackFailed(str(err)) from err


def data_folder(rig: StackRig) -> Path:
    """Return a folder on the disk of the database's data, or one on this disk."""
    folder = rig.data_folder()
    return folder if folder is not None and folder.is_dir() else Path.cwd()
