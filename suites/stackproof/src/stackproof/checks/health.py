"""HEALTH: services become healthy in time, and their health checks can tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import time_ns

from ..check import (
    Check,
    Claim,
    Finding,
    Kind,
    Phase,
    Subject,
    Verdict,
    failed,
    passed,
    undecided,
)
from ..contract.source import Contract
from ..errors import ProbeError
from ..events import Event
from ..healthchecks import (
    Life,
    effective,
    judge_configured,
    judge_disabled,
    judge_frozen,
    judge_relapse,
    judge_start,
    judged_life,
    lives,
)
from ..model import Health, Service
from ..verify.container import Inspected
from ..verify.stack import Stack
from ..wait import wait_until
from .health_frozen import freeze_services
from .limit_observe import ended_by_design


def _checked(contract: Contract) -> Iterator[Service]:
    for service in contract.model.services.values():
        if service.healthcheck and service.replicas:
            yield service


def _claims(promised: str) -> Callable[[Contract], Iterator[Claim]]:
    def claims(contract: Contract) -> Iterator[Claim]:
        for service in _checked(contract):
            budget = service.healthcheck.budget if service.healthcheck else 0.0
            yield Claim(
                subject=Subject(service=service.name, key="healthcheck"),
                label=service.name,
                promised=promised.format(budget=f"{budget:g} s"),
            )

    return claims


def _frozen_claims(contract: Contract) -> Iterator[Claim]:
    one_shots = contract.model.one_shots
    claims = _claims("its health check fails when nothing of it runs")(contract)
    return (claim for claim in claims if claim.subject.service not in one_shots)


def _without_claims(contract: Contract) -> Iterator[Claim]:
    for service in contract.model.services.values():
        stays = service.name not in contract.model.one_shots
        if not service.healthcheck and stays and service.replicas:
            yield Claim(
                subject=Subject(service=service.name),
                label=service.name,
                promised="has a health check",
            )


def _disabled_claims(contract: Contract) -> Iterator[Claim]:
    for service in contract.model.services.values():
        declared = service.declares("healthcheck")
        if declared and not service.healthcheck and service.replicas:
            yield Claim(
                subject=Subject(service=service.name, key="healthcheck"),
                label=service.name,
                promised="no health check runs",
            )


def _judge_start(claim: Claim, stack: Stack) -> Finding:
    rows = stack.containers(claim.subject.service)
    if not rows:
        return undecided(f"it has no container: {stack.start_problem or 'unknown why'}")
    return _worst(_judge_start_of(row, stack) for row in rows)


def _judge_start_of(row: Inspected, stack: Stack) -> Finding:
    check = effective(row.config.get("Healthcheck"))
    if not check.test:
        return undecided("the engine runs no health check: see HEALTH-02")

    def look() -> Life | None:
        return judged_life(lives(stack.events.events, row.id))

    def over(life: Life | None) -> bool:
        if life is None or life.decided or life.ended_seconds is not None:
            return True
        return (time_ns() - life.started_ns) / 1e9 > check.budget

    # The start of the stack has waited already; this is for one whose start failed.
    return judge_start(wait_until(look, over, timeout=check.budget), check)


def _judge_configured(claim: Claim, stack: Stack) -> Finding:
    service = stack.model.services[claim.subject.service or ""]
    declared = service.declares("healthcheck") or {}
    return _worst(
        judge_configured(declared, row.config.get("Healthcheck"))
        for row in stack.containers(service.name)
    )


def _judge_now(claim: Claim, stack: Stack) -> Finding:
    service = claim.subject.service or ""
    if ended := ended_by_design(stack, service):
        return ended
    return _worst(_healthy_now(row) for row in stack.containers(service))


def _healthy_now(row: Inspected) -> Finding:
    if not row.running:
        return undecided(f"{row.name} does not run: it is {row.state}")
    if row.health is Health.HEALTHY:
        return passed("healthy")
    if row.health is Health.UNHEALTHY:
        log = (row.attrs["State"].get("Health") or {}).get("Log") or [{}]
        said = str(log[-1].get("Output") or "").strip().splitlines()
        return failed(
            f"{row.name} is unhealthy",
            f"its health check said: {said[-1] if said else '(nothing)'}",
        )
    return undecided(f"{row.name} has no verdict yet: wait for its start")


def _judge_relapse(claim: Claim, stack: Stack) -> Finding:
    return _worst(
        judge_relapse(lives(_until_now(stack), row.id))
        for row in stack.containers(claim.subject.service)
    )


def _until_now(stack: Stack) -> tuple[Event, ...]:
    return stack.events.events


def _judge_frozen(claim: Claim, stack: Stack) -> Finding:
    found = stack.once(
        "all health checks with frozen services",
        lambda: freeze_services(
            stack, [str(c.subject.service) for c in _frozen_claims(stack.contract)]
        ),
    )
    return judge_frozen(found[claim.subject.service or ""])


def _judge_without(claim: Claim, stack: Stack) -> Finding:
    service = claim.subject.service or ""
    if ended := ended_by_design(stack, service):
        return ended
    test = effective(stack.container(service).config.get("Healthcheck")).test
    if test and test != ("NONE",):
        return passed(f"the image brings one: {' '.join(test)}"[:120])
    return failed(
        "no health check",
        f"nobody notices when {service} hangs: declare a healthcheck that asks it for "
        "an answer",
    )


def _judge_disabled(claim: Claim, stack: Stack) -> Finding:
    return _worst(
        judge_disabled(row.config.get("Healthcheck"), row.health)
        for row in stack.containers(claim.subject.service)
    )


def _worst(findings: Iterator[Finding]) -> Finding:
    """Return the first that fails, else the first undecided one, else the last."""
    found = list(findings)
    if not found:
        raise ProbeError("inspect", "the service has no container")
    for verdict in (Verdict.FAIL, Verdict.UNKNOWN):
        for finding in found:
            if finding.verdict is verdict:
                return finding
    return found[-1]


CHECKS = (
    Check(
        id="HEALTH-01",
        title="A service becomes healthy within its own budget",
        kind=Kind.PROMISE,
        phase=Phase.START,
        live=False,
        proves="From its start to the first healthy verdict each container takes no "
        "longer than start_period + (interval + timeout) x retries, and is not called "
        "unhealthy before.",
        how="Reads the stamps of the start and health_status events, which are "
        "recorded since before the first container.",
        why="What takes longer is called unhealthy while it still starts: services "
        "that wait for it give up, and so does whoever deploys.",
        fix="Run the health check by hand in the container. Give a slow service a "
        "longer start_period.",
        claims=_claims("healthy within {budget}"),
        judge=_judge_start,
    ),
    Check(
        id="HEALTH-02",
        title="The engine runs the declared health check",
        kind=Kind.PROMISE,
        phase=Phase.LOOK,
        live=True,
        proves="Command, interval, timeout, retries and start period in the engine are "
        "those of the file.",
        how="Compares the file with inspect of every container of the service.",
        why="A container from an older file keeps its old health check.",
        fix="Create the container anew with `docker compose up -d`. If no check runs "
        "at all, declare healthcheck.test.",
        claims=_claims("runs as declared"),
        judge=_judge_configured,
    ),
    Check(
        id="HEALTH-03",
        title="A service with a health check is healthy now",
        kind=Kind.PROMISE,
        phase=Phase.LOOK,
        live=True,
        proves="Every container of the service is healthy at this moment.",
        how="Reads inspect.",
        why="An unhealthy service runs and does not do its work; nothing restarts it.",
        fix="Read what the health check said, and the log of the service.",
        claims=_claims("is healthy"),
        judge=_judge_now,
    ),
    Check(
        id="HEALTH-04",
        title="A health check fails when the service hangs",
        kind=Kind.PROMISE,
        phase=Phase.PROBE,
        live=False,
        proves="With all processes of the service stopped the engine calls it "
        "unhealthy within (interval + timeout) x retries and one more round; when they "
        "go on, it is healthy again within its budget.",
        how="Sends SIGSTOP to every process of the container, waits for the "
        "health_status event, sends SIGCONT and waits for the next. Where that takes "
        "long, all services are stopped at the same time.",
        why="A check that asks for an open port or a file passes while the service "
        "hangs: whoever waits for health waits for nothing.",
        fix="Let the check ask the service for an answer, with a time limit: an HTTP "
        "request, a query, a ping of its own protocol.",
        claims=_frozen_claims,
        judge=_judge_frozen,
    ),
    Check(
        id="HEALTH-05",
        title="A healthy service stays healthy",
        kind=Kind.PROMISE,
        phase=Phase.LOOK,
        live=False,
        proves="Until something was disturbed on purpose, no container that was "
        "healthy is unhealthy, or was so more than once.",
        how="Reads the health_status events of the run. A single lapse is only told: a "
        "busy host can be its cause.",
        why="A check that flaps hides the day on which it is right.",
        fix="Give the check a longer timeout or more retries, or look why answers are "
        "late.",
        claims=_claims("stays healthy"),
        judge=_judge_relapse,
    ),
    Check(
        id="HEALTH-06",
        title="A service that stays has a health check",
        kind=Kind.POLICY,
        phase=Phase.LOOK,
        live=True,
        proves="The file or the image declares a health check. Services that end when "
        "their work is done need none.",
        how="Reads the file, and inspect for the check of an image.",
        why="Without one, a service that hangs looks like one that works, and nobody "
        "can wait for it to be ready.",
        fix="Declare a healthcheck that asks the service for an answer.",
        claims=_without_claims,
        judge=_judge_without,
    ),
    Check(
        id="HEALTH-07",
        title="A health check that is switched off does not run",
        kind=Kind.PROMISE,
        phase=Phase.LOOK,
        live=True,
        proves="`disable: true` or the test NONE has switched off the check of the "
        "image.",
        how="Reads inspect of every container of the service.",
        why="A check that fails by design makes every tool call the service unhealthy.",
        fix="Create the container anew with `docker compose up -d`.",
        claims=_disabled_claims,
        judge=_judge_disabled,
    ),
)
