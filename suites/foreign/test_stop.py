"""STOP turns red for a service that does not end well, and for no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stackproof.check import Verdict
from stackproof.verify.stack import Stack
from stackproof.verify.trial import Outcome

Foreign = Callable[..., Outcome]
Document = dict[str, Any]


@pytest.mark.timeout(120)
def test_services_that_end_well_are_green(foreign: Foreign) -> None:
    """A sound stack ends in time, also by SIGINT and when it is told three times."""
    outcome = foreign("shop", select=("STOP",), strict=True)

    assert outcome.red == frozenset(), str(outcome)
    assert {r.case.check.id for r in outcome.results} == {
        f"STOP-0{number}" for number in range(1, 8)
    }


def behind_a_shell(document: Document) -> None:
    """Let a shell stay as PID 1."""
    worker = document["services"]["worker"]
    worker["command"] = ["sh", "-c", "python3 /server.py work; exit 0"]


def deaf(document: Document) -> None:
    """Have no handler for the signal."""
    document["services"]["worker"]["command"] += ["--stop-on", "SIGUSR1"]


def python(*lines: str) -> list[str]:
    """Return a command that runs a few lines of Python."""
    return ["python3", "-c", "\n".join(lines)]


def odd_signal(document: Document) -> None:
    """Ask for a signal that the program ignores."""
    document["services"]["worker"]["stop_signal"] = "SIGUSR2"
    document["services"]["worker"]["command"] = python(
        "import signal",
        "signal.signal(signal.SIGUSR2, signal.SIG_IGN)",
        "while True: signal.pause()",
    )


def slow(document: Document) -> None:
    """Need more time than the grace period."""
    document["services"]["worker"]["command"] += ["--linger", "30"]


@pytest.mark.gate
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("defect", "told"),
    [
        (behind_a_shell, "PID 1 is a shell (`sh -c …`) that does not pass SIGTERM on"),
        (deaf, "has no handler for SIGTERM"),
        (odd_signal, "ignores SIGUSR2"),
        (slow, "catches SIGTERM but does not end in time"),
    ],
)
def test_forced_end_is_seen_and_explained(
    foreign: Foreign, defect: Callable[[Document], None], told: str
) -> None:
    """The service that has to be killed is red, with the reason; the rest is green."""
    outcome = foreign("shop", defect, select=("STOP-01", "STOP-02", "STOP-03"))

    assert outcome.failed == {("STOP-01", "worker")}, str(outcome)
    assert told in str(outcome)
    assert outcome.red == {"STOP-01[worker]", "STOP-03[worker]"}


@pytest.mark.timeout(120)
def test_each_unclean_end_has_its_own_check(foreign: Foreign) -> None:
    """A wrong code, a tight grace period and deaf ears for SIGINT are told apart."""

    def unclean(document: Document) -> None:
        services = document["services"]
        services["web"]["command"] += ["--code", "3"]
        services["api"]["command"] += ["--linger", "2.7"]
        services["worker"]["command"] = python(
            "import signal, sys",
            "signal.signal(signal.SIGINT, signal.SIG_IGN)",
            "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))",
            "while True: signal.pause()",
        )

    outcome = foreign("shop", unclean, select=("STOP",))

    kept_quiet = {
        (r.case.check.id, r.case.claim.subject.service)
        for r in outcome.results
        if r.verdict is Verdict.NOT_PROMISED
    }
    assert outcome.red == {"STOP-03[web]"}, str(outcome)
    assert {("STOP-04", "api"), ("STOP-05", "worker")} <= kept_quiet
    assert {service for _, service in kept_quiet} <= {"api", "worker", "web"}


@pytest.mark.timeout(120)
def test_impatience_breaks_a_fragile_end(foreign: Foreign) -> None:
    """A program that aborts on the second signal is reported."""

    def fragile(document: Document) -> None:
        document["services"]["worker"]["command"] = python(
            "import os, signal, time",
            "def again(*_): os._exit(4)",
            "def stop(*_):",
            "    signal.signal(signal.SIGTERM, again)",
            "    time.sleep(1)",
            "    os._exit(0)",
            "signal.signal(signal.SIGTERM, stop)",
            "signal.signal(signal.SIGINT, stop)",
            "while True: signal.pause()",
        )

    outcome = foreign("shop", fragile, select=("STOP",), strict=True)

    assert outcome.red == {"STOP-06[worker]"}, str(outcome)


@pytest.mark.timeout(180)
def test_container_with_another_signal_is_seen(
    foreign: Foreign, changed: Callable[..., Callable[[Stack], None]]
) -> None:
    """A container that was made before the file was changed is told by the old one."""

    def declare(document: dict[str, Any]) -> None:
        document["services"]["worker"]["stop_signal"] = "SIGINT"

    def forget(services: dict[str, Any]) -> None:
        services["worker"]["stop_signal"] = "SIGTERM"

    select = ("STOP-02", "STOP-07")
    outcome = foreign("shop", declare, select=select, after_start=changed(forget))

    assert outcome.failed == {("STOP-02", "worker"), ("STOP-07", "worker")}, str(
        outcome
    )
