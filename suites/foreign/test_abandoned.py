"""What a killed run left behind is removed by the next one, and nothing else."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from docker import DockerClient
from docker.models.networks import Network, NetworkCollection

from stackproof.verify.abandoned import (
    project_name,
    remove_abandoned,
    remove_project,
)

pytestmark = pytest.mark.timeout(60)

_LABEL = "com.docker.compose.project"


@pytest.fixture
def purpose(engine: DockerClient) -> Iterator[str]:
    """Return a purpose of this test alone, and remove what it has made."""
    name = f"abandoned{secrets.token_hex(3)}"
    yield name
    for volume in engine.volumes.list(filters={"name": name}):
        volume.remove()


def dead_process() -> int:
    """Return the id of a process that has ended."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    return ended.pid


@pytest.mark.gate
def test_only_abandoned_projects_are_removed(
    engine: DockerClient, purpose: str
) -> None:
    """A dead run's network and volume go; a living run's stay."""
    dead = f"{purpose}-{dead_process()}-{secrets.token_hex(4)}"
    alive = project_name(purpose)
    for project in (dead, alive):
        engine.volumes.create(f"{project}_data", labels={_LABEL: project})

    removed = remove_abandoned(engine, purpose=purpose)

    assert removed == [dead]
    left = [volume.name for volume in engine.volumes.list(filters={"name": purpose})]
    assert left == [f"{alive}_data"]


@pytest.mark.gate
def test_a_container_that_turns_up_late_is_removed_too(
    engine: DockerClient, purpose: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine may finish one after its maker has given up; it holds a volume."""
    project = project_name(purpose)
    labels = {_LABEL: project}
    data = engine.volumes.create(f"{project}_data", labels=labels).name
    engine.volumes.create(f"{project}_tokens", labels=labels)
    networks = NetworkCollection.list
    made = []

    def late(collection: NetworkCollection, **filters: Any) -> list[Network]:
        image = "ha-ingestor/python:3.13-runtime"
        made.append(
            engine.containers.create(image, labels=labels, volumes=[f"{data}:/data"])
        )
        return networks(collection, **filters)

    monkeypatch.setattr(NetworkCollection, "list", late)

    remove_project(engine, project)

    assert len(made) == 1
    kept = engine.containers.list(all=True, filters={"label": f"{_LABEL}={project}"})
    assert kept == []
    assert engine.volumes.list(filters={"name": project}) == []
