"""STOP judges ends from records alone."""

from __future__ import annotations

import pytest

from stackproof.check import Finding, Verdict
from stackproof.checks.stop import CHECKS
from stackproof.checks.stop_judges import (
    clean_code,
    ended_in_time,
    held_as_declared,
    insisted,
    interrupted,
    right_signal,
    share_of_grace,
    why_deaf,
)
from stackproof.compose import Compose
from stackproof.contract.source import Contract
from stackproof.drills.signalled import Signalled
from stackproof.drills.stop_all import FirstProcess, StopAll
from stackproof.events import Event
from stackproof.model import Service, StackModel
from stackproof.parsing import parse_config

TERM, KILL, INT = 15, 9, 2
Step = tuple[float, str, int]
GENTLE: tuple[Step, ...] = ((0, "kill", TERM), (1, "die", 0))
FORCED: tuple[Step, ...] = ((0, "kill", TERM), (10, "kill", KILL), (10.2, "die", 137))


def record(*steps: Step, container: str = "one") -> tuple[Event, ...]:
    """Return events of a container of the service web."""
    return tuple(
        Event(
            time_ns=int((seconds + 1) * 1e9),
            service="web",
            container=container,
            action=action,
            exit_code=number if action == "die" else None,
            signal=number if action == "kill" else None,
        )
        for seconds, action, number in steps
    )


def web(**declared: object) -> Service:
    """Return the service."""
    grace = float(str(declared.get("grace", 10)))
    return Service(
        name="web",
        depends_on=(),
        healthcheck=None,
        restart="no",
        stop_signal="SIGTERM",
        stop_grace_seconds=grace,
        declared=declared,
    )


def stopped(*steps: Step, first: FirstProcess | None = None) -> StopAll:
    """Return a drill with one container."""
    return StopAll(
        events=record(*steps),
        stood=frozenset({"web"}),
        first={} if first is None else {"one": first},
    )


def process(*command: str, caught: int = 0, ignored: int = 0) -> FirstProcess:
    """Return a PID 1."""
    return FirstProcess(
        command=command, caught=frozenset({caught}), ignored=frozenset({ignored})
    )


def test_gentle_end_is_measured() -> None:
    """Time, grace period and share are facts."""
    drill = stopped(*GENTLE)

    assert ended_in_time(drill, web()).facts == {
        "stop_seconds": 1.0,
        "grace_seconds": 10.0,
    }
    assert share_of_grace(drill, web()).facts["grace_share"] == 0.1
    assert clean_code(drill, web()).verdict is Verdict.PASS
    assert right_signal(drill, web(), TERM).verdict is Verdict.PASS


def test_forced_end_fails_once() -> None:
    """What a killed program would have ended with is unknown."""
    drill = stopped(*FORCED)

    assert ended_in_time(drill, web()).verdict is Verdict.FAIL
    assert clean_code(drill, web()).verdict is Verdict.UNKNOWN
    assert share_of_grace(drill, web()).verdict is Verdict.FAIL
    assert right_signal(drill, web(), TERM).verdict is Verdict.PASS


def test_immediate_end_may_be_asked_for() -> None:
    """With a grace period of 0 s SIGKILL is what the file wants."""
    drill = stopped((0, "kill", TERM), (0.1, "kill", KILL), (0.2, "die", 137))

    assert ended_in_time(drill, web(grace=0)).verdict is Verdict.PASS
    assert share_of_grace(drill, web(grace=0)).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("code", "verdict"),
    [(0, Verdict.PASS), (143, Verdict.PASS), (3, Verdict.FAIL), (130, Verdict.FAIL)],
)
def test_clean_code_is_zero_or_the_signal(code: int, verdict: Verdict) -> None:
    """128 + the number of the signal that was sent, not of another one."""
    drill = stopped((0, "kill", TERM), (1, "die", code))

    assert clean_code(drill, web()).verdict is verdict


def test_end_before_the_stop_shows_nothing() -> None:
    """A service that crashed or was down before is not judged by the stop."""
    for drill in (stopped((0, "die", 1)), StopAll(events=(), stood=frozenset())):
        found = [
            ended_in_time(drill, web()),
            clean_code(drill, web()),
            share_of_grace(drill, web()),
            right_signal(drill, web(), TERM),
        ]
        assert {each.verdict for each in found} == {Verdict.UNKNOWN}


def test_other_signal_than_declared_is_seen() -> None:
    """The first signal counts; an unknown name cannot be compared."""
    drill = stopped(*GENTLE)

    assert right_signal(drill, web(), 3).verdict is Verdict.FAIL
    assert right_signal(drill, web(), None).verdict is Verdict.UNKNOWN


def test_slowest_replica_counts() -> None:
    """One container that is forced is enough."""
    events = (*record(*GENTLE), *record(*FORCED, container="two"))
    drill = StopAll(events=events, stood=frozenset({"web"}))

    assert ended_in_time(drill, web()).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("first", "told"),
    [
        (None, "handle the signal in the program"),
        (process("/bin/sh", "-c", "x --password y"), "shell (`sh -c …`) that does"),
        (process("bash", "run.sh"), "shell (`bash …`) that does"),
        (process("/sbin/docker-init", "--", "x", caught=TERM), "PID 1 is docker-init"),
        (process("nginx", ignored=TERM), "ignores SIGTERM"),
        (process("python3", "app.py"), "has no handler for SIGTERM"),
        (process("python3", caught=TERM), "catches SIGTERM but does not end"),
        (process("sh", caught=TERM), "catches SIGTERM but does not end"),
    ],
)
def test_deaf_process_is_explained(first: FirstProcess | None, told: str) -> None:
    """The message names what PID 1 does with the signal, without its arguments."""
    message = why_deaf(first, TERM)

    assert told in message
    assert "password" not in message


def signalled(*steps: Step, number: int = INT) -> Signalled:
    """Return a drill with one container."""
    return Signalled(sent={"one": number}, waited={"web": 11.0}, events=record(*steps))


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (
            interrupted(signalled((0, "kill", INT), (1, "die", 130)), "web"),
            Verdict.PASS,
        ),
        (interrupted(signalled((0, "kill", INT), (1, "die", 7)), "web"), Verdict.PASS),
        (interrupted(signalled((0, "kill", INT)), "web"), Verdict.FAIL),
        (interrupted(signalled(), "store"), Verdict.UNKNOWN),
        (
            insisted(
                signalled(
                    (0, "kill", TERM), (0, "kill", TERM), (1, "die", 0), number=15
                ),
                "web",
            ),
            Verdict.PASS,
        ),
        (
            insisted(signalled((0, "kill", TERM), (1, "die", 4), number=15), "web"),
            Verdict.FAIL,
        ),
        (insisted(signalled((0, "kill", TERM), number=15), "web"), Verdict.FAIL),
        (insisted(signalled(), "store"), Verdict.UNKNOWN),
    ],
)
def test_signals_are_judged(found: Finding, verdict: Verdict) -> None:
    """SIGINT has to end a service; a repeated stop signal has to end it cleanly."""
    assert found.verdict is verdict


def test_claims_leave_one_shots_out(model: StackModel) -> None:
    """Only services that stay are told to stop; the signal only where declared."""
    made = Contract(compose=Compose(project="", files=()), document={}, model=model)
    found = {
        check.id: [claim.subject.service for claim in check.claims(made)]
        for check in CHECKS
    }

    assert found.pop("STOP-02") == []
    assert found.pop("STOP-07") == ["store"]
    assert set(map(tuple, found.values())) == {("store", "web")}


def test_declared_signal_becomes_a_claim() -> None:
    """The key is accounted for."""
    model = parse_config('{"services": {"web": {"stop_signal": "SIGQUIT"}}}')
    made = Contract(compose=Compose(project="", files=()), document={}, model=model)

    (claim,) = CHECKS[1].claims(made)

    assert claim.covered == ("stop_signal",)


@pytest.mark.parametrize(
    ("config", "verdict"),
    [
        ({"StopSignal": "SIGINT", "StopTimeout": 3}, Verdict.PASS),
        ({"StopSignal": "2", "StopTimeout": 3}, Verdict.PASS),
        ({"StopSignal": "SIGTERM", "StopTimeout": 3}, Verdict.FAIL),
        ({"StopSignal": "SIGINT"}, Verdict.FAIL),
    ],
)
def test_engine_holds_signal_and_grace(
    config: dict[str, object], verdict: Verdict
) -> None:
    """Part of a second is a whole one to the engine."""
    model = parse_config(
        '{"services": {"web": {"stop_signal": "SIGINT", "stop_grace_period": "2.5s"}}}'
    )
    keys = ("stop_signal", "stop_grace_period")

    assert held_as_declared(model.services["web"], [config], keys).verdict is verdict
