"""Health checks are judged from the file, from inspect and from events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from stackproof.check import Verdict
from stackproof.checks.health import CHECKS
from stackproof.compose import Compose
from stackproof.contract.source import Contract
from stackproof.events import Event
from stackproof.healthchecks import (
    Frozen,
    effective,
    failing_seconds,
    judge_configured,
    judge_disabled,
    judge_frozen,
    judge_relapse,
    judge_start,
    judged_life,
    lives,
    passes_since,
    recovering_seconds,
)
from stackproof.model import Health, Healthcheck
from stackproof.parsing import parse_config

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN
CHECK = Healthcheck(
    test=("CMD", "probe"), interval=2.0, timeout=1.0, retries=3, start_period=1.0
)


def record(text: str) -> list[Event]:
    """Return events of container "c" from "0 start, 1.5 healthy, 9 die"."""
    found = []
    for part in filter(None, text.split(",")):
        seconds, name = part.split()
        health = Health(name) if name in {"healthy", "unhealthy"} else None
        found.append(
            Event(
                time_ns=int(float(seconds) * 1e9),
                service="one",
                container="c",
                action="health_status" if health else name,
                health=health,
            )
        )
    return found


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("", UNKNOWN),
        ("0 start, 2 healthy", PASS),
        ("0 start, 10 healthy", PASS),
        ("0 start, 30 healthy", FAIL),
        ("0 start, 10 unhealthy", FAIL),
        ("0 start, 10 unhealthy, 12 healthy", FAIL),
        ("0 start", FAIL),
        ("0 start, 3 die", UNKNOWN),
        ("0 start, 3 die, 4 start, 6 healthy", PASS),
        ("0 start, 10 unhealthy, 11 die, 12 start, 14 healthy", FAIL),
        ("0 start, 2 healthy, 20 unhealthy", PASS),
    ],
)
def test_start(text: str, verdict: Verdict) -> None:
    """A container has to be healthy in time, and unhealthy at no time before."""
    found = judge_start(judged_life(lives(record(text), "c")), CHECK)

    assert found.verdict is verdict


def test_start_of_another_container_does_not_count() -> None:
    """Each container has a record of its own."""
    assert lives(record("0 start, 2 healthy"), "other") == ()


def test_start_tells_its_time() -> None:
    """The report gets the seconds that it took."""
    found = judge_start(judged_life(lives(record("5 start, 7.25 healthy"), "c")), CHECK)

    assert found.facts["healthy_seconds"] == pytest.approx(2.25)
    assert found.facts["budget_seconds"] == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("0 start, 2 healthy", PASS),
        ("0 start, 2 unhealthy, 4 healthy", PASS),
        ("0 start, 2 healthy, 9 unhealthy", FAIL),
        ("0 start, 2 healthy, 9 unhealthy, 12 healthy", PASS),
        ("0 start, 2 healthy, 9 unhealthy, 12 healthy, 20 unhealthy", FAIL),
        (
            "0 start, 2 healthy, 9 unhealthy, 12 healthy, 20 unhealthy, 22 healthy",
            FAIL,
        ),
        ("0 start", UNKNOWN),
    ],
)
def test_relapse(text: str, verdict: Verdict) -> None:
    """One lapse is told; several, or one that lasts, are a failure."""
    assert judge_relapse(lives(record(text), "c")).verdict is verdict


RUNS = {
    "Test": ["CMD-SHELL", "echo $A"],
    "Interval": 2_000_000_000,
    "Timeout": 1_000_000_000,
    "Retries": 3,
}


@pytest.mark.parametrize(
    ("declared", "runs", "verdict"),
    [
        ({"test": ["CMD-SHELL", "echo $$A"], "interval": "2s"}, RUNS, PASS),
        ({"test": "echo $A", "timeout": "1s", "retries": 3}, RUNS, PASS),
        ({"interval": "2s"}, RUNS, PASS),
        ({"interval": "3s"}, RUNS, FAIL),
        ({"test": ["CMD", "true"]}, RUNS, FAIL),
        ({"retries": 5}, RUNS, FAIL),
        ({"start_period": "5s"}, RUNS, FAIL),
        ({"start_interval": "5s"}, RUNS, PASS),
        ({"start_interval": "5s"}, {**RUNS, "StartInterval": 1}, FAIL),
        ({"interval": "2s"}, {"Interval": 2_000_000_000}, FAIL),
        ({"test": ["CMD", "true"]}, {"Test": ["NONE"]}, FAIL),
        ({"test": ["CMD", "true"]}, None, FAIL),
    ],
)
def test_configured(
    declared: Mapping[str, Any], runs: Mapping[str, Any] | None, verdict: Verdict
) -> None:
    """Only what the file declares is compared with inspect."""
    assert judge_configured(declared, runs).verdict is verdict


@pytest.mark.parametrize(
    ("runs", "health", "verdict"),
    [
        (None, Health.NONE, PASS),
        ({"Test": ["NONE"]}, Health.NONE, PASS),
        (RUNS, Health.HEALTHY, FAIL),
    ],
)
def test_disabled(
    runs: Mapping[str, Any] | None, health: Health, verdict: Verdict
) -> None:
    """A health check that is switched off must not run."""
    assert judge_disabled(runs, health).verdict is verdict


def test_defaults_of_the_engine_are_filled_in() -> None:
    """What inspect leaves out has the engine's default."""
    assert effective({"Test": ["CMD", "x"]}).budget == pytest.approx(180.0)
    assert effective(None).test == ()
    assert effective(RUNS).interval == pytest.approx(2.0)


def test_limits_are_beyond_what_is_declared() -> None:
    """Nobody is judged before its own time is over."""
    assert failing_seconds(CHECK) > (CHECK.interval + CHECK.timeout) * CHECK.retries
    assert recovering_seconds(CHECK) > CHECK.budget


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (Frozen(problem="it does not run"), UNKNOWN),
        (Frozen(waited_seconds=30.0), FAIL),
        (Frozen(unhealthy_seconds=3.0, recovery_limit_seconds=9.0), FAIL),
        (Frozen(unhealthy_seconds=3.0, recovery_seconds=1.0), PASS),
    ],
)
def test_frozen(seen: Frozen, verdict: Verdict) -> None:
    """A service that hangs must be noticed, and must recover."""
    assert judge_frozen(seen).verdict is verdict


def test_passes_are_counted_from_the_log() -> None:
    """Checks that passed before do not count, nor do failures."""
    before = [{"Start": "1", "ExitCode": 0}]
    now = [*before, {"Start": "2", "ExitCode": 0}, {"Start": "3", "ExitCode": 1}]

    assert passes_since(before, now) == {"2"}


def labels(check_id: str, made: Contract) -> set[str]:
    """Return the labels of a check's claims."""
    (check,) = (check for check in CHECKS if check.id == check_id)
    return {claim.label for claim in check.claims(made)}


def test_claims_follow_from_what_is_declared() -> None:
    """One-shots and absent services are left out where they have to be."""
    probe = {"test": ["CMD", "probe"]}
    document = {
        "name": "demo",
        "services": {
            "bare": {},
            "off": {"healthcheck": {"disable": True}},
            "none": {"healthcheck": {"test": ["NONE"]}},
            "web": {"healthcheck": probe},
            "away": {"healthcheck": probe, "deploy": {"replicas": 0}},
            "job": {"healthcheck": probe},
            "after": {
                "depends_on": {"job": {"condition": "service_completed_successfully"}}
            },
        },
    }
    made = Contract(
        compose=Compose(project="demo", files=()),
        document=document,
        model=parse_config(json.dumps(document)),
    )

    assert labels("HEALTH-01", made) == {"web", "job"}
    assert labels("HEALTH-04", made) == {"web"}
    assert labels("HEALTH-06", made) == {"bare", "off", "none", "after"}
    assert labels("HEALTH-07", made) == {"off", "none"}
