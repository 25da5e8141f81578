"""ORDER: services start and stop in the order that `depends_on` promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..check import Check, Claim, Finding, Kind, Phase, Subject
from ..contract.source import Contract
from ..drills.dependents import restart_service
from ..drills.layers import needs
from ..drills.stop_all import stop_all
from ..drills.unordered import start_unordered
from ..errors import ModelError
from ..model import Dependency, Service
from ..restarts import declared_policy, long_running
from ..verify.stack import Stack
from .order_judges import converged, restarted_with, start_after, stop_before


def _edges(contract: Contract) -> Iterator[tuple[Service, Dependency]]:
    for service in contract.model.services.values():
        for edge in service.depends_on:
            yield service, edge


def _staying_edges(contract: Contract) -> Iterator[tuple[Service, Dependency]]:
    """Yield the edges between services that are meant to stay."""
    stay = {service.name for service in long_running(contract.model)}
    for service, edge in _edges(contract):
        if {service.name, edge.service} <= stay:
            yield service, edge


def _claim(
    service: Service, edge: Dependency, label: str, promised: str, key: str = ""
) -> Claim:
    path = f"depends_on.{edge.service}{key}"
    return Claim(
        subject=Subject(service=service.name, peer=edge.service, key=path),
        label=label,
        promised=promised,
        detail=edge,
    )


def _starts(contract: Contract) -> Iterator[Claim]:
    for service, edge in _edges(contract):
        if service.replicas:
            yield _claim(
                service,
                edge,
                f"{service.name} after {edge.service}: {edge.condition}",
                f"starts after {edge.service} is {edge.condition}",
            )


def _stops(contract: Contract) -> Iterator[Claim]:
    for service, edge in _staying_edges(contract):
        yield _claim(
            service,
            edge,
            f"{service.name} stops before {edge.service}",
            f"has ended before {edge.service} is told to stop",
        )


def _restarts(contract: Contract) -> Iterator[Claim]:
    for service, edge in _staying_edges(contract):
        if edge.restart:
            yield _claim(
                service,
                edge,
                f"{service.name} restarts with {edge.service}",
                f"is restarted when Compose restarts {edge.service}",
                ".restart",
            )


def _unordered(*, at_boot: bool) -> Callable[[Contract], Iterator[Claim]]:
    def claims(contract: Contract) -> Iterator[Claim]:
        needed = needs(contract.model)
        stay = frozenset(service.name for service in long_running(contract.model))
        for service in long_running(contract.model):
            policy = declared_policy(service)
            boots = policy is not None and policy.at_boot
            if needed[service.name] & stay and boots is at_boot:
                yield Claim(
                    subject=Subject(service=service.name, key="depends_on"),
                    label=f"{service.name} started before what it needs",
                    promised="comes up by itself in whatever order the engine starts",
                )

    return claims


def _edge(claim: Claim) -> tuple[str, Dependency]:
    service, edge = claim.subject.service, claim.detail
    if service is None or not isinstance(edge, Dependency):
        raise ModelError(f"claim {claim.label!r}", "it is about no edge")
    return service, edge


def _judge_start(claim: Claim, stack: Stack) -> Finding:
    service, edge = _edge(claim)
    return start_after(stack.events.events, service, edge)


def _judge_stop(claim: Claim, stack: Stack) -> Finding:
    service, edge = _edge(claim)
    drill = stop_all(stack)
    return stop_before(drill.events, service, edge.service, drill.stood)


def _judge_restart(claim: Claim, stack: Stack) -> Finding:
    service, edge = _edge(claim)
    return restarted_with(restart_service(stack, edge.service), service)


def _judge_unordered(claim: Claim, stack: Stack) -> Finding:
    drill = start_unordered(stack)
    service = claim.subject.service or ""
    return converged(service, drill.back, needs(stack.model), drill.stood)


CHECKS = (
    Check(
        id="ORDER-01",
        title="A service starts after what it depends on",
        kind=Kind.PROMISE,
        phase=Phase.START,
        live=False,
        proves="No container of the service was started before every container of the "
        "other one had met the declared condition: started, healthy, or ended with 0.",
        how="The engine's events are recorded since before the first container was "
        "created; their stamps in nanoseconds are compared.",
        why="A service that starts too early fails, or runs with half of what it needs "
        "and nobody notices.",
        fix="Declare the condition that is really needed: `service_healthy` with a "
        "health check, or `service_completed_successfully` for a set-up job. Start the "
        "stack with `docker compose up`.",
        claims=_starts,
        judge=_judge_start,
    ),
    Check(
        id="ORDER-02",
        title="A service stops before what it depends on",
        kind=Kind.PROMISE,
        phase=Phase.STOP,
        live=False,
        proves="`docker compose stop` told a service to stop only after all that "
        "depend on it had ended.",
        how="The whole stack is stopped once. The event `die` of the dependent must "
        "come before the first `kill` of its dependency.",
        why="A service that loses its database first cannot store what it still holds.",
        fix="Declare `depends_on` for every service that is needed until the end, and "
        "stop with `docker compose stop` or `down`.",
        claims=_stops,
        judge=_judge_stop,
    ),
    Check(
        id="ORDER-03",
        title="A service is restarted with what it depends on",
        kind=Kind.PROMISE,
        phase=Phase.STOP,
        live=False,
        proves="`docker compose restart` of a service also restarts those that depend "
        "on it with `restart: true`.",
        how="The dependency is restarted once with Compose; the dependent has to show "
        "an event `start` after it.",
        why="A service that shares a namespace with another one, or keeps a connection "
        "to it, is of no use after the other one was restarted.",
        fix="Use Compose 2.17 or later. What the engine itself restarts is never "
        "covered by this key.",
        claims=_restarts,
        judge=_judge_restart,
    ),
    Check(
        id="ORDER-04",
        title="A service comes up in whatever order the engine starts the stack",
        kind=Kind.PROMISE,
        phase=Phase.STOP,
        live=False,
        proves="A service that the engine starts at boot stands as before although it "
        "was started before all that it depends on.",
        how="After a stop of the whole stack the containers are started through the "
        "engine, dependents first, each with a head start of up to twelve seconds, "
        "less if it is healthy or has ended. One-shots are not run again.",
        why="After a reboot the engine starts containers in an order of its own: "
        "`depends_on` is Compose's and does not count then.",
        fix="Retry in the program until what it needs is there, or end with an error: "
        "the restart policy tries again. Do not go on without it.",
        claims=_unordered(at_boot=True),
        judge=_judge_unordered,
    ),
    Check(
        id="ORDER-05",
        title="A service without a boot policy survives an early start",
        kind=Kind.POLICY,
        phase=Phase.STOP,
        live=False,
        proves="A service that the engine does not start at boot comes up all the "
        "same when it is started before what it depends on.",
        how="As for ORDER-04.",
        why="A service that gives up for good when its database is away for a moment "
        "needs an operator after every disturbance.",
        fix="Retry in the program, or declare `restart: unless-stopped`.",
        claims=_unordered(at_boot=False),
        judge=_judge_unordered,
    ),
)
