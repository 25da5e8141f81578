"""Whether the containers that are there are those of the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .. import sdk
from ..check import Claim, Finding, Subject, failed, passed, undecided
from ..contract.source import Contract
from ..verify.container import Inspected
from ..verify.stack import Stack
from .drift import ASPECTS, aspects_of, differences, join
from .made import Made
from .per_service import service_of

_HASH = "com.docker.compose.config-hash"
_VERSION = "com.docker.compose.version"


def drift_claims(contract: Contract) -> Iterator[Claim]:
    """Ask of each service each aspect that it has."""
    for name, service in contract.model.services.items():
        if "provider" in service.declared:
            continue
        for aspect in aspects_of(service):
            keys = tuple(k for k in ASPECTS[aspect][0] if k in service.declared)
            if aspect == "networks":
                keys = tuple(f"networks.{a.network}" for a in service.networks)
            elif aspect == "mounts":
                keys = ()
            yield Claim(
                subject=Subject(service=name, key=keys[0] if keys else None),
                label=f"{name}: {aspect}",
                promised=f"{aspect} as declared",
                keys=keys,
                detail=aspect,
            )


def judge_drift(claim: Claim, stack: Stack) -> Finding:
    """Compare all containers of a service in one aspect."""
    service = stack.model.services[service_of(claim)]
    rows = stack.containers(service.name)
    found = [
        difference
        for row in rows
        for difference in differences(
            str(claim.detail), service, _made(stack, row, service.image)
        )
    ]
    if found:
        return failed(
            join(found),
            "The container is not what the file says: make it anew with `docker "
            "compose up -d`, or correct the file.",
            differences=len(found),
        )
    return passed(f"{len(rows)} container(s) as declared")


def _made(stack: Stack, row: Inspected, image: str) -> Made:
    named = str(row.config.get("Image") or "")
    own = str(row.attrs.get("Image") or "")
    return Made(
        attrs=row.attrs,
        image=stack.once(f"image {own}", lambda: _image(stack, own)),
        tagged=None if stack.owned else _image(stack, named).get("Id"),
        wanted_image=image,
        networks={n.name: n.engine_name for n in stack.model.networks.values()},
        volumes={v.name: v.engine_name for v in stack.model.volumes.values()},
    )


def _image(stack: Stack, name: str) -> dict[str, Any]:
    try:
        return dict(stack.engine.images.get(name).attrs) if name else {}
    except sdk.ImageNotFound:
        return {}


def hashed_services(contract: Contract) -> Iterator[Claim]:
    """Ask of each service whose stored hash is the one that can be asked for.

    Where a service names another one's container, Compose puts the container's id in
    before it makes the hash.
    """
    for name, service in contract.model.services.items():
        modes = (service.declared.get(key) for key in ("network_mode", "ipc", "pid"))
        names_other = any(str(mode).startswith("service:") for mode in modes)
        if names_other or service.declared.get("volumes_from"):
            continue
        if "provider" not in service.declared:
            yield Claim(
                subject=Subject(service=name),
                label=name,
                promised="unchanged since it was made",
            )


def judge_hash(claim: Claim, stack: Stack) -> Finding:
    """Compare the hash in the labels with Compose's own."""
    text = stack.once("hashes", lambda: stack.compose("config", "--hash", "*"))
    hashes = dict(line.split()[:2] for line in text.splitlines() if " " in line)
    wanted = hashes.get(service_of(claim))
    if wanted is None:
        return undecided("this Compose prints no hash for the service")
    for row in stack.containers(service_of(claim)):
        labels = row.config.get("Labels") or {}
        if labels.get(_HASH) == wanted:
            continue
        made_by = release(str(labels.get(_VERSION, "another tool")))
        now = release(
            stack.once("version", lambda: stack.compose("version", "--short"))
        )
        if made_by != now:
            return passed(
                f"not comparable: made by Compose {made_by}, this is {now}; the single "
                "values are compared by OPS-01"
            )
        return failed(
            f"{row.name} was made from another configuration",
            "The file has changed since, or the container was made with other "
            "overlays, profiles or variables: run `docker compose up -d`, or verify "
            "with the files that it was made from.",
        )
    return passed("same hash")


def release(version: str) -> str:
    """Return the release that a version belongs to, without a packager's suffix."""
    found = re.search(r"\d+\.\d+\.\d+", version)
    return found[0] if found else version.strip()


def judge_orphans(_claim: Claim, stack: Stack) -> Finding:
    """Find containers whose service no file knows."""
    known = set(stack.model.services)
    for written in stack.contract.written.values():
        services = written.get("services")
        known |= set(services) if isinstance(services, dict) else set()
    strange = sorted({r.name for r in stack.containers() if r.service not in known})
    if strange:
        return failed(
            f"not in the file: {', '.join(strange)}",
            "Remove them with `docker compose up -d --remove-orphans`, or give the "
            "file that declares them too.",
            orphans=len(strange),
        )
    return passed("every container belongs to a service")


def replica_claims(contract: Contract) -> Iterator[Claim]:
    """Ask how many containers there are."""
    for name, service in contract.model.services.items():
        if "provider" in service.declared:
            continue
        keys = tuple(
            key
            for key in ("deploy.replicas", "scale")
            if service.declares(key) is not None
        )
        yield Claim(
            subject=Subject(service=name, key=keys[0] if keys else None),
            label=name,
            promised=f"{service.replicas} container(s)",
            keys=keys,
        )


def judge_replicas(claim: Claim, stack: Stack) -> Finding:
    """Count containers."""
    wanted = stack.model.services[service_of(claim)].replicas
    has = len(stack.containers(service_of(claim)))
    if has == wanted:
        return passed(f"{has} container(s)", containers=has)
    if has < wanted and stack.start_problem:
        return undecided(f"the start failed: {stack.start_problem}")
    return failed(
        f"{has} container(s), declared {wanted}",
        "Run `docker compose up -d` with this file; scale in the file, not by hand.",
        containers=has,
    )


def named_containers(contract: Contract) -> Iterator[Claim]:
    """Ask for declared names."""
    for name, service in contract.model.services.items():
        if service.declared.get("container_name"):
            wanted = str(service.declared["container_name"])
            yield Claim(
                subject=Subject(service=name, key="container_name"),
                label=name,
                promised=f"is called {wanted}",
                detail=wanted,
            )


def judge_name(claim: Claim, stack: Stack) -> Finding:
    """Compare names; in a copy, judge whether the name can be given."""
    wanted = str(claim.detail)
    if not stack.owned:
        names = [row.name for row in stack.containers(service_of(claim))]
        if names == [wanted]:
            return passed(f"is called {wanted}")
        return failed(
            f"is called {', '.join(names)}",
            f"Something else may hold the name {wanted}: remove it, then run `docker "
            "compose up -d`.",
        )
    services = stack.contract.model.services
    holders = [
        name
        for name, service in services.items()
        if service.declared.get("container_name") == wanted
        for _ in range(service.replicas)
    ]
    if len(holders) > 1:
        return failed(
            f"{len(holders)} containers would be called {wanted}",
            "A name can be given once: leave `container_name` out, or have one "
            "replica.",
        )
    return passed("one container can have the name; this copy has names of its own")
