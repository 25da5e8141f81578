"""Whether granted secrets and configs are in the containers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..check import Claim, Finding, Subject, failed, passed, undecided
from ..contract.source import Contract
from ..verify.container import Inspected
from ..verify.stack import Stack
from .granted import Grant, grants, judge_grant
from .per_service import service_of
from .processes import ended_well, observe_service


def grant_claims(contract: Contract) -> Iterator[Claim]:
    """Ask for each secret and config of each service."""
    for name, service in contract.model.services.items():
        for number, grant in enumerate(grants(service.declared, contract.document)):
            kind = grant.kind.removesuffix("s")
            yield Claim(
                subject=Subject(service=name, key=grant.key),
                label=f"{name}: {kind} {grant.source} ({number})",
                promised=f"{kind} {grant.source} at {grant.target}",
                detail=grant,
            )


def judge_granted(claim: Claim, stack: Stack) -> Finding:
    """Look the target up in each container."""
    grant = claim.detail
    if not isinstance(grant, Grant):
        raise TypeError(f"{claim.label} holds no grant")
    service = service_of(claim)
    targets = [g.target for g in _of_service(stack, service)]
    size = _size(grant.file)
    for one in observe_service(stack, service, targets):
        user = str(one.container.config.get("User") or "")
        if one.inside is not None:
            found = judge_grant(grant, one.inside, start_user=user, size=size)
        elif ended_well(stack, service):
            found = _ended(grant, one.container)
        else:
            found = undecided("the container does not run")
        if found.verdict != "pass":
            return found
    return passed(f"is at {grant.target}")


def _of_service(stack: Stack, service: str) -> list[Grant]:
    declared = stack.contract.model.services[service].declared
    return list(grants(declared, stack.contract.document))


def _size(file: str | None) -> int | None:
    try:
        return Path(file).stat().st_size if file else None
    except OSError:
        return None


def _ended(grant: Grant, row: Inspected) -> Finding:
    mounted = {mount["Destination"] for mount in row.attrs.get("Mounts") or ()}
    if grant.target in mounted or grant.file is None:
        return passed("has ended; by inspect only")
    return failed(
        f"nothing was mounted on {grant.target}",
        f"{grant.source} is declared and was not given to the container.",
    )
