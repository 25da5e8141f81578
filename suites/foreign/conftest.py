"""Plant a defect into a sound stack and see which checks turn red."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml
from docker import DockerClient

from stackproof.compose import Compose
from stackproof.contract.plan import Selection
from stackproof.verify.stack import Options, Stack
from stackproof.verify.trial import Outcome, try_stack

Change = Callable[[dict[str, Any]], object]
MARK = "engine_restart"
STACKS = Path(__file__).resolve().parent / "stacks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """Runs stackproof on copies of the stacks in this folder.

    Call it with the name of a stack and, if one is to be planted, a defect: a function
    that changes the parsed compose file in place.
    """

    engine: DockerClient
    folder: Path

    def __call__(
        self,
        stack: str,
        defect: Callable[[dict[str, Any]], object] | None = None,
        *,
        select: tuple[str, ...] = (),
        destructive: bool = True,
        strict: bool = False,
        allows: frozenset[str] = frozenset(),
        options: Options | None = None,
        after_start: Callable[[Stack], None] | None = None,
    ) -> Outcome:
        """Return what the checks say."""
        copy = self.folder / stack
        shutil.copytree(STACKS / stack, copy, dirs_exist_ok=True)
        file = copy / "compose.yml"
        document = yaml.safe_load(file.read_text("utf-8"))
        if defect is not None:
            defect(document)
            file.write_text(yaml.safe_dump(document), "utf-8")
        return try_stack(
            Compose(project="", files=(file,)),
            engine=self.engine,
            selection=Selection(select=select, destructive=destructive, allows=allows),
            strict=strict,
            options=options,
            after_start=after_start,
        )


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--allow-engine-restart`."""
    parser.getgroup("foreign").addoption(
        "--allow-engine-restart",
        action="store_true",
        help="also run what restarts the engine, with every container on the host",
    )


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Leave out what restarts the engine unless it is allowed."""
    if config.getoption("--allow-engine-restart"):
        return
    left_out = [item for item in items if item.get_closest_marker(MARK)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerClient]:
    """Return a client of the engine."""
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture
def foreign(engine: DockerClient, tmp_path: Path) -> Foreign:
    """Verify a foreign stack, sound or with a defect."""
    return Foreign(engine=engine, folder=tmp_path)


@pytest.fixture(scope="session")
def changed() -> Callable[[Change], Callable[[Stack], None]]:
    """Make containers anew from a changed file, behind the back of the checks.

    The value is a function: give it one that changes the services of the running
    configuration in place, and hand what it returns on as `after_start`.
    """

    def behind(change: Change) -> Callable[[Stack], None]:
        def apply(stack: Stack) -> None:
            document = copy.deepcopy(dict(stack.document))
            change(document["services"])
            before = stack.document["services"]
            names = [n for n, s in document["services"].items() if s != before.get(n)]
            file = stack.folder / "changed.json"
            file.write_text(json.dumps(document), "utf-8")
            other = replace(stack.compose, files=(file,))
            other.up(*names, options=("--no-deps",))
            stack.settle()

        return apply

    return behind
