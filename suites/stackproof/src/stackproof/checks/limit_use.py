"""LIMIT, third part: services have limits, and live within them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..check import Check, Claim, Finding, Kind, Phase, Subject, failed, undecided
from ..contract.source import Contract
from ..enforcement import judge_kills, judge_memory_headroom, judge_pids_headroom
from ..limits import (
    Resource,
    cpu_limit,
    limiting_keys,
    memory_limit,
    pids_limit,
)
from ..model import Service, State
from ..restarts import long_running
from ..verify.stack import Stack
from .limit_observe import ended_by_design, fresh_limits

_HEADROOM = {"memory": judge_memory_headroom, "pids": judge_pids_headroom}


def _kill_claims(contract: Contract) -> Iterator[Claim]:
    for service in contract.model.services.values():
        if memory_limit(service) and service.replicas:
            yield Claim(
                subject=Subject(
                    service=service.name,
                    key=limiting_keys(service, Resource.MEMORY)[-1],
                ),
                label=service.name,
                promised="its memory limit is enough for what it does",
            )


def _judge_kills(claim: Claim, stack: Stack) -> Finding:
    service = claim.subject.service or ""
    events = stack.recorder.events if stack.recorder else ()
    told = sum(event.service == service and event.action == "oom" for event in events)
    rows = stack.containers(service)
    if not told and all(row.state is State.CREATED for row in rows):
        return undecided(f"{service} was never started")
    counted = 0
    for row in rows:
        if row.pid and not told:
            values = fresh_limits(stack, row)["values"]
            counted = max(counted, int(values.get("oom_kills") or 0))
    flagged = any(row.oom_killed for row in rows)
    return judge_kills(told, flagged=flagged, counted=counted)


def _headroom_claims(contract: Contract) -> Iterator[Claim]:
    limits = {
        "memory": (memory_limit, Resource.MEMORY),
        "pids": (pids_limit, Resource.PIDS),
    }
    for service in long_running(contract.model):
        for name, (limit, resource) in limits.items():
            if limit(service):
                yield Claim(
                    subject=Subject(
                        service=service.name, key=limiting_keys(service, resource)[-1]
                    ),
                    label=f"{service.name} {name}",
                    promised="stays below 90 % of the limit",
                    detail=name,
                )


def _judge_headroom(claim: Claim, stack: Stack) -> Finding:
    service = claim.subject.service or ""
    if ended := ended_by_design(stack, service):
        return ended
    judge = _HEADROOM[str(claim.detail)]
    return judge(fresh_limits(stack, stack.running(service))["values"])


def _without(
    limit: Callable[[Service], object], name: str
) -> Callable[[Contract], Iterator[Claim]]:
    def claims(contract: Contract) -> Iterator[Claim]:
        for service in long_running(contract.model):
            if not limit(service):
                yield Claim(
                    subject=Subject(service=service.name),
                    label=service.name,
                    promised=f"has a limit of {name}",
                    detail=name,
                )

    return claims


def _judge_without(claim: Claim, stack: Stack) -> Finding:
    if ended := ended_by_design(stack, claim.subject.service or ""):
        return ended
    return failed(
        f"no limit of {claim.detail}",
        f"{claim.subject.service} may use all {claim.detail} of the host: declare a "
        "limit under deploy.resources.limits",
    )


def _policy(
    number: str, name: str, limit: Callable[[Service], object], why: str, fix: str
) -> Check:
    return Check(
        id=f"LIMIT-{number}",
        title=f"A service that stays has a limit of {name}",
        kind=Kind.POLICY,
        phase=Phase.LOOK,
        live=True,
        proves=f"The service cannot take all {name} of the host.",
        how="Reads the file: `deploy.resources.limits` or the older keys of the "
        "service. Services that end when their work is done are left out.",
        why=why,
        fix=fix,
        claims=_without(limit, name),
        judge=_judge_without,
    )


CHECKS = (
    Check(
        id="LIMIT-13",
        title="No process was killed for want of memory",
        kind=Kind.PROMISE,
        phase=Phase.LOOK,
        live=True,
        proves="Since its start the service has lived within its memory limit.",
        how="Reads the engine's oom events of this run, the mark in inspect and the "
        "kernel's oom_kill counter.",
        why="A kill for memory looks like a crash: the service comes back and loses "
        "what it had in hand.",
        fix="Raise the memory limit, or configure the service to use less.",
        claims=_kill_claims,
        judge=_judge_kills,
    ),
    Check(
        id="LIMIT-14",
        title="A service stays clear of its limits",
        kind=Kind.POLICY,
        phase=Phase.LOOK,
        live=True,
        proves="The highest use of memory and processes so far is at most 90 % of the "
        "limit; cached files do not count, the kernel gives them up.",
        how="Reads peak and present use from the control group.",
        why="A service that is at its limit in quiet times is killed in busy ones.",
        fix="Raise the limit, or configure the service to use less.",
        claims=_headroom_claims,
        judge=_judge_headroom,
    ),
    _policy(
        "15",
        "memory",
        memory_limit,
        "Without one, a leak in this service makes the kernel kill others.",
        "Declare `deploy.resources.limits.memory`, some way above the peak that "
        "`docker stats` shows.",
    ),
    _policy(
        "16",
        "CPUs",
        cpu_limit,
        "Without one, a busy loop in this service slows all others.",
        "Declare `deploy.resources.limits.cpus`.",
    ),
    _policy(
        "17",
        "processes",
        pids_limit,
        "Without one, a service that forks without end blocks the whole host.",
        "Declare `deploy.resources.limits.pids`; threads count as well.",
    ),
)
