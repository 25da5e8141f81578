"""Tests of `stackproof.drills.crash`."""

from __future__ import annotations

import signal

import pytest

from stackproof.drills.crash import Crash, forestalled
from stackproof.drills.hits import Hit
from stackproof.events import Event


@pytest.mark.parametrize(
    ("number", "exit_code", "problem", "again"),
    [
        (signal.SIGKILL, 137, "", False),
        (signal.SIGKILL, 3, "", True),
        (signal.SIGKILL, None, "", True),
        (signal.SIGTERM, 0, "", False),
        (signal.SIGTERM, 3, "no such process", True),
    ],
)
def test_service_that_ended_before_its_hit_is_hit_again(
    number: int, exit_code: int | None, problem: str, *, again: bool
) -> None:
    """The end of a peer may be quicker than the signal; that says nothing of it."""
    hit = Hit(service="web", container="c", number=number, policy=None, problem=problem)
    died = Event(
        time_ns=2, service="web", container="c", action="die", exit_code=exit_code
    )
    events = () if exit_code is None else (died,)
    crash = Crash(hits=(hit,), since=1, hands_off=9, events=events)

    found = forestalled({"web": crash}, frozenset({"web"}))

    assert found == ({"web"} if again else set())
