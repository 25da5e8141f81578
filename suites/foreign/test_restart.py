"""RESTART turns red where a policy or a second start does not hold."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from stackproof.check import ENGINE_RESTART, Verdict
from stackproof.compose import run_command
from stackproof.verify.stack import Stack
from stackproof.verify.trial import Outcome

Foreign = Callable[..., Outcome]
Document = dict[str, Any]


@pytest.mark.timeout(180)
def test_every_policy_is_kept(foreign: Foreign) -> None:
    """Each of the four policies does what it says; nothing is left down."""

    def four_policies(document: Document) -> None:
        services = document["services"]
        services["web"]["restart"] = "no"
        services["store"]["restart"] = "always"
        del services["api"]["restart"]
        services["api"]["deploy"] = {
            **services["api"]["deploy"],
            "restart_policy": {"condition": "any"},
        }

    outcome = foreign("shop", four_policies, select=("RESTART",))

    assert outcome.red == frozenset(), str(outcome)
    (crash,) = outcome.of("RESTART-05", "store")
    assert crash.finding.facts["recovery_seconds"]
    (limit,) = outcome.of("RESTART-07")
    assert limit.finding.facts["restarts"] == 3
    (down,) = outcome.of("RESTART-05", "web")
    assert "stayed down" in down.finding.observed
    (without,) = outcome.of("RESTART-02", "web")
    assert without.verdict is Verdict.NOT_PROMISED


@pytest.mark.gate
@pytest.mark.timeout(180)
def test_service_that_starts_only_once_is_seen(foreign: Foreign) -> None:
    """A lock that stays in the container keeps it from a second start."""

    def lock(document: Document) -> None:
        worker = document["services"]["worker"]
        worker["command"] += ["--lock", "/lock"]
        worker |= {"read_only": False, "user": "0:0", "restart": "unless-stopped"}

    outcome = foreign("shop", lock, select=("RESTART-03", "RESTART-04", "RESTART-05"))

    assert outcome.red == {"RESTART-04[worker]", "RESTART-05[worker]"}, str(outcome)


@pytest.mark.timeout(120)
def test_policy_that_was_changed_is_seen(foreign: Foreign) -> None:
    """A policy that the engine does not hold any more is not kept either."""

    def forget(stack: Stack) -> None:
        container = stack.container("api").id
        run_command(("docker", "update", "--restart=no", container), env={}, timeout=30)

    outcome = foreign("shop", select=("RESTART-01", "RESTART-05"), after_start=forget)

    assert outcome.failed == {("RESTART-01", "api"), ("RESTART-05", "api")}
    assert outcome.red == {"RESTART-01[api]", "RESTART-05[api]"}, str(outcome)


@pytest.mark.timeout(120)
def test_stop_that_does_not_last_is_seen(foreign: Foreign) -> None:
    """Somebody who starts a service as soon as it was stopped is noticed."""
    helpers = []

    def meddle(stack: Stack) -> None:
        worker = stack.container("worker").id

        def start_again() -> None:
            stack.events.wait_for(
                lambda event: event.container == worker and event.action == "stop",
                timeout=60,
            )
            stack.engine.api.start(worker)

        helper = threading.Thread(target=start_again)
        helper.start()
        helpers.append(helper)

    outcome = foreign("shop", select=("RESTART-03",), after_start=meddle)
    helpers[0].join(10)

    assert outcome.red == {"RESTART-03[worker]"}, str(outcome)


@pytest.mark.timeout(180)
def test_policies_that_were_weakened_are_seen(foreign: Foreign) -> None:
    """After an end by itself, for want of memory, and at the limit of restarts."""

    def weaken(stack: Stack) -> None:
        for service, policy in (("api", "no"), ("worker", "on-failure:1")):
            command = ("docker", "update", f"--restart={policy}")
            container = stack.container(service).id
            run_command((*command, container), env={}, timeout=30)

    outcome = foreign(
        "shop",
        select=("RESTART-06", "RESTART-07", "RESTART-08"),
        after_start=weaken,
    )

    assert outcome.failed == {
        ("RESTART-06", "api"),
        ("RESTART-07", "worker"),
        ("RESTART-08", "api"),
    }, str(outcome)


@pytest.mark.engine_restart
@pytest.mark.timeout(300)
def test_service_that_does_not_come_back_with_the_engine_is_seen(
    foreign: Foreign,
) -> None:
    """Only the one whose policy was taken away behind the file's back."""

    def forget(stack: Stack) -> None:
        container = stack.container("api").id
        run_command(("docker", "update", "--restart=no", container), env={}, timeout=30)

    allows = frozenset({ENGINE_RESTART})
    sound = foreign("shop", select=("RESTART-09",), allows=allows)
    outcome = foreign("shop", select=("RESTART-09",), allows=allows, after_start=forget)

    assert sound.red == frozenset(), str(sound)
    assert sound.results
    assert outcome.failed == {("RESTART-09", "api")}, str(outcome)
