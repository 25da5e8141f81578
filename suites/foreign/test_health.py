"""HEALTH turns red for a health check that cannot tell, and for nothing else."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from stackproof.check import Verdict
from stackproof.model import Health
from stackproof.verify.stack import Stack
from stackproof.verify.trial import Outcome

Foreign = Callable[..., Outcome]
Document = dict[str, Any]

CONNECT = "import socket; socket.create_connection(('127.0.0.1', 7000), 1)"


@pytest.mark.timeout(120)
def test_sound_health_checks_are_green(foreign: Foreign) -> None:
    """Each service becomes healthy, stays so, and its check notices a hang."""

    def check_worker(document: Document) -> None:
        document["services"]["worker"]["healthcheck"] = {"disable": True}

    outcome = foreign("shop", check_worker, select=("HEALTH",))

    assert outcome.red == frozenset(), str(outcome)
    assert [r.verdict for r in outcome.of("HEALTH-06")] == [Verdict.NOT_PROMISED]
    assert [r.verdict for r in outcome.of("HEALTH-07")] == [Verdict.PASS]
    frozen = outcome.of("HEALTH-04")
    assert len(frozen) == 3
    assert all(result.finding.facts["recovery_seconds"] for result in frozen)


@pytest.mark.gate
@pytest.mark.timeout(120)
def test_checks_that_cannot_fail_are_seen(foreign: Foreign) -> None:
    """A check that connects only, and one that is always true, do not notice a hang."""

    def blind(document: Document) -> None:
        services = document["services"]
        quick = {"interval": "1s", "timeout": "2s", "retries": 2}
        services["store"]["healthcheck"] |= {
            **quick,
            "test": ["CMD", "python3", "-c", CONNECT],
        }
        services["web"]["healthcheck"] |= {**quick, "test": ["CMD", "true"]}

    outcome = foreign("shop", blind, select=("HEALTH",))

    assert outcome.failed == {("HEALTH-04", "store"), ("HEALTH-04", "web")}, str(
        outcome
    )
    assert len(outcome.red) == 2


@pytest.mark.timeout(180)
def test_budgets_that_are_missed_are_seen(foreign: Foreign) -> None:
    """Slow start, wrong address, missing program and a check that hangs all fail."""

    def spoil(document: Document) -> None:
        store = document["services"]["store"]
        probe = store["healthcheck"]["test"]
        quick = {"interval": "1s", "timeout": "1s", "retries": 2}
        tests: Mapping[str, list[str]] = {
            "sound": probe,
            "slow": probe,
            "wrong": [*probe[:-1], "http://127.0.0.1:7999/"],
            "missing": ["CMD", "/usr/bin/no-such-program"],
            "hangs": ["CMD", "sleep", "60"],
        }
        document["services"] = {
            name: {
                **{key: store[key] for key in ("image", "deploy")},
                "command": ["python3", "/server.py", "serve", "--port", "7000"],
                "volumes": ["./server.py:/server.py:ro"],
                "healthcheck": {"test": test, **quick},
            }
            for name, test in tests.items()
        }
        document["services"]["slow"]["command"] += ["--delay", "8"]
        document["services"]["waits"] = {
            "image": store["image"],
            "command": ["sleep", "600"],
            "depends_on": {"wrong": {"condition": "service_healthy"}},
            "healthcheck": {"test": ["CMD", "true"]},
        }
        document.pop("volumes")
        document.pop("networks")

    outcome = foreign("shop", spoil, select=("HEALTH-01",))

    broken = ("slow", "wrong", "missing", "hangs")
    assert outcome.failed == {("HEALTH-01", name) for name in broken}, str(outcome)
    assert outcome.red == {f"HEALTH-01[{name}]" for name in (*broken, "waits")}


@pytest.mark.timeout(120)
def test_unhealthy_service_is_seen(foreign: Foreign) -> None:
    """A service that hangs by itself is unhealthy now, and was healthy before."""

    def hang(stack: Stack) -> None:
        row = stack.running("web")
        request = {"pid": row.pid, "signal": int(signal.SIGSTOP), "scope": "all"}
        before = stack.events.events[-1].time_ns
        stack.vantage.probe("signals", request)
        stack.events.wait_for(
            lambda event: (
                event.container == row.id and event.health is Health.UNHEALTHY
            ),
            timeout=40,
            after_ns=before,
        )

    outcome = foreign("shop", select=("HEALTH",), destructive=False, after_start=hang)

    assert outcome.failed == {("HEALTH-03", "web"), ("HEALTH-05", "web")}, str(outcome)
    assert len(outcome.red) == 2


@pytest.mark.timeout(120)
def test_container_of_another_file_is_seen(foreign: Foreign) -> None:
    """A container keeps the health check of the file that it was made from."""

    def switch_off(document: Document) -> None:
        document["services"]["worker"]["healthcheck"] = {"disable": True}

    def make_from_another_file(stack: Stack) -> None:
        document = json.loads(stack.compose.files[0].read_text("utf-8"))
        document["services"]["web"]["healthcheck"]["interval"] = "2s"
        document["services"]["worker"]["healthcheck"] = {"test": ["CMD", "true"]}
        other = stack.folder / "other.json"
        other.write_text(json.dumps(document), "utf-8")
        changed = replace(stack.compose, files=(other,))
        changed.up("web", "worker", options=("--no-deps", "--timeout=1"))
        stack.settle()

    outcome = foreign(
        "shop",
        switch_off,
        select=("HEALTH-02", "HEALTH-07"),
        after_start=make_from_another_file,
    )

    assert outcome.failed == {("HEALTH-02", "web"), ("HEALTH-07", "worker")}, str(
        outcome
    )
    assert len(outcome.red) == 2


@pytest.mark.timeout(120)
def test_missing_health_check_is_reported(foreign: Foreign) -> None:
    """A service that stays and has no health check is told as a policy."""
    outcome = foreign("shop", select=("HEALTH-06",), strict=True)

    assert outcome.failed == {("HEALTH-06", "worker")}, str(outcome)
