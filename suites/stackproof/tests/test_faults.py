"""A fault heals on the way out, whatever happens inside."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from stackproof.compose import Compose
from stackproof.errors import ComposeError
from stackproof.faults import killed, paused, stopped
from stackproof.testing import Answer, FakeDocker

Fault = Callable[[Compose, str], AbstractContextManager[None]]

KILL = ("kill", "--signal", "SIGKILL", "web")
FAULTS = pytest.mark.parametrize(
    ("fault", "harm", "cure"),
    [
        (paused, ("pause", "web"), ("unpause", "web")),
        (stopped, ("stop", "web"), ("start", "web")),
        (killed, KILL, ("start", "web")),
    ],
)


def verbs(docker: FakeDocker) -> list[tuple[str, ...]]:
    """Return the calls without the options of the project."""
    return [call[4:] for call in docker.calls]


@FAULTS
def test_fault_heals_after_success(
    fault: Fault, harm: tuple[str, ...], cure: tuple[str, ...]
) -> None:
    """The service is harmed inside and well outside."""
    docker = FakeDocker(answers={harm: Answer(), cure: Answer()})

    with fault(Compose(project="demo", files=(), run=docker), "web"):
        assert verbs(docker) == [harm]

    assert verbs(docker) == [harm, cure]


@FAULTS
def test_fault_heals_after_failure(
    fault: Fault, harm: tuple[str, ...], cure: tuple[str, ...]
) -> None:
    """An interrupted test leaves the service well, and its error is not hidden."""
    docker = FakeDocker(answers={harm: Answer(), cure: Answer()})

    with (
        pytest.raises(KeyboardInterrupt),
        fault(Compose(project="demo", files=(), run=docker), "web"),
    ):
        raise KeyboardInterrupt

    assert verbs(docker) == [harm, cure]


@pytest.mark.parametrize(
    ("fault", "harm"), [(stopped, ("stop", "web")), (killed, KILL)]
)
def test_half_done_harm_is_healed_too(fault: Fault, harm: tuple[str, ...]) -> None:
    """A stop that fails may have stopped the service all the same."""
    docker = FakeDocker(
        answers={harm: Answer(returncode=1), ("start", "web"): Answer()}
    )

    with (
        pytest.raises(ComposeError),
        fault(Compose(project="demo", files=(), run=docker), "web"),
    ):
        pytest.fail("the body must not run")

    assert verbs(docker) == [harm, ("start", "web")]
