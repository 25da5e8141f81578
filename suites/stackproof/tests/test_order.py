"""The start order is judged from the record alone."""

from __future__ import annotations

import pytest

from stackproof.events import Event
from stackproof.model import Condition, Health, StackModel
from stackproof.order import OrderViolation, Reason, start_order
from stackproof.parsing import parse_config

SOUND = (
    "store create",
    "setup create",
    "web create",
    "store start",
    "store healthy",
    "setup start",
    "setup die 0",
    "web start",
    "web healthy",
)


def record(*lines: str) -> tuple[Event, ...]:
    """Return events from "service[/container] action", one second apart."""
    return tuple(_event(number, line) for number, line in enumerate(lines, start=1))


def _event(number: int, line: str) -> Event:
    who, action, *code = line.split()
    service, _, container = who.partition("/")
    health = Health(action) if action in {"healthy", "unhealthy"} else None
    return Event(
        time_ns=number * 1_000_000_000,
        service=service,
        container=container or service,
        action="health_status" if health else action,
        exit_code=int(code[0]) if code else None,
        health=health,
        one_off=container == "run",
    )


def test_sound_order_has_no_violation(model: StackModel) -> None:
    """Each condition was met before the dependent started."""
    assert start_order(record(*SOUND), model) == ()


def test_start_before_healthy_is_too_early(model: StackModel) -> None:
    """A dependent that starts while its dependency is still unwell is caught."""
    events = record(
        "store start",
        "setup start",
        "store unhealthy",
        "store healthy",
        "setup die 0",
        "web start",
    )

    (violation,) = start_order(events, model)

    assert violation == OrderViolation(
        dependent="setup",
        dependency="store",
        condition=Condition.HEALTHY,
        reason=Reason.TOO_EARLY,
        started_ns=2_000_000_000,
        met_ns=4_000_000_000,
    )
    assert str(violation) == (
        "setup after store (service_healthy): started before the condition was met "
        "(2.000 s too early)"
    )


@pytest.mark.parametrize("end", ["setup die 1", "setup stop"])
def test_one_shot_that_did_not_succeed_is_never_met(
    model: StackModel, end: str
) -> None:
    """Only an end with 0 completes a one-shot."""
    events = record("store start", "store healthy", "setup start", end, "web start")

    (violation,) = start_order(events, model)

    assert violation.condition is Condition.COMPLETED
    assert violation.reason is Reason.NEVER_MET


def test_dependent_that_never_started_shows_nothing(model: StackModel) -> None:
    """A promise that could not be observed is a violation, not a pass."""
    events = record("store start", "store healthy", "setup start", "setup die 0")

    reasons = {v.dependency: v.reason for v in start_order(events, model)}

    assert reasons == {"setup": Reason.NOT_STARTED, "store": Reason.NOT_STARTED}


def test_empty_record_breaks_every_edge(model: StackModel) -> None:
    """Nothing recorded is nothing shown."""
    assert len(start_order((), model)) == 3


def test_later_restart_of_the_dependent_does_not_matter(model: StackModel) -> None:
    """The promise is about the first start."""
    events = record(*SOUND, "store unhealthy", "web die 1", "web start")

    assert start_order(events, model) == ()


def test_every_replica_must_meet_the_condition(model: StackModel) -> None:
    """One healthy replica of two is not enough."""
    events = record(
        "store/1 start",
        "store/2 start",
        "store/1 healthy",
        "setup start",
        "store/2 healthy",
        "setup die 0",
        "web start",
    )

    (violation,) = start_order(events, model)

    assert violation.reason is Reason.TOO_EARLY
    assert violation.met_ns == 5_000_000_000


def test_container_that_was_replaced_unused_does_not_count(model: StackModel) -> None:
    """Compose makes it anew when its image was built later; the second one starts."""
    replaced = (
        "store/0 create",
        "setup/0 create",
        "store/0 destroy",
        "setup/0 destroy",
    )

    assert start_order(record(*replaced, *SOUND), model) == ()


def test_container_that_came_later_does_not_count(model: StackModel) -> None:
    """Somebody made the store anew after all had started in order."""
    later = ("store/2 create", "store/2 start", "store/2 healthy")

    assert start_order(record(*SOUND, *later), model) == ()


def test_dependency_that_was_removed_unused_is_never_met(model: StackModel) -> None:
    """Nothing has taken its place."""
    kept = [line for line in SOUND if not line.startswith("setup")]
    events = record("setup/0 create", "setup/0 destroy", *kept)

    assert Reason.NEVER_MET in {found.reason for found in start_order(events, model)}


def test_run_containers_are_left_out(model: StackModel) -> None:
    """What `compose run` made is no part of the promise."""
    assert start_order(record("setup/run start", *SOUND), model) == ()


def test_optional_dependency_may_be_absent() -> None:
    """An edge with `required: false` binds only when the dependency is there."""
    model = parse_config(
        """{"services": {"extra": {}, "web": {"depends_on": {"extra":
        {"condition": "service_healthy", "required": false}}}}}"""
    )

    assert start_order(record("web start"), model) == ()
    (violation,) = start_order(
        record("extra start", "web start", "extra healthy"), model
    )
    assert violation.reason is Reason.TOO_EARLY
