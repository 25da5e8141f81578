"""Judge what probes found past a limit, and how near to it a service is (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .check import Finding, failed, passed, undecided

Answer = Mapping[str, Any]
HEADROOM = 0.9
"""A share of a limit above which a service is called near to it."""
_CPU_TOLERANCE = 1.15
# What one period and the kernel's slices may add in a short measurement.
_CPU_SLACK = 0.03
_ACTED_EARLY = 0.8
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Life:
    """What tells one life of a container from another."""

    container: str
    started_at: float
    restarts: int
    running: bool


def judge_memory(limit: int, answer: Answer, before: Life, after: Life) -> Finding:
    """Judge an allocation past a memory limit by the kernel's own counter."""
    allocated = int(answer["allocated_bytes"])
    known = answer["oom_kill_before"], answer["oom_kill_after"]
    kills = None if None in known else known[1] - known[0]
    facts = {
        "memory_limit_bytes": limit,
        "allocated_bytes": allocated,
        "oom_kills": kills,
    }
    got = f"{allocated / _MIB:.0f} MiB beside {answer['usage_before_bytes'] / _MIB:.0f}"
    if answer["past_limit"]:
        return failed(
            f"a process got {got} MiB in use and lives",
            f"the limit of {limit / _MIB:g} MiB does not hold: look at "
            "memory.limit_in_bytes or memory.max of the container's control group",
            **facts,
        )
    if kills is None:
        return undecided("this kernel does not count kills for memory", got, **facts)
    if not answer["killed"] or not kills:
        return undecided(
            "the probe ended, and the kernel counted no kill for memory: something "
            "else ended it",
            got,
            **facts,
        )
    if allocated + answer["usage_before_bytes"] < _ACTED_EARLY * limit:
        return failed(
            f"the kernel killed at {got} MiB in use",
            f"less than the declared {limit / _MIB:g} MiB can be had: a smaller limit "
            "holds, in this control group or in one above it",
            **facts,
        )
    if before != after or kills > 1:
        return undecided(
            "the kernel acted, and hit the service as well: it uses its limit up by "
            "itself; see the headroom",
            got,
            **facts,
        )
    return passed(f"killed at {got} MiB in use; the service kept running", **facts)


def judge_cpu(limit: float, answers: Sequence[Answer]) -> Finding:
    """Judge measurements under load, in the order in which they were made."""
    shares = [answer["cpu_seconds"] / answer["seconds"] for answer in answers]
    most = limit * _CPU_TOLERANCE + _CPU_SLACK
    share = shares[-1]
    throttled = answers[-1]["throttled"]
    facts = {
        "cpu_limit": limit,
        "cpu_share": round(share, 3),
        "throttled_periods": throttled,
    }
    seen = f"{share:.2f} CPUs under load"
    if all(each > most for each in shares):
        return failed(
            f"{seen}, held back {throttled} times",
            f"the limit of {limit:g} CPUs does not hold: look at cpu.cfs_quota_us or "
            "cpu.max of the container's control group",
            **facts,
        )
    reached = throttled if throttled is not None else share >= limit * 0.8
    if share <= most and reached:
        return passed(f"{seen}, held back in {throttled} periods", **facts)
    return undecided(
        "the host was too busy to use the limit up: try again on a quieter one",
        seen,
        **facts,
    )


def cpu_decided(limit: float, answers: Sequence[Answer]) -> bool:
    """Tell whether no further measurement is needed.

    One that is above the limit is made again: a busy host stretches a measurement.
    """
    verdict = judge_cpu(limit, answers).verdict
    return verdict == "pass" or (verdict == "fail" and len(answers) > 1)


def judge_pids(limit: int, answer: Answer) -> Finding:
    """Judge an attempt to have more processes than allowed."""
    started = int(answer["started"]) + 1
    facts = {
        "pids_limit": limit,
        "pids_started": started,
        "pids_before": answer["usage_before"],
    }
    known = answer["max_before"], answer["max_after"]
    counted = None if None in known else known[1] - known[0]
    if not answer["refused"]:
        return failed(
            f"{started} more were started beside {answer['usage_before']}",
            f"the limit of {limit} processes does not hold: look at pids.max of the "
            "container's control group",
            **facts,
        )
    if counted == 0:
        return undecided(
            "the kernel refused for another reason than this limit: the host or the "
            "user may have as many processes as are allowed",
            f"refused after {started}",
            **facts,
        )
    return passed(f"refused after {started} beside {answer['usage_before']}", **facts)


def judge_memory_headroom(values: Mapping[str, Any]) -> Finding:
    """Judge how near to its limit a service came."""
    limit, usage = values.get("memory_limit"), values.get("memory_usage")
    if not limit or usage is None:
        return undecided("the kernel does not tell limit and use of memory")
    kept = max(usage - values.get("memory_cache", 0), 0)
    peak = values.get("memory_peak")
    facts = {
        "memory_peak_bytes": peak,
        "memory_usage_bytes": usage,
        "memory_kept_bytes": kept,
        "memory_limit_bytes": limit,
    }
    highest = usage if peak is None else peak
    share = f"peak {highest / limit:.0%} of {limit / _MIB:g} MiB"
    if highest <= HEADROOM * limit:
        return passed(share, **facts)
    # The kernel fills a limit with files that were read; it gives them up again.
    if kept <= HEADROOM * limit:
        return passed(f"{share}, {kept / limit:.0%} without cached files", **facts)
    return failed(
        share,
        f"{kept / limit:.0%} of its memory limit is in use, and nothing of it can be "
        "given up: raise the limit, or let the service use less",
        **facts,
    )


def judge_pids_headroom(values: Mapping[str, Any]) -> Finding:
    """Judge how near to its limit of processes a service came."""
    limit, usage = values.get("pids_limit"), values.get("pids_usage")
    if not limit or usage is None:
        return undecided("the kernel does not tell limit and number of processes")
    highest = max(usage, values.get("pids_peak") or 0)
    seen = f"peak {highest} of {limit}"
    facts = {"pids_peak": highest, "pids_limit": limit}
    if highest <= HEADROOM * limit:
        return passed(seen, **facts)
    return failed(
        seen,
        "threads count as well, and the next one may be refused: raise the limit, or "
        "let the service start fewer",
        **facts,
    )


def judge_kills(oom_events: int, *, flagged: bool, counted: int | None) -> Finding:
    """Judge whether a process was killed for want of memory.

    Args:
        oom_events: how often the engine announced one.
        flagged: what inspect says of the container's last end.
        counted: the kernel's counter; None where the container has ended.
    """
    kills = max(oom_events, counted or 0, int(flagged))
    if not kills:
        return passed("no kill for memory", oom_kills=0)
    return failed(
        f"{kills} kill{'s' * (kills > 1)} for memory",
        "the service needs more memory than its limit allows: raise the limit or let "
        "it use less",
        oom_kills=kills,
    )
