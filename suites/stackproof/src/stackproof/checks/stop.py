"""STOP: a service ends when it is told to, in time and without a complaint."""

from __future__ import annotations

from collections.abc import Iterator

from ..check import Check, Claim, Finding, Kind, Phase, Subject
from ..contract.source import Contract
from ..drills.signalled import interrupt_all, repeat_stop
from ..drills.signals import number_of
from ..drills.stop_all import stop_all
from ..model import Service
from ..restarts import long_running
from ..verify.stack import Stack
from .stop_judges import (
    clean_code,
    ended_in_time,
    held_as_declared,
    insisted,
    interrupted,
    right_signal,
    share_of_grace,
)

_KEYS = ("stop_signal", "stop_grace_period")


def _claim(service: Service, promised: str, key: str | None) -> Claim:
    return Claim(
        subject=Subject(service=service.name, key=key),
        label=service.name,
        promised=promised,
    )


def _in_time(contract: Contract) -> Iterator[Claim]:
    for service in long_running(contract.model):
        grace = service.stop_grace_seconds
        promised = f"ends within {grace:g} s of its stop signal"
        yield _claim(service, promised, "stop_grace_period")


def _signals(contract: Contract) -> Iterator[Claim]:
    for service in long_running(contract.model):
        if service.declares("stop_signal"):
            promised = f"is told to stop by {service.stop_signal}"
            yield _claim(service, promised, "stop_signal")


def _codes(contract: Contract) -> Iterator[Claim]:
    for service in long_running(contract.model):
        yield _claim(service, "ends with 0 or 128 + its stop signal", None)


def _shares(contract: Contract) -> Iterator[Claim]:
    for service in long_running(contract.model):
        yield _claim(service, "needs at most 80 % of its grace period", None)


def _interrupts(contract: Contract) -> Iterator[Claim]:
    for service in long_running(contract.model):
        yield _claim(service, "ends on SIGINT", None)


def _repeats(contract: Contract) -> Iterator[Claim]:
    for service in long_running(contract.model):
        yield _claim(service, "ends cleanly when its stop signal is repeated", None)


def _held(contract: Contract) -> Iterator[Claim]:
    for service in contract.model.services.values():
        declared = [key for key in _KEYS if service.declares(key)]
        if declared and service.replicas:
            yield Claim(
                subject=Subject(service=service.name, key=declared[0]),
                label=service.name,
                promised=f"{service.stop_signal} and {service.stop_grace_seconds:g} s",
                keys=tuple(declared),
            )


def _service(claim: Claim, stack: Stack) -> Service:
    return stack.model.services[claim.subject.service or ""]


def _judge_held(claim: Claim, stack: Stack) -> Finding:
    service = _service(claim, stack)
    stack.container(service.name)
    configs = [row.config for row in stack.containers(service.name)]
    return held_as_declared(service, configs, claim.keys)


def _judge_in_time(claim: Claim, stack: Stack) -> Finding:
    return ended_in_time(stop_all(stack), _service(claim, stack))


def _judge_signal(claim: Claim, stack: Stack) -> Finding:
    service = _service(claim, stack)
    return right_signal(stop_all(stack), service, number_of(service.stop_signal))


def _judge_code(claim: Claim, stack: Stack) -> Finding:
    return clean_code(stop_all(stack), _service(claim, stack))


def _judge_share(claim: Claim, stack: Stack) -> Finding:
    return share_of_grace(stop_all(stack), _service(claim, stack))


def _judge_interrupt(claim: Claim, stack: Stack) -> Finding:
    return interrupted(interrupt_all(stack), _service(claim, stack).name)


def _judge_repeat(claim: Claim, stack: Stack) -> Finding:
    return insisted(repeat_stop(stack), _service(claim, stack).name)


CHECKS = (
    Check(
        id="STOP-01",
        title="A service ends within its grace period",
        kind=Kind.PROMISE,
        phase=Phase.STOP,
        live=False,
        proves="The service ended by itself after its stop signal; the engine did not "
        "have to send SIGKILL.",
        how="The whole stack is stopped once with `docker compose stop`. The engine's "
        "events show each signal that was sent and the end; what PID 1 does with the "
        "signal is read from the kernel before.",
        why="A killed service loses what it has not stored, and each stop takes the "
        "whole grace period. A shell as PID 1 is the usual cause.",
        fix="Use the exec form of the command, or `exec` at the end of a start script; "
        "handle the stop signal, or set `init: true`. Raise `stop_grace_period` where "
        "the end needs more time.",
        claims=_in_time,
        judge=_judge_in_time,
    ),
    Check(
        id="STOP-02",
        title="The declared stop signal is the one that is sent",
        kind=Kind.PROMISE,
        phase=Phase.STOP,
        live=False,
        proves="The first signal of a stop is the declared `stop_signal`.",
        how="Read from the engine's events during the stop of the whole stack.",
        why="Servers tell an orderly end from a quick one by the signal.",
        fix="Recreate the container after a change of the file.",
        claims=_signals,
        judge=_judge_signal,
    ),
    Check(
        id="STOP-03",
        title="An ordered stop is no failure",
        kind=Kind.PROMISE,
        phase=Phase.STOP,
        live=False,
        proves="The exit code after a stop is 0, or 128 + the stop signal's number.",
        how="Read from the engine's event `die` during the stop of the whole stack.",
        why="Any other code says that the program failed while it ended. It also makes "
        "`restart: on-failure` and every monitor take a stop for a crash.",
        fix="Handle the stop signal and end with 0.",
        claims=_codes,
        judge=_judge_code,
    ),
    Check(
        id="STOP-04",
        title="A stop leaves some of the grace period",
        kind=Kind.POLICY,
        phase=Phase.STOP,
        live=False,
        proves="The service ended within 80 % of its grace period.",
        how="The time from the stop signal to the end, by the engine's stamps.",
        why="A stop that just fits on an idle machine ends in SIGKILL on a busy one.",
        fix="Raise `stop_grace_period`, or do less at the end.",
        claims=_shares,
        judge=_judge_share,
    ),
    Check(
        id="STOP-05",
        title="SIGINT ends a service as well",
        kind=Kind.POLICY,
        phase=Phase.STOP,
        live=False,
        proves="The service ended within its grace period after SIGINT, at most 13 s.",
        how="The engine sends SIGINT to every long-running service once; its events "
        "show the end. Afterwards all are started again.",
        why="`docker run` and many supervisors pass Ctrl-C on as SIGINT.",
        fix="Handle SIGINT like SIGTERM, or set `init: true`.",
        claims=_interrupts,
        judge=_judge_interrupt,
    ),
    Check(
        id="STOP-06",
        title="A repeated stop signal does no harm",
        kind=Kind.POLICY,
        phase=Phase.STOP,
        live=False,
        proves="The service ended in time and with a clean exit code although it got "
        "its stop signal three times in a row.",
        how="The engine sends the stop signal three times to every long-running "
        "service; its events show the end. Afterwards all are started again.",
        why="Init systems and impatient operators repeat themselves. A handler that is "
        "not prepared for it aborts the work of the first one.",
        fix="Ignore the signal once the end has begun.",
        claims=_repeats,
        judge=_judge_repeat,
    ),
    Check(
        id="STOP-07",
        title="The engine holds the declared signal and grace period",
        kind=Kind.PROMISE,
        phase=Phase.LOOK,
        live=True,
        proves="Whoever stops the container, by Compose or not, it is told by the "
        "declared signal and has the declared time.",
        how="`StopSignal` and `StopTimeout` of every container are compared with "
        "`stop_signal` and `stop_grace_period`.",
        why="A container that was made before the file was changed keeps what it had: "
        "a reboot of the host then kills it too soon.",
        fix="Recreate the container with `docker compose up`.",
        claims=_held,
        judge=_judge_held,
    ),
)
