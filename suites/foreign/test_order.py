"""ORDER turns red for a broken order, and for nothing else."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from stackproof.check import Verdict
from stackproof.compose import run_command
from stackproof.events import EventRecorder
from stackproof.verify.stack import Stack
from stackproof.verify.trial import Outcome

Foreign = Callable[..., Outcome]
Document = dict[str, Any]
Detour = Callable[[tuple[str, ...]], tuple[str, ...]]


def calling(stack: Stack, detour: Detour) -> None:
    """Have Compose called with other words than the drill's."""

    def run(
        argv: tuple[str, ...], *, env: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        return run_command(detour(argv), env=env, timeout=timeout)

    stack.compose = replace(stack.compose, run=run)


@pytest.mark.timeout(120)
def test_sound_orders_are_green(foreign: Foreign) -> None:
    """Each edge of a sound stack holds at the start and at the stop, and at a boot."""

    def restart_with_api(document: Document) -> None:
        document["services"]["web"]["depends_on"]["api"]["restart"] = True

    outcome = foreign("shop", restart_with_api, select=("ORDER",), strict=True)

    assert outcome.red == frozenset(), str(outcome)
    assert len(outcome.of("ORDER-01")) == 5
    assert len(outcome.of("ORDER-02")) == 3
    assert len(outcome.of("ORDER-03")) == 1
    assert len(outcome.of("ORDER-04")) == 2


@pytest.mark.gate
@pytest.mark.timeout(120)
def test_start_in_the_wrong_order_is_seen(foreign: Foreign) -> None:
    """Containers that are started one by one break the edges that they pass over."""
    with ExitStack() as closing:

        def start_backwards(stack: Stack) -> None:
            stack.compose("down", "--timeout=1")
            stack.recorder = closing.enter_context(
                EventRecorder.of_project(stack.engine, stack.compose.project)
            )
            stack.compose("create")
            for service in ("api", "web", "store"):
                stack.engine.api.start(stack.container(service).id)
            stack.compose.up()
            stack.settle()

        outcome = foreign("shop", select=("ORDER-01",), after_start=start_backwards)

    assert {
        str(r.case.claim.label) for r in outcome.results if r.verdict == "fail"
    } == {
        "api after store: service_healthy",
        "api after migrate: service_completed_successfully",
        "web after api: service_healthy",
    }, str(outcome)
    assert outcome.red == {
        f"ORDER-01[{r.case.claim.label}]"
        for r in outcome.results
        if r.verdict is Verdict.FAIL
    }


@pytest.mark.timeout(120)
def test_store_that_stops_first_is_seen(foreign: Foreign) -> None:
    """A store that is told to stop before the rest breaks all edges to it."""

    def stop_store_first(stack: Stack) -> None:
        def detour(argv: tuple[str, ...]) -> tuple[str, ...]:
            if argv[-1] == "stop":
                run_command((*argv, "store"), env={}, timeout=30)
            return argv

        calling(stack, detour)

    outcome = foreign("shop", select=("ORDER-02",), after_start=stop_store_first)

    assert outcome.red == {
        "ORDER-02[api stops before store]",
        "ORDER-02[worker stops before store]",
    }, str(outcome)


@pytest.mark.timeout(120)
def test_dependent_that_is_not_restarted_is_seen(foreign: Foreign) -> None:
    """`restart: true` that a restart passes over is called broken."""

    def restart_with_api(document: Document) -> None:
        document["services"]["web"]["depends_on"]["api"]["restart"] = True

    def alone(argv: tuple[str, ...]) -> tuple[str, ...]:
        if "restart" not in argv:
            return argv
        at = argv.index("restart") + 1
        return (*argv[:at], "--no-deps", *argv[at:])

    outcome = foreign(
        "shop",
        restart_with_api,
        select=("ORDER-03",),
        after_start=lambda stack: calling(stack, alone),
    )

    assert outcome.failed == {("ORDER-03", "web")}, str(outcome)


@pytest.mark.timeout(180)
def test_service_that_looks_for_its_peer_once_does_not_converge(
    foreign: Foreign,
) -> None:
    """A web page that goes on without its API, unwell, is red; nothing else is."""

    def look_once(document: Document) -> None:
        web = document["services"]["web"]
        script = (
            "python3 /server.py probe --needs http://backend-for-web:8000/ && "
            "exec python3 /server.py serve --port 8080; exec tail -f /dev/null"
        )
        web["command"] = ["sh", "-c", script]
        web["healthcheck"]["start_period"] = "1s"

    outcome = foreign("shop", look_once, select=("ORDER",))

    assert outcome.failed == {("ORDER-04", "web")}, str(outcome)
    assert outcome.red == {"ORDER-04[web started before what it needs]"}


@pytest.mark.timeout(120)
def test_service_that_gives_up_is_not_promised(foreign: Foreign) -> None:
    """Without a policy for the boot it is a matter of good practice; strict is red."""

    def give_up(document: Document) -> None:
        worker = document["services"]["worker"]
        worker["command"] = [
            *("python3", "/server.py", "work", "--needs", "http://store:7000/")
        ]
        worker["depends_on"]["store"]["condition"] = "service_healthy"
        worker["restart"] = "no"

    outcome = foreign("shop", give_up, select=("ORDER",))

    (result,) = outcome.of("ORDER-05")
    assert result.verdict is Verdict.NOT_PROMISED, str(outcome)
    assert outcome.red == frozenset(), str(outcome)
