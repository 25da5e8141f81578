"""Each test of wrong settings or a missing neighbour has a project of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from docker import DockerClient

from reference_stack import ReferenceStack, SourceKind, prepare
from reference_stack.fixtures import *  # noqa: F403
from reference_stack.launch import watched
from stackproof import find_free_subnet
from stackproof.pytest_plugin import WatchStack

NewStack = Callable[..., ReferenceStack]


@pytest.fixture
def new_stack(
    engine: DockerClient, watch_stack: WatchStack, tmp_path: Path
) -> Iterator[NewStack]:
    """Return a function that prepares a project with some settings changed.

    Nothing is started; the test does that, and the project is removed afterwards.
    """
    numbers = itertools.count()
    with ExitStack() as cleanup:

        def make(**overrides: str) -> ReferenceStack:
            project = prepare(
                tmp_path / f"project-{next(numbers)}",
                source=SourceKind.SIMULATOR,
                subnet=find_free_subnet(engine),
                overrides=overrides,
            )
            recorder = cleanup.enter_context(watched(engine, project, watch_stack))
            return ReferenceStack(
                project=project,
                model=project.compose.model(),
                engine=engine,
                recorder=recorder,
            )

        yield make
