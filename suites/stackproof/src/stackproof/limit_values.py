"""Judge whether a declared limit is what engine and kernel keep (pure)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .check import Finding, failed, passed, undecided
from .limits import Limit, Resource, Wanted, show

_LARGEST_PAGE = 64 * 2**10
_SOFT_MAY_FALL = frozenset({"core"})
Observed = Mapping[str, Any]


class _Unknown:
    """Stands for what the kernel does not tell."""


UNKNOWN = _Unknown()
Seen = Wanted | _Unknown


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a value is seen.

    Attributes:
        engine: reads it from `HostConfig` of inspect.
        kernel: reads it from what the probe `cgroup` says of a container.
        same: compares the wanted value with what the kernel keeps.
    """

    engine: Callable[[Mapping[str, Any]], Wanted]
    kernel: Callable[[Observed, Limit], Seen]
    same: Callable[[Any, Any], bool]


def judge_value(
    limit: Limit, host_config: Mapping[str, Any], seen: Observed | None
) -> Finding:
    """Compare a declared limit with the engine's record and the kernel's files.

    Args:
        limit: what the file says.
        host_config: the container's `HostConfig`.
        seen: what the probe saw; None for a container that has ended, whose limits are
            gone with it.
    """
    source = _SOURCES[limit.resource]
    engine = _engine_ulimit(limit, host_config) or source.engine(host_config)
    if not _equal(source, limit.wanted, engine):
        return failed(
            f"inspect says {show(limit.resource, engine)}",
            f"{limit.key} is {limit.shown} in the file, and the engine was told "
            f"{show(limit.resource, engine)}: create the container anew with `docker "
            "compose up`; if it stays, this engine or kernel cannot keep the limit",
        )
    if seen is None:
        return passed(f"inspect says {limit.shown}; the container does not run")
    kernel = source.kernel(seen, limit)
    if isinstance(kernel, _Unknown):
        return undecided(
            f"inspect says {limit.shown}, and this kernel does not show what it keeps "
            f"(control groups version {seen.get('version')})",
            f"inspect says {limit.shown}",
        )
    if not _equal(source, limit.wanted, kernel):
        shown = show(limit.resource, kernel)
        return failed(
            f"inspect says {limit.shown}, the kernel keeps {shown}",
            f"{limit.key} is {limit.shown} in the file, and the kernel keeps {shown}: "
            "somebody changed it after the start, or a process did for itself; create "
            "the container anew",
        )
    return passed(f"{limit.shown} in inspect and in the kernel")


def parse_cpuset(text: str) -> frozenset[int]:
    """Return the numbers in "0-2,5"."""
    found: set[int] = set()
    for part in filter(None, text.replace(" ", "").split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def weights(shares: int) -> frozenset[int]:
    """Return the weights of version 2 that runtimes make of CPU shares: old and new."""
    shares = min(max(shares, 2), 262_144)
    old = 1 + ((shares - 2) * 9999) // 262_142
    power = math.log2(shares)
    new = math.ceil(10 ** ((power**2 + 125 * power) / 612 - 7 / 34))
    return frozenset({old, new})


def _equal(source: _Source, wanted: Wanted, seen: Wanted) -> bool:
    if wanted is None or seen is None:
        return wanted is seen
    return source.same(wanted, seen)


def _engine_ulimit(limit: Limit, host_config: Mapping[str, Any]) -> Wanted:
    if limit.resource is not Resource.ULIMIT:
        return None
    for entry in host_config.get("Ulimits") or ():
        if entry.get("Name") == limit.name:
            return int(entry.get("Soft", 0)), int(entry.get("Hard", 0))
    return None


def _kernel_ulimit(seen: Observed, limit: Limit) -> Seen:
    """Return the limit with the soft part as declared where a process may move it.

    A process may raise its soft limit up to the hard one; runtimes of languages do.
    """
    pair = (seen.get("rlimits") or {}).get(limit.name)
    if not pair or not isinstance(limit.wanted, tuple):
        return UNKNOWN
    soft, hard = _endless(pair[0]), _endless(pair[1])
    wanted = _endless(limit.wanted[0])
    if wanted <= soft <= hard or limit.name in _SOFT_MAY_FALL:
        return limit.wanted[0], int(pair[1])
    return int(pair[0]), int(pair[1])


def _endless(number: int) -> float:
    return math.inf if number < 0 else number


def _number(name: str) -> Callable[[Mapping[str, Any]], Wanted]:
    """Read a number of inspect in which 0, -1 and nothing say "no limit"."""

    def read(host_config: Mapping[str, Any]) -> Wanted:
        value = int(host_config.get(name) or 0)
        return value if value > 0 else None

    return read


def _value(name: str) -> Callable[[Observed, Limit], Seen]:
    def read(seen: Observed, _limit: Limit) -> Seen:
        values: Mapping[str, Any] = seen.get("values") or {}
        found: Seen = values.get(name, UNKNOWN)
        return found

    return read


def _swap(seen: Observed, _limit: Limit) -> Seen:
    values = seen.get("values") or {}
    if "swap_limit" not in values or "memory_limit" not in values:
        return UNKNOWN
    swap, memory = values["swap_limit"], values["memory_limit"]
    return None if swap is None or memory is None else int(swap + memory)


def _cpus(seen: Observed, _limit: Limit) -> Seen:
    values = seen.get("values") or {}
    if "cpu_quota" not in values or not values.get("cpu_period"):
        return UNKNOWN
    quota = values["cpu_quota"]
    return None if quota is None else float(quota / values["cpu_period"])


def _shares(seen: Observed, limit: Limit) -> Seen:
    values = seen.get("values") or {}
    if "cpu_shares" in values:
        return int(values["cpu_shares"] or 0)
    if "cpu_weight" not in values or not isinstance(limit.wanted, int):
        return UNKNOWN
    weight = int(values["cpu_weight"] or 0)
    return limit.wanted if weight in weights(limit.wanted) else weight


def _reservation(seen: Observed, _limit: Limit) -> Seen:
    return _value("memory_reservation")(seen, _limit)


def _oom_disable(seen: Observed, limit: Limit) -> Seen:
    found = (seen.get("values") or {}).get("oom_kill_disabled")
    if found is None:
        return UNKNOWN if limit.wanted else False
    return bool(found)


def _exact(wanted: Any, seen: Any) -> bool:
    return bool(wanted == seen)


def _paged(wanted: int, seen: int) -> bool:
    """Tell whether two sizes are the same to a page."""
    return abs(wanted - seen) < _LARGEST_PAGE


def _near(wanted: float, seen: float) -> bool:
    return math.isclose(wanted, seen, rel_tol=5e-3, abs_tol=1e-3)


def _same_cpus(wanted: str, seen: str) -> bool:
    return parse_cpuset(wanted) == parse_cpuset(seen)


def _nano_cpus(host_config: Mapping[str, Any]) -> Wanted:
    nano = int(host_config.get("NanoCpus") or 0)
    return nano / 1e9 if nano > 0 else None


_SOURCES = {
    Resource.MEMORY: _Source(_number("Memory"), _value("memory_limit"), _paged),
    Resource.SWAP: _Source(_number("MemorySwap"), _swap, _paged),
    Resource.SWAPPINESS: _Source(
        _number("MemorySwappiness"), _value("swappiness"), _exact
    ),
    Resource.RESERVATION: _Source(_number("MemoryReservation"), _reservation, _paged),
    Resource.CPUS: _Source(_nano_cpus, _cpus, _near),
    Resource.CPU_QUOTA: _Source(_number("CpuQuota"), _value("cpu_quota"), _exact),
    Resource.CPU_PERIOD: _Source(_number("CpuPeriod"), _value("cpu_period"), _exact),
    Resource.CPU_SHARES: _Source(_number("CpuShares"), _shares, _exact),
    Resource.CPUSET: _Source(
        lambda host_config: str(host_config.get("CpusetCpus") or ""),
        _value("cpuset"),
        _same_cpus,
    ),
    Resource.PIDS: _Source(_number("PidsLimit"), _value("pids_limit"), _exact),
    Resource.ULIMIT: _Source(lambda _: None, _kernel_ulimit, _exact),
    Resource.SHM: _Source(
        _number("ShmSize"),
        lambda seen, _: seen.get("shm_bytes") or UNKNOWN,
        _paged,
    ),
    Resource.OOM_SCORE: _Source(
        lambda host_config: int(host_config.get("OomScoreAdj") or 0),
        lambda seen, _: seen.get("oom_score_adj"),
        _exact,
    ),
    Resource.OOM_DISABLE: _Source(
        lambda host_config: bool(host_config.get("OomKillDisable")),
        _oom_disable,
        _exact,
    ),
}
