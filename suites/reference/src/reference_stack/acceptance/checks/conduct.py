"""How services behave around a fault: back in time, within limits, orderly."""

from __future__ import annotations

from stackproof.oracle import Flaw

from ...project import LONG_RUNNING, SERVICES
from ..observation import Observation
from .check import Check, Finding, by_oracle, failed, passed, undecided

_MOST_EXIT_SECONDS = 5.0
"""Half of the grace period: all four end at the same moment on few cores. How long one
takes alone, `benchmarks/kills.py` measures."""
_SHOWN = 3


def ready_in_time(seen: Observation) -> Finding:
    """Judge that the data path was ready again within the scenario's budget."""
    times = [proof.recovery_us for proof in seen.proofs]
    worst = max((time for time in times if time is not None), default=0) / 1e6
    return by_oracle(
        seen,
        Flaw.RECOVERY,
        observed=f"ready again after {worst:.2f} s",
        facts={
            "recovery_seconds": round(worst, 3),
            "budget_seconds": seen.scenario.ready_seconds,
        },
    )


def limits_held(seen: Observation) -> Finding:
    """Judge that memory and spool stayed within their limits."""
    wrong = []
    planned = {p.target for p in seen.proofs if p.kind == "OOM kill"}
    for service, memory in seen.memory.items():
        if memory.oom_kills is None or memory.peak is None:
            return undecided(f"the kernel does not tell the memory of {service}")
        if service in planned or "all" in planned:
            continue
        if memory.oom_kills:
            wrong.append(f"{service} was killed for want of memory")
        if memory.peak > memory.limit:
            wrong.append(f"{service} had {memory.peak} of {memory.limit} bytes")
    if not set(LONG_RUNNING) <= set(seen.memory):
        return undecided(f"only {sorted(seen.memory)} were looked at")
    if seen.spool["bytes"] > seen.spool["limit_bytes"]:
        wrong.append(f"the spool has {seen.spool}")
    if wrong:
        return failed(f"{len(wrong)} limits were passed", "; ".join(wrong))
    worst = max(
        (memory.resident or 0) / memory.limit for memory in seen.memory.values()
    )
    return passed(
        f"at most {worst:.0%} of a memory limit",
        **{
            f"{service.replace('-', '_')}_mib": round((memory.resident or 0) / 2**20, 1)
            for service, memory in seen.memory.items()
        },
    )


def no_secret_told(seen: Observation) -> Finding:
    """Judge that no secret is in any log."""
    if seen.secrets_seen:
        return failed(
            f"{len(seen.secrets_seen)} secrets are told", "; ".join(seen.secrets_seen)
        )
    return passed("none of the secrets is in a log or in what admin-api tells")


def nothing_crashed(seen: Observation) -> Finding:
    """Judge that no log tells of an error that nobody has caught."""
    if seen.crashes:
        return failed(
            f"{len(seen.crashes)} errors that nobody has caught",
            "; ".join(seen.crashes[:_SHOWN]),
        )
    return passed("no traceback, no panic")


def stops_cleanly(seen: Observation) -> Finding:
    """Judge that all services end in order afterwards, and in time."""
    ended = {end.service for end in seen.stops}
    if ended != set(LONG_RUNNING):
        return undecided(f"only the ends of {sorted(ended)} were seen")
    limits = dict.fromkeys(SERVICES, _MOST_EXIT_SECONDS)
    wrong = [
        str(end)
        for end in seen.stops
        if end.exit_code != 0
        or end.forced
        or end.seconds is None
        or end.seconds > limits.get(end.service, seen.grace_seconds)
    ]
    facts = {
        f"{end.service.replace('-', '_')}_exit_seconds": round(end.seconds or 0, 3)
        for end in seen.stops
    }
    if wrong:
        return failed(f"{len(wrong)} services did not end well", "; ".join(wrong))
    slowest = max(end.seconds or 0 for end in seen.stops)
    return passed(f"all ended with 0, the slowest in {slowest:.2f} s", **facts)


CHECKS = (
    Check(
        name="ready",
        promise="The data path is ready again within its budget.",
        judge=ready_in_time,
    ),
    Check(
        name="limits",
        promise="Memory and spool stay within their limits.",
        judge=limits_held,
        reads=("memory", "stats"),
    ),
    Check(
        name="secrets",
        promise="No secret is in a log, or in what admin-api tells.",
        judge=no_secret_told,
        reads=("logs",),
    ),
    Check(
        name="no-crash",
        promise="No log tells of an error that nobody has caught.",
        judge=nothing_crashed,
        reads=("logs",),
    ),
    Check(
        name="shutdown",
        promise="All services end in order afterwards, with exit code 0 and in time.",
        judge=stops_cleanly,
        reads=("stops",),
    ),
)
