"""LIMIT, first part: what the file declares is what engine and kernel keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..check import Check, Claim, Finding, Kind, Phase, Subject, Verdict, passed
from ..contract.source import Contract
from ..errors import ProbeError
from ..limit_values import judge_value
from ..limits import Limit, Resource, declared_limits
from ..model import Service
from ..verify.container import Inspected
from ..verify.stack import Stack
from .limit_observe import kernel_limits

_HOW = (
    "Compares three places: the file, the engine's inspect of every container of the "
    "service, and the kernel's own files of its control group or of its first process."
)
_WHY = (
    "A limit that is only in the file protects nobody: an old container, a kernel "
    "without the controller or a later `docker update` leave it without effect."
)
_FIX = (
    "Create the container anew with `docker compose up -d`. If the value still "
    "differs, this kernel or engine cannot keep it: `docker info` lists warnings."
)


def _claims(*resources: Resource) -> Callable[[Contract], Iterator[Claim]]:
    def claims(contract: Contract) -> Iterator[Claim]:
        for service in contract.model.services.values():
            for limit in declared_limits(service):
                if limit.resource in resources and service.replicas:
                    if limit.resource is Resource.SHM and _foreign_shm(service):
                        continue
                    yield Claim(
                        subject=Subject(service=service.name, key=limit.key),
                        label=f"{service.name} {limit.key}",
                        promised=f"{limit.resource} {limit.shown}".strip(),
                        detail=limit,
                    )

    return claims


def _foreign_shm(service: Service) -> bool:
    """Tell whether /dev/shm is somebody else's, so that its size is as well."""
    foreign = ("host", "service:", "container:", "none")
    return str(service.declares("ipc") or "").startswith(foreign)


def _judge(claim: Claim, stack: Stack) -> Finding:
    limit = claim.detail
    if not isinstance(limit, Limit) or not claim.subject.service:
        raise ProbeError("limit", f"no limit in {claim.label}")
    found = passed()
    for container in stack.containers(claim.subject.service):
        found = _judge_one(limit, container, stack)
        if found.verdict is not Verdict.PASS:
            return found
    return found


def _judge_one(limit: Limit, container: Inspected, stack: Stack) -> Finding:
    by_engine = judge_value(limit, container.host_config, None)
    if by_engine.verdict is not Verdict.PASS or not container.started_at:
        return by_engine
    if not container.pid:
        return by_engine
    return judge_value(limit, container.host_config, kernel_limits(stack, container))


def _check(number: str, title: str, proves: str, *resources: Resource) -> Check:
    return Check(
        id=f"LIMIT-{number}",
        title=title,
        kind=Kind.PROMISE,
        phase=Phase.LOOK,
        live=True,
        proves=proves,
        how=_HOW,
        why=_WHY,
        fix=_FIX,
        claims=_claims(*resources),
        judge=_judge,
    )


CHECKS = (
    _check(
        "01",
        "The memory limit is in force",
        "Engine and kernel keep exactly the declared memory limit.",
        Resource.MEMORY,
    ),
    _check(
        "02",
        "The limit of swap is in force",
        "Engine and kernel keep the declared sum of memory and swap, and the declared "
        "swappiness. Undecided on a kernel that does not count swap.",
        Resource.SWAP,
        Resource.SWAPPINESS,
    ),
    _check(
        "03",
        "The memory reservation is in force",
        "Engine and kernel keep the declared amount for the service when memory gets "
        "scarce.",
        Resource.RESERVATION,
    ),
    _check(
        "04",
        "The CPU limit is in force",
        "Engine and kernel keep the declared number of CPUs, or the declared quota and "
        "period.",
        Resource.CPUS,
        Resource.CPU_QUOTA,
        Resource.CPU_PERIOD,
    ),
    _check(
        "05",
        "CPU shares and the set of CPUs are in force",
        "Engine and kernel keep the declared weight among services and the declared "
        "CPUs.",
        Resource.CPU_SHARES,
        Resource.CPUSET,
    ),
    _check(
        "06",
        "The limit of processes is in force",
        "Engine and kernel keep exactly the declared number of processes and threads.",
        Resource.PIDS,
    ),
    _check(
        "07",
        "Ulimits are in force",
        "The first process has the declared limits. It may raise its soft limit as far "
        "as the hard one allows.",
        Resource.ULIMIT,
    ),
    _check(
        "08",
        "The size of /dev/shm is as declared",
        "The file system for shared memory has the declared size.",
        Resource.SHM,
    ),
    _check(
        "09",
        "The choice of victims under memory pressure is as declared",
        "The first process has the declared oom_score_adj, and the kernel's killer is "
        "on or off as declared.",
        Resource.OOM_SCORE,
        Resource.OOM_DISABLE,
    ),
)
