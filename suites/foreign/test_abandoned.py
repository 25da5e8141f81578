"""What a killed run left behind is removed by the next one, and nothing else."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator

import pytest
from docker import DockerClient

from stackproof.verify.abandoned import project_name, remove_abandoned

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
