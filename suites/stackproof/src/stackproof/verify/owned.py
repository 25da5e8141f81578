"""Start a copy of a stack that belongs to this run alone, and remove it afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .. import sdk
from ..contract.source import Contract
from ..drills.layers import layers, needs
from ..drills.returning import await_all, now_ns, start
from ..errors import ComposeError
from ..events import EventRecorder
from ..interrupt import interrupted_once
from ..parsing import parse_config
from .abandoned import (
    project_name,
    remove_abandoned,
    remove_images,
    remove_project,
)
from .copying import is_crowded, remove_copy, write_copy
from .stack import Options, Stack
from .standing import Standing, settle_budget
from .vantage import choose_vantage, on_this_host

if TYPE_CHECKING:
    from docker import DockerClient

PURPOSE = "stackproof"
_PREPARE_SECONDS = 1800.0
_SPARE_SECONDS = 30.0


@contextmanager
def owned_stack(
    contract: Contract,
    *,
    engine: DockerClient,
    folder: Path,
    options: Options,
    keep: bool = False,
    build: bool = False,
    say: Callable[[str], None] = lambda _text: None,
) -> Iterator[Stack]:
    """Start a copy of the stack and hand it on when it has settled or failed to.

    A stack that does not start is handed on as well: `start_problem` and `expected` say
    how far it came, and the checks judge what is there. Containers, networks and
    volumes are removed at the end, also after Ctrl-C, unless `keep` is set.

    Raises:
        SourceError: the copy cannot be made from these files.
        ComposeError: an image cannot be had.
    """
    project = project_name(PURPOSE)
    with interrupted_once():
        remove_abandoned(engine, purpose=PURPOSE)
        compose, isolated = write_copy(contract, engine, folder, project)
        document = compose.config()
        recorder = EventRecorder.of_project(engine, project)
        with recorder:
            stack = Stack(
                contract=contract,
                compose=compose,
                document=json.loads(document),
                model=parse_config(document),
                engine=engine,
                vantage=choose_vantage(
                    project,
                    helper_image=options.helper_image,
                    local=on_this_host(engine),
                ),
                owned=True,
                recorder=recorder,
                folder=folder,
                options=options,
                notes=isolated.notes,
            )
            try:
                _start(stack, build=build, say=say)
                yield stack
            finally:
                if keep:
                    say(f"kept: remove it with docker compose -p {project} down -v")
                else:
                    say("removing the containers, networks and volumes of this run")
                    _remove(stack)


def _start(stack: Stack, *, build: bool, say: Callable[[str], None]) -> None:
    """Bring everything up; what fails is kept for the checks to judge."""
    compose = stack.compose
    if build:
        say("building images")
        compose("build", timeout=_PREPARE_SECONDS)
    say("creating containers")
    try:
        _create(stack)
    except ComposeError as err:
        # Without its image nothing can be said of a service. Anything else, such as a
        # file that is not there, is for the checks to judge.
        if _missing_images(stack):
            raise
        stack.start_problem = _last_line(err.evidence) or str(err)
    services = frozenset(stack.model.services)
    budget = settle_budget(stack.model) + _SPARE_SECONDS
    if stack.start_problem is None:
        say(f"starting {len(services)} services (at most {budget:.0f} s)")
        try:
            compose.up(timeout=budget)
        except ComposeError as err:
            stack.start_problem = _last_line(err.evidence) or str(err)
    below = await_all(stack, services, since=0)
    if stack.start_problem is not None:
        say(f"starting what does not depend on this: {stack.start_problem}")
        _start_the_rest(stack, timeout=budget)
    elif below:
        rows = (f"{name}: {reason}" for name, reason in sorted(below.items()))
        stack.start_problem = "\n".join(rows)
    stack.expect_no_more()


def _create(stack: Stack) -> None:
    """Make networks and containers; in other address ranges where these are taken."""
    try:
        stack.compose("create", timeout=_PREPARE_SECONDS)
    except ComposeError as err:
        if not is_crowded(err.evidence, stack.contract.document):
            raise
        stack.compose.down()
        _, isolated = write_copy(
            stack.contract,
            stack.engine,
            stack.folder,
            stack.compose.project,
            crowded=True,
        )
        document = stack.compose.config()
        stack.document = json.loads(document)
        stack.model = parse_config(document)
        stack.notes = isolated.notes
        stack.compose("create", timeout=_PREPARE_SECONDS)


def _start_the_rest(stack: Stack, *, timeout: float) -> None:
    """Start what was left out when Compose gave up on all services for one of them.

    The engine starts them: Compose would run done jobs again, or, without dependencies,
    make containers of another configuration.
    """
    needed = needs(stack.model)
    since = now_ns(stack)
    for layer in layers(stack.model.services, needed):
        now = stack.look()
        ready = frozenset(
            name
            for name in layer
            if now.rows[name].standing is Standing.ABSENT and now.sound_in(needed[name])
        )
        for name in ready:
            with suppress(ComposeError):
                stack.compose("create", name, timeout=timeout)
        start((row for row in stack.containers() if row.service in ready), stack)
        if ready:
            await_all(stack, ready, since)


def _missing_images(stack: Stack) -> bool:
    for service in stack.model.services.values():
        try:
            stack.engine.images.get(service.image)
        except (sdk.ImageNotFound, sdk.NullResource):
            return True
    return False


def _remove(stack: Stack) -> None:
    """Remove the project by Compose, and by its labels where Compose cannot."""
    try:
        stack.compose("down", "--volumes", "--remove-orphans", "--timeout=1")
    except ComposeError:
        remove_project(stack.engine, stack.compose.project)
    else:
        remove_images(stack.engine, stack.compose.project)
    for name in stack.unnamed_volumes:
        with suppress(sdk.NotFound):
            stack.engine.volumes.get(name).remove()
    remove_copy(stack.folder)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
