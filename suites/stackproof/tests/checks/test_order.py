"""ORDER judges edges from records alone."""

from __future__ import annotations

import pytest

from stackproof.check import Verdict
from stackproof.checks.order import CHECKS
from stackproof.checks.order_judges import (
    converged,
    restarted_with,
    start_after,
    stop_before,
)
from stackproof.compose import Compose
from stackproof.contract.source import Contract
from stackproof.drills.dependents import Restarted
from stackproof.drills.returning import Return
from stackproof.events import Event
from stackproof.model import Condition, Dependency, Health, StackModel
from stackproof.parsing import parse_config

BOTH = frozenset({"web", "store"})
NEEDED = {"web": frozenset({"store"}), "store": frozenset[str]()}


def record(text: str) -> tuple[Event, ...]:
    """Return events from "service action, …", one second apart."""
    found = []
    for number, line in enumerate(filter(None, text.split(", ")), start=1):
        service, action, *code = line.split()
        health = Health(action) if action in {"healthy", "unhealthy"} else None
        found.append(
            Event(
                time_ns=number * 1_000_000_000,
                service=service,
                container=service,
                action="health_status" if health else action,
                exit_code=int(code[0]) if code and action == "die" else None,
                health=health,
            )
        )
    return tuple(found)


@pytest.mark.parametrize(
    ("text", "required", "verdict"),
    [
        ("store start, store healthy, web start", True, Verdict.PASS),
        ("store start, web start, store healthy", True, Verdict.FAIL),
        ("store start, web start", True, Verdict.FAIL),
        ("store start, store unhealthy, web create", True, Verdict.UNKNOWN),
        ("store start, store healthy", True, Verdict.UNKNOWN),
        ("", True, Verdict.UNKNOWN),
        ("web start", False, Verdict.PASS),
        ("store start, store unhealthy, web start", False, Verdict.PASS),
        ("store start, store die 1, web start", False, Verdict.PASS),
        ("store start, web start, store unhealthy", False, Verdict.FAIL),
    ],
)
def test_start_is_judged_by_the_condition(
    text: str, *, required: bool, verdict: Verdict
) -> None:
    """Too early is broken; a dependent that never started shows nothing."""
    edge = Dependency(service="store", condition=Condition.HEALTHY, required=required)

    assert start_after(record(text), "web", edge).verdict is verdict


def test_early_start_is_measured() -> None:
    """The finding says by how much."""
    edge = Dependency(service="store", condition=Condition.HEALTHY)

    found = start_after(record("store start, web start, store healthy"), "web", edge)

    assert found.facts == {"early_seconds": 1.0}
    assert "store was not yet service_healthy" in found.message


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("web kill, web die 0, store kill, store die 0", Verdict.PASS),
        ("store kill, web kill, web die 0, store die 0", Verdict.FAIL),
        ("store kill, store die 0", Verdict.UNKNOWN),
        ("web kill, web die 0, store die 0", Verdict.UNKNOWN),
    ],
)
def test_stop_goes_backwards(text: str, verdict: Verdict) -> None:
    """The dependent has ended before its dependency is told to."""
    assert stop_before(record(text), "web", "store", BOTH).verdict is verdict


def test_stop_of_what_did_not_run_shows_nothing() -> None:
    """A service that was down already is not judged."""
    found = stop_before(record(""), "web", "store", frozenset({"store"}))

    assert found.verdict is Verdict.UNKNOWN
    assert "web did not run" in found.message


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("store die 0, store start, web die 0, web start", Verdict.PASS),
        ("web start, store start, web start", Verdict.PASS),
        ("store die 0, store start", Verdict.FAIL),
        ("web die 0, web start, store start", Verdict.FAIL),
        ("", Verdict.UNKNOWN),
    ],
)
def test_restart_reaches_the_dependent(text: str, verdict: Verdict) -> None:
    """The dependent starts again after its dependency did."""
    drill = Restarted(service="store", stood=BOTH, events=record(text))

    assert restarted_with(drill, "web").verdict is verdict


@pytest.mark.parametrize(
    ("back", "verdict"),
    [
        (Return(), Verdict.PASS),
        (Return(gave_up={"web": "exited with code 9"}), Verdict.FAIL),
        (Return(late={"web": "unhealthy"}), Verdict.FAIL),
        (Return(lost={"web": "restarting"}), Verdict.UNKNOWN),
        (Return(late={"web": "starting", "store": "unhealthy"}), Verdict.UNKNOWN),
        (Return(lost={"store": "restarting"}, late={"web": "x"}), Verdict.UNKNOWN),
        (Return(lost={"store": "restarting"}), Verdict.PASS),
    ],
)
def test_unordered_start_blames_whom_it_has_to(back: Return, verdict: Verdict) -> None:
    """Only a service that comes up in order, and not otherwise, has failed."""
    assert converged("web", back, NEEDED, BOTH).verdict is verdict


def contract(model: StackModel) -> Contract:
    """Return a contract around a model."""
    compose = Compose(project="", files=())
    return Contract(compose=compose, document={}, model=model)


def test_claims_follow_the_edges(model: StackModel) -> None:
    """One-shots have an order at the start only."""
    labels = {
        check.id: [claim.label for claim in check.claims(contract(model))]
        for check in CHECKS
    }

    assert labels == {
        "ORDER-01": [
            "setup after store: service_healthy",
            "web after setup: service_completed_successfully",
            "web after store: service_started",
        ],
        "ORDER-02": ["web stops before store"],
        "ORDER-03": [],
        "ORDER-04": [],
        "ORDER-05": ["web started before what it needs"],
    }


def test_claims_bear_odd_files() -> None:
    """An edge to a service of another profile, or a service of no containers."""
    model = parse_config(
        """{"services": {
        "web": {"restart": "always", "depends_on": {"gone": {"required": false}}},
        "none": {"scale": 0, "depends_on": {"web": {"restart": true}}}}}"""
    )

    found = [str(c.label) for check in CHECKS for c in check.claims(contract(model))]

    assert found == ["web after gone: service_started"]
