"""The matrix runs on stacks of its own, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import docker
import pytest
from docker import DockerClient

from reference_stack.acceptance.checks import CHECKS
from reference_stack.acceptance.live import Live
from reference_stack.acceptance.matrix import Matrix
from reference_stack.acceptance.options import MATRIX, report_folder, terms_of
from reference_stack.acceptance.owned import PURPOSE
from stackproof.interrupt import interrupted_once
from stackproof.report.matrix import matrix_document
from stackproof.report.matrix_folder import write_matrix
from stackproof.verify.abandoned import remove_abandoned

_ENGINE_SECONDS = 120


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerClient]:
    """Return a client of the engine, cleared of what killed runs left behind."""
    with closing(docker.from_env(timeout=_ENGINE_SECONDS)) as client:
        remove_abandoned(client, purpose=PURPOSE)
        yield client


@pytest.fixture(scope="session")
def matrix(engine: DockerClient, pytestconfig: pytest.Config) -> Iterator[Matrix]:
    """Run scenarios when they are asked for; the last stack goes at the end."""
    made = Matrix(
        engine=engine,
        terms=terms_of(pytestconfig),
        checks=CHECKS,
        folder=report_folder(pytestconfig),
    )
    pytestconfig.stash[MATRIX] = made
    with interrupted_once(), closing(made):
        yield made
    write_matrix(made.folder, matrix_document(made.results()))


@pytest.fixture
def live(engine: DockerClient, pytestconfig: pytest.Config) -> Live:
    """Return the running project that the options name."""
    return Live(engine=engine, project=pytestconfig.getoption("--live"))
