"""What the checks of CONFIG ask of a file, variables aside, and how they judge it."""

from __future__ import annotations

from collections.abc import Iterator

from ..check import Claim, Finding, Subject, failed, passed
from ..contract.source import Contract
from ..model import Attachment, Mount
from ..verify.stack import Stack
from .collisions import judge_address, judge_ports, port_range
from .hostfiles import (
    expects_file,
    judge_bind,
    judge_build,
    judge_made_folder,
    judge_source,
    makes_folder,
)
from .ignored import ignored_keys, old_keys, old_top_level
from .per_service import declared_service, services


def valid(contract: Contract) -> Iterator[Claim]:
    """Claim that the files can be read: others never come so far."""
    names = ", ".join(path.name for path in contract.compose.files)
    yield Claim(
        subject=Subject(), label=names or "the files", promised="valid for Compose"
    )


def judge_valid(_claim: Claim, stack: Stack) -> Finding:
    """Say what was read."""
    count = len(stack.contract.model.services)
    return passed(f"Compose reads it: {count} service(s)", services=count)


def judge_built(claim: Claim, stack: Stack) -> Finding:
    """Look for context and Dockerfile."""
    return judge_build(declared_service(claim, stack).declared["build"])


def _binds(contract: Contract) -> Iterator[tuple[str, int, Mount]]:
    for name, service in contract.model.services.items():
        for number, mount in enumerate(service.mounts):
            if mount.kind == "bind" and mount.source:
                yield name, number, mount


def bind_claims(contract: Contract) -> Iterator[Claim]:
    """Ask for each path of the host."""
    for name, number, mount in _binds(contract):
        yield Claim(
            subject=Subject(service=name, key=f"volumes[{number}].source"),
            label=f"{name}: {mount.source} on {mount.target}",
            promised=f"{mount.source} can be mounted",
            keys=(f"volumes[{number}].bind.create_host_path",),
            detail=mount,
        )


def judge_mounted(claim: Claim, _stack: Stack) -> Finding:
    """Look for the path."""
    return judge_bind(_mount(claim))


def made_folder_claims(contract: Contract) -> Iterator[Claim]:
    """Ask for each path that the engine would make."""
    for name, number, mount in _binds(contract):
        if makes_folder(mount) and not expects_file(mount):
            yield Claim(
                subject=Subject(service=name, key=f"volumes[{number}].source"),
                label=f"{name}: {mount.source} on {mount.target}",
                promised=f"{mount.source} is there before the start",
                detail=mount,
            )


def judge_made(claim: Claim, _stack: Stack) -> Finding:
    """Look for the path."""
    return judge_made_folder(_mount(claim))


def _mount(claim: Claim) -> Mount:
    if not isinstance(claim.detail, Mount):
        raise TypeError(f"{claim.label} holds no mount")
    return claim.detail


def source_claims(contract: Contract) -> Iterator[Claim]:
    """Ask for each secret and config of the file."""
    for kind in ("secrets", "configs"):
        for name, defined in (contract.document.get(kind) or {}).items():
            yield Claim(
                subject=Subject(key=f"{kind}.{name}"),
                label=f"{kind.removesuffix('s')} {name}",
                promised="can be had",
                detail=(kind.removesuffix("s"), name, defined or {}),
            )


def judge_had(claim: Claim, stack: Stack) -> Finding:
    """Look for the source."""
    if not isinstance(claim.detail, tuple):
        raise TypeError(f"{claim.label} holds no definition")
    kind, name, defined = claim.detail
    problem = stack.start_problem or ""
    if not defined.get("file") and f'{kind} "{name}"' in problem:
        return failed(problem, f"Set what {name} is made from.")
    return judge_source(kind, name, defined)


def port_claims(contract: Contract) -> Iterator[Claim]:
    """Ask for the host ports of each service."""
    for name, service in contract.model.services.items():
        ports = [str(p) for p in service.ports if port_range(p.published)]
        if ports:
            yield Claim(
                subject=Subject(service=name),
                label=name,
                promised=f"can have {', '.join(ports[:6])}",
            )


def judge_host_ports(claim: Claim, stack: Stack) -> Finding:
    """Compare with all other services."""
    return judge_ports(stack.contract.model, claim.subject.service or "")


def address_claims(contract: Contract) -> Iterator[Claim]:
    """Ask for each static address."""
    for name, service in contract.model.services.items():
        for place in service.networks:
            key = f"networks.{place.network}"
            keys = tuple(
                f"{key}.{field}"
                for field, value in (
                    ("ipv4_address", place.ipv4),
                    ("ipv6_address", place.ipv6),
                )
                if value
            )
            if keys:
                yield Claim(
                    subject=Subject(service=name, key=keys[0]),
                    label=f"{name} in {place.network}",
                    promised=" ".join(filter(None, (place.ipv4, place.ipv6))),
                    keys=keys,
                    detail=place,
                )


def judge_static(claim: Claim, stack: Stack) -> Finding:
    """Compare with the declared ranges and all other services."""
    if not isinstance(claim.detail, Attachment):
        raise TypeError(f"{claim.label} holds no attachment")
    model = stack.contract.model
    return judge_address(model, claim.subject.service or "", claim.detail)


def old(contract: Contract) -> Iterator[Claim]:
    """Ask of the file and of each service."""
    yield Claim(subject=Subject(), label="the file", promised="no old key")
    yield from services("no old key")(contract)


def judge_old(claim: Claim, stack: Stack) -> Finding:
    """List old keys."""
    contract = stack.contract
    if claim.subject.service is None:
        found = old_top_level(contract.written, contract.warnings)
    else:
        found = old_keys(declared_service(claim, stack))
    if found:
        return failed("; ".join(found), "Write it the way that is not on its way out.")
    return passed("no old key")


def judge_ignored(claim: Claim, stack: Stack) -> Finding:
    """List what Compose passes over."""
    found = ignored_keys(declared_service(claim, stack), stack.contract.document)
    if found:
        return failed(
            f"without effect: {'; '.join(found)}",
            "Compose says nothing and does nothing: leave it out, or declare what is "
            "meant in another way.",
        )
    return passed("nothing is passed over")
