"""Keep a project under watch while it lives, and leave nothing of it behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from docker import DockerClient

from stackproof import EventRecorder, StackEvidence, engine_inspect
from stackproof.interrupt import interrupted_once
from stackproof.pytest_plugin import WatchStack

from .project import StackProject


@contextmanager
def watched(
    engine: DockerClient, project: StackProject, watch_stack: WatchStack
) -> Iterator[EventRecorder]:
    """Record the engine's events of a project, and remove the project at the end.

    Enter it before anything of the project is started. Evidence is kept when the start
    or a test fails; then containers, networks and volumes go, also after Ctrl-C.
    """
    with (
        interrupted_once(),
        EventRecorder.of_project(engine, project.name) as events,
    ):
        evidence = StackEvidence(
            compose=project.compose,
            inspect=engine_inspect(engine),
            timeline=lambda: events.timeline,
        )
        try:
            with watch_stack(evidence):
                yield events
        finally:
            project.compose.down()
