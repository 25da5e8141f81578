"""LIMIT, second part: the kernel acts when a service goes past a limit."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..check import Check, Claim, Finding, Kind, Phase, Subject, passed
from ..contract.source import Contract
from ..enforcement import (
    Life,
    cpu_decided,
    judge_cpu,
    judge_memory,
    judge_pids,
)
from ..errors import ProbeError
from ..limits import (
    Resource,
    cpu_limit,
    cpu_period_seconds,
    limiting_keys,
    memory_limit,
    pids_limit,
)
from ..model import Service
from ..restarts import long_running
from ..verify.container import Inspected
from ..verify.stack import Stack
from .limit_observe import ended_by_design

_PROBE_SECONDS = 90.0
# More threads than that take long to start and show nothing new.
_MOST_PIDS = 16_384
# The later ones are for a host that is busy with other things.
_MEASUREMENTS = (0.8, 1.5, 1.5, 3.0, 3.0, 5.0)
_PERIODS = 8


def _claim(service: Service, promised: str, *resources: Resource) -> Claim:
    keys = limiting_keys(service, *resources)
    return Claim(
        subject=Subject(service=service.name, key=keys[-1]),
        label=service.name,
        promised=promised,
        keys=keys,
    )


def _memory_claims(contract: Contract) -> Iterator[Claim]:
    for service in long_running(contract.model):
        limit = memory_limit(service)
        if limit and not service.declares("oom_kill_disable"):
            promised = f"nobody gets more than {limit / 2**20:g} MiB"
            yield _claim(service, promised, Resource.MEMORY)


def _cpu_claims(contract: Contract) -> Iterator[Claim]:
    for service in long_running(contract.model):
        if limit := cpu_limit(service):
            resources = Resource.CPUS, Resource.CPU_QUOTA
            yield _claim(service, f"gets no more than {limit:g} CPUs", *resources)


def _pids_claims(contract: Contract) -> Iterator[Claim]:
    for service in long_running(contract.model):
        limit = pids_limit(service)
        if limit and limit <= _MOST_PIDS:
            promised = f"has no more than {limit} processes"
            yield _claim(service, promised, Resource.PIDS)


def _judge_memory(claim: Claim, stack: Stack) -> Finding:
    service, ended = _service(claim, stack)
    if ended:
        return ended
    container = stack.running(service.name)
    limit = memory_limit(service) or 0
    answer = stack.vantage.probe(
        "memory", {"pid": container.pid, "limit": limit}, timeout=_PROBE_SECONDS
    )
    after = next(
        (row for row in stack.containers(service.name) if row.id == container.id),
        container,
    )
    return judge_memory(limit, answer, _life(container), _life(after))


def _judge_cpu(claim: Claim, stack: Stack) -> Finding:
    service, ended = _service(claim, stack)
    if ended:
        return ended
    limit = cpu_limit(service) or 0.0
    container = stack.running(service.name)
    seen = stack.vantage.probe("cgroup", {"containers": []})
    cpus = int(seen["host_cpus"])
    if limit >= cpus:
        return passed(f"cannot be exceeded: the host has {cpus} CPUs", cpu_limit=limit)
    answers = []
    for seconds in _MEASUREMENTS:
        request = {
            "pid": container.pid,
            "burners": min(cpus, math.ceil(limit) + 1),
            "seconds": max(seconds, _PERIODS * cpu_period_seconds(service)),
        }
        answers.append(stack.vantage.probe("cpu", request, timeout=_PROBE_SECONDS))
        if cpu_decided(limit, answers):
            break
    return judge_cpu(limit, answers)


def _judge_pids(claim: Claim, stack: Stack) -> Finding:
    service, ended = _service(claim, stack)
    if ended:
        return ended
    limit = pids_limit(service) or 0
    request = {"pid": stack.running(service.name).pid, "limit": limit}
    answer = stack.vantage.probe("forks", request, timeout=_PROBE_SECONDS)
    return judge_pids(limit, answer)


def _service(claim: Claim, stack: Stack) -> tuple[Service, Finding | None]:
    name = claim.subject.service
    if name is None:
        raise ProbeError("limit", f"no service in {claim.label}")
    return stack.model.services[name], ended_by_design(stack, name)


def _life(row: Inspected) -> Life:
    return Life(row.id, row.started_at, row.restart_count, row.running)


CHECKS = (
    Check(
        id="LIMIT-10",
        title="The kernel enforces the memory limit",
        kind=Kind.PROMISE,
        phase=Phase.PROBE,
        live=False,
        proves="Whoever asks for more memory than declared is killed by the kernel, "
        "and the service itself keeps running.",
        how="A process of the host makes itself the kernel's first victim, joins the "
        "container's control group and allocates past the limit. Judged by the "
        "kernel's oom_kill counter; the container must be in the same life afterwards.",
        why="A leak in one service must not take the memory of all others.",
        fix="Look whether swap or a later `docker update` gives the service more than "
        "the file says. A host with less free memory than the limit cannot show it.",
        claims=_memory_claims,
        judge=_judge_memory,
    ),
    Check(
        id="LIMIT-11",
        title="The kernel enforces the CPU limit",
        kind=Kind.PROMISE,
        phase=Phase.PROBE,
        live=False,
        proves="Under full load the service gets no more CPU time than declared.",
        how="Processes of the host join the container's CPU control group and count "
        "for about a second. Judged by the CPU time of the group and by the kernel's "
        "number of throttled periods.",
        why="One busy service must not make all others slow.",
        fix="Look at the quota in the container's control group. Where the host was "
        "too busy to use the limit up, try again on a quieter one.",
        claims=_cpu_claims,
        judge=_judge_cpu,
    ),
    Check(
        id="LIMIT-12",
        title="The kernel enforces the limit of processes",
        kind=Kind.PROMISE,
        phase=Phase.PROBE,
        live=False,
        proves="The kernel refuses one more process or thread than declared.",
        how="A process of the host joins the container's pids control group and starts "
        "threads until the kernel refuses; all end at once. Judged by the refusal and "
        "by the kernel's counter of it.",
        why="A service that forks without end otherwise blocks the whole host.",
        fix="Look at pids.max in the container's control group.",
        claims=_pids_claims,
        judge=_judge_pids,
    ),
)
