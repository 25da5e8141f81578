"""What this container uses and may use, from cgroup v1 or v2."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Resources", "read_resources", "resident_bytes"]

_UNLIMITED: Final = 1 << 60
"""cgroup v1 has no word for "no limit": it shows a number near 2**63."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Usage and limits of the container; a limit that is not set is None.

    Memory is without the page cache that the kernel could drop at once
    (inactive_file), as `docker stats` shows it. Times are seconds of CPU.
    """

    memory_bytes: int
    memory_limit_bytes: int | None
    cpu_seconds: float
    cpu_limit_cores: float | None
    throttled_seconds: float
    pids: int


def read_resources(
    root: Path = Path("/sys/fs/cgroup"), proc: Path = Path("/proc")
) -> Resources:
    """Return the resources of the cgroup that this process is in.

    A number that the kernel does not show (no cgroup mounted, or the root
    group) is taken from the process itself. Never raises.
    """
    if (root / "cgroup.controllers").exists():
        return _read_v2(_group(root, proc, ""), proc)
    return _read_v1(root, proc)


def resident_bytes(proc: Path = Path("/proc")) -> int:
    """Return the resident memory of this process in bytes, 0 if not shown."""
    fields = _text(proc / "self" / "statm").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 1 else 0


def _read_v2(group: Path, proc: Path) -> Resources:
    cpu = _table(group / "cpu.stat")
    quota, _, period = _text(group / "cpu.max").partition(" ")
    return Resources(
        memory_bytes=_memory(group / "memory.current", group, "inactive_file", proc),
        memory_limit_bytes=_limit(group / "memory.max"),
        cpu_seconds=cpu["usage_usec"] / 1e6 if "usage_usec" in cpu else _own_cpu(),
        cpu_limit_cores=_cores(quota, period),
        throttled_seconds=cpu.get("throttled_usec", 0) / 1e6,
        pids=_number(group / "pids.current", 1),
    )


def _read_v1(root: Path, proc: Path) -> Resources:
    memory = _group(root, proc, "memory")
    cpu = _group(root, proc, "cpu")
    used = _number(_group(root, proc, "cpuacct") / "cpuacct.usage", -1)
    usage = memory / "memory.usage_in_bytes"
    throttled = _table(cpu / "cpu.stat").get("throttled_time", 0)
    return Resources(
        memory_bytes=_memory(usage, memory, "total_inactive_file", proc),
        memory_limit_bytes=_limit(memory / "memory.limit_in_bytes"),
        cpu_seconds=used / 1e9 if used >= 0 else _own_cpu(),
        cpu_limit_cores=_cores(
            _text(cpu / "cpu.cfs_quota_us"), _text(cpu / "cpu.cfs_period_us")
        ),
        throttled_seconds=throttled / 1e9,
        pids=_number(_group(root, proc, "pids") / "pids.current", 1),
    )


def _group(root: Path, proc: Path, controller: str) -> Path:
    """Return the folder of our own group for a controller ("" is v2's one tree).

    In a container the own group is mounted as the root; on a bare host it is the
    path in /proc/self/cgroup below the root.
    """
    base = root / controller if controller else root
    for line in _text(proc / "self" / "cgroup").splitlines():
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        below = base / path.strip("/")
        if controller in names.split(",") and below.is_dir():
            return below
    return base


def _memory(usage: Path, group: Path, inactive: str, proc: Path) -> int:
    used = _number(usage, -1)
    if used < 0:
        return resident_bytes(proc)
    return max(0, used - _table(group / "memory.stat").get(inactive, 0))


def _limit(path: Path) -> int | None:
    limit = _number(path, _UNLIMITED)
    return limit if limit < _UNLIMITED else None


def _cores(quota: str, period: str) -> float | None:
    if not quota.isdigit() or not period.isdigit() or int(period) == 0:
        return None
    return int(quota) / int(period)


def _own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _table(path: Path) -> dict[str, int]:
    rows = (line.partition(" ") for line in _text(path).splitlines())
    return {name: int(number) for name, _, number in rows if number.isdigit()}


def _number(path: Path, absent: int) -> int:
    text = _text(path)
    return int(text) if text.isdigit() else absent


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
