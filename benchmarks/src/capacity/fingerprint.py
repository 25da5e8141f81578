"""What the host is: the facts that make two measurements comparable."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from docker import DockerClient
from docker.models.containers import Container

from . import document as doc
from .containers import SERVICE, cores_of
from .names import ADMIN, ENRICHMENT, INGESTION

__all__ = ["environment_of", "fsync_times", "git_of", "percentile", "probe"]

WRITE_BYTES: Final = 2_300
"""One write of the probe: etcd's own recipe for a disk (22 MB of such writes)."""
WRITES: Final = 22_000_000 // WRITE_BYTES
SINGLE: Final = {INGESTION, ENRICHMENT, ADMIN}
"""The Python services: one busy thread each."""


def fsync_times(
    folder: Path,
    seconds: float,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """Return what each write of 2,300 bytes with fdatasync took, sorted.

    It ends after 22 MB, or after the time that is given.
    """
    block = os.urandom(WRITE_BYTES)
    found: list[float] = []
    with tempfile.TemporaryFile(dir=folder) as file:
        number = file.fileno()
        end = clock() + seconds
        before = clock()
        while len(found) < WRITES and before < end:
            os.write(number, block)
            os.fdatasync(number)
            now = clock()
            found.append(now - before)
            before = now
    return sorted(found)


def percentile(ordered: list[float], share: float) -> float:
    """Return the nearest-rank percentile of sorted values, 0 for none (pure)."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def probe(folder: Path, seconds: float) -> tuple[float, float]:
    """Return p50 and p99 of the disk's fsync in seconds."""
    times = fsync_times(folder, seconds)
    return percentile(times, 0.5), percentile(times, 0.99)


def environment_of(
    engine: DockerClient,
    containers: Mapping[str, Container],
    *,
    fsync: tuple[float, float],
    steal: float,
    folder: Path,
    proc: Path = Path("/proc"),
) -> doc.Environment:
    """Return the host and the containers as the report shows them."""
    version = engine.version()
    memory = parse_meminfo((proc / "meminfo").read_text("ascii"))
    services = {name: _service(row) for name, row in sorted(containers.items())}
    cpu = _cpu(proc)
    disk = _disk(folder, fsync, proc)
    facts = {
        "cpu": [cpu.model, cpu.cores],
        "memory": round(memory.get("MemTotal", 0) / 2**30),
        "disk": [disk.type, disk.fs],
        "kernel": platform.release(),
        "cgroup": _cgroup(),
        "docker": version["Version"],
        "limits": {
            name: [row.cpu_limit, row.mem_limit] for name, row in services.items()
        },
    }
    whole = json.dumps(facts, sort_keys=True).encode()
    return doc.Environment(
        cpu=cpu,
        mem_bytes=memory.get("MemTotal", 0) or 1,
        swap=memory.get("SwapTotal", 0),
        disk=disk,
        kernel=platform.release(),
        cgroup=1 if _cgroup() == 1 else 2,
        docker=str(version["Version"]),
        compose=_compose(),
        virt=_virt(proc),
        steal_pct=round(100 * min(1.0, max(0.0, steal)), 3),
        services=services,
        fingerprint_sha=hashlib.sha256(whole).hexdigest(),
    )


def parse_cpuinfo(text: str) -> tuple[str, float | None]:
    """Return model and MHz of the first processor (pure)."""
    rows = {
        key.strip(): value.strip()
        for key, _, value in (line.partition(":") for line in text.splitlines())
        if value.strip()
    }
    model = rows.get("model name") or rows.get("Model") or rows.get("Hardware")
    mhz = rows.get("cpu MHz")
    return model or platform.machine() or "unknown", float(mhz) if mhz else None


def parse_meminfo(text: str) -> dict[str, int]:
    """Return the bytes of each row (pure)."""
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if len(words) == 2 and words[1] == "kB":
            found[name] = int(words[0]) * 1024
    return found


def parse_mount(text: str, folder: str) -> tuple[str, str]:
    """Return device and file system of a folder, by /proc/self/mountinfo (pure)."""
    best = ("", "unknown", "unknown")
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        target, words = left.split()[4], right.split()
        inside = folder == target or folder.startswith(target.rstrip("/") + "/")
        if inside and len(target) >= len(best[0]):
            best = (target, words[1], words[0])
    return best[1], best[2]


def _service(container: Container) -> doc.Service:
    host = container.attrs["HostConfig"]
    labels = container.labels
    tag = str(container.attrs["Config"]["Image"]).rpartition(":")[2]
    single = labels.get(SERVICE) in SINGLE
    return doc.Service(
        image_digest=str(container.attrs["Image"]),
        version=tag or "unknown",
        cpu_limit=cores_of(container),
        mem_limit=host.get("Memory") or None,
        max_cores=1.0 if single else None,
    )


def _cpu(proc: Path) -> doc.Cpu:
    model, mhz = parse_cpuinfo((proc / "cpuinfo").read_text("utf-8", "replace"))
    governor = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    return doc.Cpu(
        model=model,
        cores=os.cpu_count() or 1,
        mhz=mhz,
        governor=governor.read_text("ascii").strip() if governor.exists() else None,
    )


def _disk(folder: Path, fsync: tuple[float, float], proc: Path) -> doc.Disk:
    space = shutil.disk_usage(folder)
    mounts = (proc / "self" / "mountinfo").read_text("utf-8", "replace")
    device, kind = parse_mount(mounts, str(folder.resolve()))
    name = Path(device).name.rstrip("0123456789")
    turning = Path(f"/sys/block/{name}/queue/rotational")
    told = turning.read_text("ascii").strip() if turning.exists() else ""
    names = {"0": "solid state or virtual", "1": "rotating or virtual"}
    return doc.Disk(
        device=Path(device).name or "unknown",
        type=names.get(told, "unknown"),
        fs=kind,
        size=space.total,
        free=space.free,
        fsync_ms=doc.FsyncMs(
            p50=round(1000 * fsync[0], 3), p99=round(1000 * fsync[1], 3)
        ),
    )


def _cgroup() -> int:
    return 2 if Path("/sys/fs/cgroup/cgroup.controllers").exists() else 1


def _virt(proc: Path) -> str:
    text = (proc / "cpuinfo").read_text("utf-8", "replace")
    return "virtual machine" if " hypervisor" in text else "none seen"


def _compose() -> str:
    return _said(["docker", "compose", "version", "--short"]) or "unknown"


def git_of(folder: Path) -> doc.Git:
    """Return the commit that is measured; changes under reports do not count."""
    commit = _said(["git", "-C", str(folder), "rev-parse", "HEAD"])
    changed = _said(
        ["git", "-C", str(folder), "status", "--porcelain", "--", ".", ":!reports"]
    )
    return doc.Git(commit=commit or "unknown", dirty=bool(changed))


def _said(command: list[str]) -> str:
    try:
        done: Any = subprocess.run(
            command, capture_output=True, text=True, timeout=20, check=False
        )
    except OSError:
        return ""
    return str(done.stdout).strip() if done.returncode == 0 else ""
