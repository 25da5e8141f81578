"""Look at a project that is running already; nothing of it is changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..contract.source import Contract
from ..errors import UsageError
from .container import inspect_project
from .stack import Options, Stack
from .vantage import choose_vantage, on_this_host

if TYPE_CHECKING:
    from docker import DockerClient


def live_stack(
    contract: Contract,
    project: str,
    *,
    engine: DockerClient,
    folder: Path,
    options: Options,
) -> Stack:
    """Return a running project as a stack that only checks safe on production see.

    The contract must have been read with the project's own name, so that the names of
    networks and volumes are the ones to expect.

    Raises:
        UsageError: no project of this name has a container.
    """
    if not inspect_project(engine, project):
        raise UsageError(
            f"no container belongs to a project {project!r}; see `docker compose ls`"
        )
    stack = Stack(
        contract=contract,
        compose=replace(contract.compose, project=project),
        document=contract.document,
        model=contract.model,
        engine=engine,
        vantage=choose_vantage(
            project,
            helper_image=options.helper_image,
            local=on_this_host(engine),
        ),
        owned=False,
        recorder=None,
        folder=folder,
        options=options,
    )
    stack.expect_no_more()
    return stack
