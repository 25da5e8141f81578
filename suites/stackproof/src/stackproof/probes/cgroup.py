"""The limits that the kernel keeps for containers; nothing is changed.

Request: {"containers": [{"pid": process id of PID 1 on the host, "id": container id}]}.

Answer: {"containers": {id: {...}}, "host_cpus": …, "memory_available": …}. Each
container has `version` (1 or 2, of its memory controller), `values` (what its files
say, None for no limit: `memory_limit`, `memory_peak`, `memory_usage`, `memory_cache`,
`memory_reservation`, `swap_limit` (without memory), `swappiness`, `oom_kills`,
`oom_kill_disabled`, `oom_group`, `cpu_quota`, `cpu_period`, `cpu_shares`, `cpu_weight`,
`cpuset`, `pids_limit`, `pids_usage`, `pids_peak`), `rlimits` (name to soft and hard),
`oom_score_adj` and `shm_bytes`. What the kernel does not tell is left out. A container
that cannot be read has `error` alone.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .process import parse_cgroups, parse_mounts

_ID = re.compile(r"[0-9a-f]{64}")
# Numbers from about here on are how version 1 says "no limit".
_HUGE = 2**62
_ENDLESS = {"max", "-1"}
_RLIMITS = {
    "Max address space": "as",
    "Max core file size": "core",
    "Max cpu time": "cpu",
    "Max data size": "data",
    "Max file locks": "locks",
    "Max file size": "fsize",
    "Max locked memory": "memlock",
    "Max msgqueue size": "msgqueue",
    "Max nice priority": "nice",
    "Max open files": "nofile",
    "Max pending signals": "sigpending",
    "Max processes": "nproc",
    "Max realtime priority": "rtprio",
    "Max realtime timeout": "rttime",
    "Max resident set": "rss",
    "Max stack size": "stack",
}
# Fact to the file of version 1: single numbers only.
_FILES_1 = {
    "memory_limit": ("memory", "memory.limit_in_bytes"),
    "memory_peak": ("memory", "memory.max_usage_in_bytes"),
    "memory_usage": ("memory", "memory.usage_in_bytes"),
    "memory_reservation": ("memory", "memory.soft_limit_in_bytes"),
    "memsw_limit": ("memory", "memory.memsw.limit_in_bytes"),
    "swappiness": ("memory", "memory.swappiness"),
    "cpu_quota": ("cpu", "cpu.cfs_quota_us"),
    "cpu_period": ("cpu", "cpu.cfs_period_us"),
    "cpu_shares": ("cpu", "cpu.shares"),
    "pids_limit": ("pids", "pids.max"),
    "pids_usage": ("pids", "pids.current"),
    "pids_peak": ("pids", "pids.peak"),
}
_FILES_2 = {
    "memory_limit": ("memory", "memory.max"),
    "memory_peak": ("memory", "memory.peak"),
    "memory_usage": ("memory", "memory.current"),
    "memory_reservation": ("memory", "memory.low"),
    "swap_limit": ("memory", "memory.swap.max"),
    "oom_group": ("memory", "memory.oom.group"),
    "cpu_weight": ("cpu", "cpu.weight"),
    "pids_limit": ("pids", "pids.max"),
    "pids_usage": ("pids", "pids.current"),
    "pids_peak": ("pids", "pids.peak"),
}


class Group:
    """The control group of one container in every hierarchy."""

    def __init__(
        self, pid: int, *, container: str | None = None, proc: Path = Path("/proc")
    ) -> None:
        """Find it.

        Raises:
            OSError: the process is gone.
            ValueError: it is in no container's group, in another one than expected, or
                in the one that this program runs in.
        """
        self.pid = pid
        self.proc = proc
        self._mounts = parse_mounts(_text(proc / "self" / "mountinfo"))
        mine = parse_cgroups((proc / str(pid) / "cgroup").read_text("utf-8", "replace"))
        self._paths = {name: _scope(path) for name, path in mine.items()}
        found = {name: path for name, path in self._paths.items() if path}
        if not found:
            raise ValueError(f"process {pid} is in no container's control group")
        own = parse_cgroups(_text(proc / "self" / "cgroup"))
        if any(own.get(name, "").startswith(str(path)) for name, path in found.items()):
            raise ValueError(f"process {pid} is in the container that asks")
        if container and not any(container in str(path) for path in found.values()):
            raise ValueError(f"process {pid} does not belong to {container[:12]}")

    def version(self, controller: str) -> int:
        """Return which version of control groups has a controller."""
        return 1 if controller in self._paths and controller else 2

    def folder(self, controller: str) -> Path:
        """Return the container's folder for a controller.

        Raises:
            FileNotFoundError: it is not mounted here, or gone.
        """
        first = self.version(controller) == 1
        path = self._paths.get(controller if first else "")
        for mount in reversed(self._mounts):
            options = mount["super_options"] if first else [""]
            fits = mount["type"] == ("cgroup" if first else "cgroup2")
            if not path or not fits or (controller if first else "") not in options:
                continue
            if not f"{path}/".startswith(f"{mount['root'].rstrip('/')}/"):
                continue
            below = path[len(mount["root"].rstrip("/")) :].lstrip("/")
            folder = Path(mount["target"]) / below
            if folder.is_dir():
                return folder
        raise FileNotFoundError(f"no {controller} control group of process {self.pid}")

    def processes(self) -> list[int]:
        """Return the ids of all processes of the container, PID 1 first."""
        found: set[int] = set()
        for controller in [name for name, path in self._paths.items() if path]:
            try:
                top = self.folder(controller)
            except FileNotFoundError:
                continue
            for folder, _, files in os.walk(top):
                if "cgroup.procs" in files:
                    text = _text(Path(folder) / "cgroup.procs")
                    found.update(int(word) for word in text.split())
            break
        found.discard(0)
        return sorted(found, key=lambda pid: (pid != self.pid, pid))

    def join(self, *controllers: str) -> None:
        """Move the calling process into the group."""
        for controller in controllers:
            (self.folder(controller) / "cgroup.procs").write_text(str(os.getpid()))

    def rows(self, controller: str, file: str) -> dict[str, int]:
        """Return a file of "name number" lines; empty where there is none."""
        return parse_rows(self.text(controller, file))

    def text(self, controller: str, file: str) -> str:
        """Return a file's text, "" where there is none."""
        try:
            return _text(self.folder(controller) / file)
        except FileNotFoundError:
            return ""

    def number(self, controller: str, file: str) -> int | None:
        """Return a file's number; None stands for no limit."""
        return parse_number(self.text(controller, file))

    def oom_kills(self) -> int | None:
        """Return how often the kernel killed for this group's memory limit."""
        file = "oom_control" if self.version("memory") == 1 else "events"
        return self.rows("memory", f"memory.{file}").get("oom_kill")

    def cpu_seconds(self) -> float | None:
        """Return the CPU time that the group has used."""
        if self.version("cpu") == 1:
            text = self.text("cpuacct", "cpuacct.usage").strip()
            return int(text) / 1e9 if text else None
        used = self.rows("cpu", "cpu.stat").get("usage_usec")
        return None if used is None else used / 1e6


def observe(
    pid: int, container: str | None = None, proc: Path = Path("/proc")
) -> dict[str, Any]:
    """Return what is known about the container whose PID 1 is `pid`."""
    group = Group(pid, container=container, proc=proc)
    version = group.version("memory")
    files = _FILES_1 if version == 1 else _FILES_2
    values: dict[str, Any] = {}
    for name, (controller, file) in files.items():
        text = group.text(controller, file)
        if text.strip():
            values[name] = parse_number(text)
    stat = group.rows("memory", "memory.stat")
    prefix = "total_" if "total_inactive_file" in stat else ""
    values["memory_cache"] = sum(
        stat.get(f"{prefix}{name}_file", 0) for name in ("active", "inactive")
    )
    if (kills := group.oom_kills()) is not None:
        values["oom_kills"] = kills
    if version == 1:
        control = group.rows("memory", "memory.oom_control")
        values["oom_kill_disabled"] = bool(control.get("oom_kill_disable"))
        if "memsw_limit" in values:
            values["swap_limit"] = _beyond(values.pop("memsw_limit"), values)
    elif words := group.text("cpu", "cpu.max").split():
        values["cpu_quota"] = parse_number(words[0])
        values["cpu_period"] = int(words[1])
    if sets := group.text("cpuset", "cpuset.cpus").strip():
        values["cpuset"] = sets
    score = _text(proc / str(pid) / "oom_score_adj").strip()
    mounts = parse_mounts(_text(proc / str(pid) / "mountinfo"))
    return {
        "version": version,
        "values": values,
        "rlimits": parse_rlimits(_text(proc / str(pid) / "limits")),
        "oom_score_adj": int(score) if score else None,
        "shm_bytes": shm_bytes(mounts),
    }


def parse_number(text: str) -> int | None:
    """Return a limit, None for "no limit" in any of its forms (pure)."""
    word = text.strip()
    if not word or word in _ENDLESS:
        return None
    number = int(word)
    return None if number >= _HUGE else number


def parse_rows(text: str) -> dict[str, int]:
    """Return a file of "name number" lines (pure)."""
    rows = (line.split() for line in text.splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}


def parse_rlimits(text: str) -> dict[str, list[int]]:
    """Return name to soft and hard limit, -1 for none, of /proc/PID/limits (pure)."""
    found = {}
    for line in text.splitlines():
        title, words = line[:26].strip(), line[26:].split()
        if title in _RLIMITS and len(words) >= 2:
            pair = [-1 if word == "unlimited" else int(word) for word in words[:2]]
            found[_RLIMITS[title]] = pair
    return found


def shm_bytes(mounts: Iterable[Mapping[str, Any]]) -> int | None:
    """Return the size of /dev/shm among the mounts of a process (pure)."""
    size = None
    units = {"k": 2**10, "m": 2**20, "g": 2**30}
    for mount in mounts:
        if mount["target"] == "/dev/shm" and mount["type"] == "tmpfs":  # noqa: S108
            for option in mount["super_options"]:
                name, _, value = option.partition("=")
                if name == "size" and value:
                    unit = units.get(value[-1].lower(), 1)
                    size = int(value.rstrip("kKmMgG")) * unit
    return size


def memory_available(proc: Path = Path("/proc")) -> int:
    """Return the memory of the host that can be had without swapping, in bytes."""
    text = _text(proc / "meminfo").replace(" kB", "")
    rows = parse_rows(text.replace(":", " "))
    return rows.get("MemAvailable", 0) * 1024


def _beyond(memsw: int | None, values: Mapping[str, Any]) -> int | None:
    memory = values.get("memory_limit")
    return None if memsw is None or memory is None else memsw - memory


def _scope(path: str) -> str | None:
    """Return the part of a path that ends with the innermost container id (pure)."""
    parts = path.split("/")
    deep = [number for number, part in enumerate(parts) if _ID.search(part)]
    return "/".join(parts[: deep[-1] + 1]) if deep else None


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def main(lines: Iterable[str] = sys.stdin) -> int:
    """Answer one request."""
    request = json.loads("".join(lines))
    found: dict[str, Any] = {}
    for asked in request["containers"]:
        try:
            found[asked["id"]] = observe(int(asked["pid"]), asked["id"])
        except (OSError, ValueError) as err:
            found[asked["id"]] = {"error": str(err)}
    answer = {
        "containers": found,
        "host_cpus": os.cpu_count(),
        "memory_available": memory_available(),
    }
    sys.stdout.write(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
