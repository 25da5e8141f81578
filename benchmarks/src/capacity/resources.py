"""What containers and the host have used, read from the kernel's own files.

Versions 1 and 2 of control groups are both read. What a kernel does not tell is None.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stackproof.probes.cgroup import Group

from .trial import Resources

__all__ = [
    "HostLook",
    "Usage",
    "look_at_container",
    "look_at_host",
    "occupied",
    "parse_pressure",
    "parse_stat",
    "steal_share",
    "used",
]

_PRESSURES: Final = ("cpu", "io", "memory")
_STEAL: Final = 7
_IDLE: Final = (3, 4)
_GUEST: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One look at a container: sums since its start, and the memory of now.

    `memory` is what it cannot give back, so without the cache of files: that one grows
    up to the limit wherever much is written. Pressures are seconds in which some task
    waited.
    """

    container: str
    started: str
    restarts: int
    cpu: float
    throttled: float
    memory: int
    read: int | None
    written: int | None
    oom_kills: int
    pressure: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLook:
    """One look at the host: seconds since its start, over all cores."""

    at: float
    busy: float
    steal: float
    total: float
    pressure: Mapping[str, float]


def look_at_container(
    pid: int,
    container: str,
    *,
    started: str = "",
    restarts: int = 0,
    proc: Path = Path("/proc"),
) -> Usage:
    """Look once at the container whose first process is `pid`.

    Raises:
        OSError: it is gone.
        ValueError: the process is another one.
    """
    group = Group(pid, container=container, proc=proc)
    rows = group.rows("cpu", "cpu.stat")
    throttled = rows.get("throttled_time", 0) / 1e9
    if group.version("cpu") == 2:
        throttled = rows.get("throttled_usec", 0) / 1e6
    memory = group.rows("memory", "memory.stat")
    first = group.version("memory") == 1
    name = "memory.usage_in_bytes" if first else "memory.current"
    read, written = _io(group)
    return Usage(
        container=container,
        started=started,
        restarts=restarts,
        cpu=group.cpu_seconds() or 0.0,
        throttled=throttled,
        memory=occupied(group.number("memory", name) or 0, memory),
        read=read,
        written=written,
        oom_kills=group.oom_kills() or 0,
        pressure={
            kind: seconds
            for kind in _PRESSURES
            if (seconds := parse_pressure(group.text("cpu", f"{kind}.pressure")))
            is not None
        },
    )


def occupied(usage: int, rows: Mapping[str, int]) -> int:
    """Return the bytes of `usage` that are no cache of files, by memory.stat (pure).

    What lies in a tmpfs counts as cache there, and cannot be given back. Names with
    `total_` are those of cgroup v1, with all groups below.
    """
    files = rows.get("total_cache", rows.get("file", 0))
    shared = rows.get("total_shmem", rows.get("shmem", 0))
    return max(0, usage - max(0, files - shared))


def look_at_host(at: float, *, proc: Path = Path("/proc"), tick: int = 100) -> HostLook:
    """Look once at the host; `at` is the time of the look."""
    total, idle, steal = parse_stat((proc / "stat").read_text("ascii"))
    pressure = {}
    for kind in _PRESSURES:
        try:
            text = (proc / "pressure" / kind).read_text("ascii")
        except OSError:
            continue
        if (seconds := parse_pressure(text)) is not None:
            pressure[kind] = seconds
    return HostLook(
        at=at,
        busy=(total - idle - steal) / tick,
        steal=steal / tick,
        total=total / tick,
        pressure=pressure,
    )


def used(
    before: Usage, after: Usage, *, peak: int, seconds: float, queue_slope: float = 0.0
) -> Resources:
    """Return what was used between two looks; one that began anew counts from there.

    `peak` is the most memory that was seen at any look between them.
    """
    again = before.started != after.started or after.cpu < before.cpu
    base = 0.0 if again else before.cpu

    def share(kind: str) -> float | None:
        if kind not in after.pressure or seconds <= 0:
            return None
        since = 0.0 if again else before.pressure.get(kind, 0.0)
        return min(1.0, max(0.0, (after.pressure[kind] - since) / seconds))

    moved = _sum(after.read, after.written)
    moved_before = 0 if again else _sum(before.read, before.written)
    return Resources(
        cpu=after.cpu - base,
        throttled=max(0.0, after.throttled - (0.0 if again else before.throttled)),
        memory_peak=max(peak, after.memory),
        io_bytes=max(0, moved - moved_before),
        cpu_pressure=share("cpu"),
        io_pressure=share("io"),
        memory_pressure=share("memory"),
        restarts=max(int(again), after.restarts - before.restarts),
        oom_kills=max(0, after.oom_kills - (0 if again else before.oom_kills)),
        queue_slope=queue_slope,
    )


def steal_share(before: HostLook, after: HostLook) -> float:
    """Return the share of the host's time that others had between two looks (pure)."""
    whole = after.total - before.total
    return (after.steal - before.steal) / whole if whole > 0 else 0.0


def parse_stat(text: str) -> tuple[int, int, int]:
    """Return the ticks of all, of idle and of stolen time in /proc/stat (pure)."""
    fields = [int(word) for word in text.split("\n", 1)[0].split()[1:]]
    # Time of guests is in that of users already.
    whole = sum(fields[:_GUEST])
    return whole, sum(fields[i] for i in _IDLE), fields[_STEAL]


def parse_pressure(text: str) -> float | None:
    """Return the seconds in which some task waited, None if it is not told (pure)."""
    found = re.search(r"^some .*total=(\d+)", text, re.MULTILINE)
    return int(found[1]) / 1e6 if found else None


def _io(group: Group) -> tuple[int | None, int | None]:
    """Return the bytes read and written."""
    if group.version("blkio") == 1:
        text = group.text("blkio", "blkio.throttle.io_service_bytes")
        if not text:
            return None, None
        rows = [line.split() for line in text.splitlines()]
        return tuple(
            sum(int(row[2]) for row in rows if len(row) == 3 and row[1] == kind)
            for kind in ("Read", "Write")
        )  # type: ignore[return-value]
    text = group.text("io", "io.stat")
    if not text:
        return None, None
    return (
        sum(int(number) for number in re.findall(r"\brbytes=(\d+)", text)),
        sum(int(number) for number in re.findall(r"\bwbytes=(\d+)", text)),
    )


def _sum(read: int | None, written: int | None) -> int:
    return (read or 0) + (written or 0)
