"""pytest fixtures: one reference stack for the session, started by pytest-docker.

A suite's conftest.py imports all of them: only there do they win over pytest-docker's.
The stack is up and healthy when a test gets it; a test that stops something starts it
again. Whatever happens, Ctrl-C included, the project is removed at the end and its
evidence kept if something failed.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import docker
import pytest
from docker import DockerClient
from pytest_docker.plugin import Services

from stackproof import EventRecorder
from stackproof.pytest_plugin import WatchStack
from stackproof.verify.abandoned import remove_abandoned

from .launch import watched
from .project import PURPOSE, StackProject, Variant
from .promises import prepared_of
from .stack import ReferenceStack

__all__ = [
    "docker_cleanup",
    "docker_compose_command",
    "docker_compose_file",
    "docker_compose_project_name",
    "docker_setup",
    "engine",
    "project",
    "recorder",
    "running_stack",
    "stack",
]


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerClient]:
    """Return a client of the engine, cleared of what killed runs left behind."""
    client = docker.from_env()
    remove_abandoned(client, purpose=PURPOSE)
    yield client
    client.close()


@pytest.fixture(scope="session")
def project(
    engine: DockerClient,  # noqa: ARG001 - clears what killed runs left behind
    pytestconfig: pytest.Config,
) -> StackProject:
    """Return the session's project in its production variant."""
    return prepared_of(pytestconfig).project(Variant.PRODUCTION)


@pytest.fixture(scope="session")
def recorder(
    engine: DockerClient, project: StackProject, watch_stack: WatchStack
) -> Iterator[EventRecorder]:
    """Record the engine's events from before `up` until all is removed.

    This fixture owns the clean-up: it is set up before pytest-docker starts anything,
    so it is torn down after it, also when the start fails half-way.
    """
    with watched(engine, project, watch_stack) as events:
        yield events


@pytest.fixture(scope="session")
def docker_compose_command(
    project: StackProject,
    recorder: EventRecorder,  # noqa: ARG001 - the record begins before the first command
) -> str:
    """Tell pytest-docker how to call Compose for this project."""
    variables = [f"{name}={value}" for name, value in project.settings.items()]
    return shlex.join(
        ["env", *variables, "docker", "compose", "--env-file", str(project.env_file)]
    )


@pytest.fixture(scope="session")
def docker_compose_file(project: StackProject) -> list[str]:
    """Tell pytest-docker which files make the project."""
    return [str(file) for file in project.files]


@pytest.fixture(scope="session")
def docker_compose_project_name(project: StackProject) -> str:
    """Tell pytest-docker the random name."""
    return project.name


@pytest.fixture(scope="session")
def docker_setup() -> list[str]:
    """Start without building and without `--wait`, which fails on one-shots."""
    return ["up --detach --no-build"]


@pytest.fixture(scope="session")
def docker_cleanup() -> list[str]:
    """Leave the clean-up to `recorder`, which also runs when the start failed."""
    return []


@pytest.fixture(scope="session")
def running_stack(
    engine: DockerClient,
    project: StackProject,
    recorder: EventRecorder,
    docker_services: Services,  # noqa: ARG001 - starts the stack
) -> ReferenceStack:
    """Return the stack once every container is healthy or has done its work."""
    stack = ReferenceStack(
        project=project,
        model=project.compose.model(),
        engine=engine,
        recorder=recorder,
    )
    stack.await_healthy()
    return stack


@pytest.fixture
def stack(
    running_stack: ReferenceStack,
    watch_stack: WatchStack,  # noqa: ARG001 - keeps evidence when the test fails
) -> ReferenceStack:
    """Return the running stack, and check afterwards that it was left healthy."""
    return running_stack
