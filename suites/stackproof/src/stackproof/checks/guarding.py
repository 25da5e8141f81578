"""What the checks of SECURITY ask of a file, and how they look at a stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .. import sdk
from ..check import Claim, Finding, Subject, Verdict, failed, passed, undecided
from ..contract.source import Contract
from ..model import Service
from ..verify.stack import Stack
from .confined import (
    NAMESPACES,
    devices,
    judge_capabilities,
    judge_devices,
    judge_groups,
    judge_namespace,
    judge_privileged,
    judge_read_only,
    judge_security_option,
    judge_user,
    runs_as_root,
    security_options,
    split_option,
)
from .exposure import judge_confinement, judge_digest
from .per_service import Claims, declared_service
from .processes import Observed, ended_well, observe_service


def declaring(*keys: str, label: str = "") -> Claims:
    """Return a claim for each service that declares one of some keys."""

    def claims(contract: Contract) -> Iterator[Claim]:
        for name, service in contract.model.services.items():
            there = tuple(
                key
                for key in keys
                if service.declared.get(key) not in (None, [], {}, "")
            )
            if there:
                value = service.declared[there[0]]
                yield Claim(
                    subject=Subject(service=name, key=there[0]),
                    label=f"{name}{label}",
                    promised=f"{there[0]}: {value}",
                    keys=there,
                )

    return claims


def privileged_claims(contract: Contract) -> Iterator[Claim]:
    """Ask of each service: what is not declared is not privileged."""
    for name, service in contract.model.services.items():
        there = service.declared.get("privileged") is not None
        yield Claim(
            subject=Subject(service=name, key="privileged" if there else None),
            label=name,
            promised="privileged"
            if service.declares("privileged")
            else "no privileges",
        )


def option_claims(contract: Contract) -> Iterator[Claim]:
    """Ask for each entry of `security_opt`."""
    for name, service in contract.model.services.items():
        for number, option in enumerate(service.declared.get("security_opt") or ()):
            text = ": ".join(split_option(str(option)))
            short = text if len(text) < 60 else f"{text[:57]}…"
            yield Claim(
                subject=Subject(service=name, key="security_opt"),
                label=f"{name}: {short} ({number})",
                promised=short,
                detail=str(option),
            )


def namespace_claims(contract: Contract) -> Iterator[Claim]:
    """Ask for each declared namespace mode."""
    for name, service in contract.model.services.items():
        for key in NAMESPACES:
            if mode := service.declared.get(key):
                yield Claim(
                    subject=Subject(service=name, key=key),
                    label=f"{name}: {key}",
                    promised=f"{key}: {mode}",
                    detail=key,
                )


def of_file(judge: Callable[[Service], Finding]) -> Callable[[Claim, Stack], Finding]:
    """Return a judge of the declared service alone."""

    def judged(claim: Claim, stack: Stack) -> Finding:
        return judge(declared_service(claim, stack))

    return judged


def of_containers(
    judge: Callable[[Service, Observed], Finding],
) -> Callable[[Claim, Stack], Finding]:
    """Return a judge of the declared service and each of its containers."""

    def judged(claim: Claim, stack: Stack) -> Finding:
        service = declared_service(claim, stack)
        return each(stack, service.name, lambda one: judge(service, one))

    return judged


def each(stack: Stack, service: str, judge: Callable[[Observed], Finding]) -> Finding:
    """Judge all containers of a service; return the first that does not pass."""
    finding = undecided(f"{service} has no container")
    for one in observe_service(stack, service, _paths(stack, service)):
        finding = judge(one)
        if finding.verdict is not Verdict.PASS:
            return finding
        if one.inside is None and not ended_well(stack, service):
            stands = stack.look().rows[service].reason
            return undecided(f"{service} does not run: {stands}")
    return finding


def _paths(stack: Stack, service: str) -> list[str]:
    declared = stack.contract.model.services[service].declared
    return [target for _, target, _ in devices(declared)]


user = of_containers(judge_user)
capabilities = of_containers(judge_capabilities)
privileged = of_containers(judge_privileged)
read_only = of_containers(judge_read_only)
given_devices = of_containers(judge_devices)
groups = of_containers(judge_groups)


def security_option(claim: Claim, stack: Stack) -> Finding:
    """Judge one entry of `security_opt`."""
    option = str(claim.detail)
    service = claim.subject.service or ""
    return each(stack, service, lambda one: judge_security_option(option, one))


def namespace(claim: Claim, stack: Stack) -> Finding:
    """Judge one namespace mode."""
    key = str(claim.detail)
    service = declared_service(claim, stack)
    kind, _, other = str(service.declared[key]).partition(":")
    peer = None
    if kind == "service" and other in stack.model.services:
        peer = next(iter(observe_service(stack, other)), None)
    return each(
        stack, service.name, lambda one: judge_namespace(key, service, one, peer)
    )


def no_root(claim: Claim, stack: Stack) -> Finding:
    """Judge whether anything runs as root."""

    def judge(one: Observed) -> Finding:
        names = runs_as_root(one)
        if names:
            return failed(
                f"root: {', '.join(names)}",
                "Set `user`, or let the image change to a user of its own.",
            )
        return passed("nothing runs as root")

    return each(stack, claim.subject.service or "", judge)


def measure(name: str) -> Callable[[Claim, Stack], Finding]:
    """Return a judge of one measure that is good practice."""

    def taken(one: Observed) -> bool:
        host = one.container.host_config
        if name == "capabilities":
            return "ALL" in {str(n).upper() for n in host.get("CapDrop") or ()}
        if name == "read-only":
            return bool(host.get("ReadonlyRootfs"))
        return ("no-new-privileges", "true") in map(split_option, security_options(one))

    def judged(claim: Claim, stack: Stack) -> Finding:
        rows = stack.containers(claim.subject.service)
        seen = [Observed(container=row, inside=None) for row in rows]
        return judge_confinement(name, {o.container.name: taken(o) for o in seen})

    return judged


def digest(claim: Claim, stack: Stack) -> Finding:
    """Judge whether an image of a registry is pinned."""
    service = declared_service(claim, stack)
    own = str(stack.container(service.name).attrs.get("Image") or "")
    try:
        attrs = stack.engine.images.get(own).attrs
    except sdk.ImageNotFound:
        return undecided("the image of the container is gone")
    return judge_digest(service, list(attrs.get("RepoDigests") or ()))
