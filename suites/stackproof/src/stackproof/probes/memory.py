"""Allocate past the memory limit of a container and see whom the kernel kills.

Request: {"pid": process id of PID 1 on the host, "limit": bytes, "victim": "probe" or
"container"}. A child of this program joins the container's memory control group and
allocates until the kernel acts, as "probe" at most 64 MiB beyond `limit`. As "probe" it
makes itself the first victim, so the service keeps running. As "container" it makes
PID 1 the first victim, and leaves as soon as something was killed. Refused where it
could hit something else.

Answer: {"oom_kill_before", "oom_kill_after" (null where the kernel does not count),
"allocated_bytes", "usage_before_bytes", "killed": whether the child was, "past_limit":
whether the child got all that it asked for, "seconds"}.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import signal
import struct
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .cgroup import Group, memory_available
from .child import FIRST_VICTIM, LAST_VICTIM, end_child, fork_child

_CHUNK = 2 * 2**20
_BEYOND = 64 * 2**20
_SPARE = 256 * 2**20
_SECONDS = 60.0
_PROGRESS = struct.Struct("qq")


def exhaust(pid: int, limit: int, *, container: bool) -> dict[str, Any]:
    """Allocate until the kernel kills, or until far enough past the limit.

    Raises:
        OSError: the container is gone or its groups cannot be used.
        ValueError: it would not be safe, or would show nothing.
    """
    group = Group(pid)
    usage = group.number("memory", _usage_file(group)) or 0
    refuse(group, limit, usage, container=container)
    before = group.oom_kills()
    board = mmap.mmap(-1, _PROGRESS.size)
    begun = time.monotonic()
    scores = _first_victim(pid) if container else {}
    work = _fill_file if container else _lock_pages
    child, reading = fork_child(
        lambda _pipe: work(group, limit, before, board),
        seconds=_SECONDS,
        oom_score_adj=LAST_VICTIM if container else FIRST_VICTIM,
    )
    try:
        said = os.read(reading, 4096).decode("utf-8", "replace")
        _, status = os.waitpid(child, 0)
    except BaseException:
        end_child(child)
        raise
    finally:
        os.close(reading)
        _restore(scores)
    if said:
        raise ValueError(said.lstrip("!"))
    ended_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if ended_by == signal.SIGALRM:
        raise ValueError(f"no end of allocating after {_SECONDS:g} s")
    allocated, seen = _PROGRESS.unpack(board[:])
    after = seen if container else group.oom_kills()
    return {
        "oom_kill_before": before,
        "oom_kill_after": after,
        "allocated_bytes": allocated,
        "usage_before_bytes": usage,
        "killed": ended_by == signal.SIGKILL,
        "past_limit": allocated >= limit + _BEYOND,
        "seconds": round(time.monotonic() - begun, 3),
    }


def refuse(group: Group, limit: int, usage: int, *, container: bool) -> None:
    """Raise ValueError where the probe could hit something that it should not."""
    free = memory_available(group.proc)
    if limit - usage + _BEYOND + _SPARE > free:
        raise ValueError(
            f"the limit of {limit / 2**20:.0f} MiB is more than this host can spare "
            f"({free / 2**20:.0f} MiB are free): try on a larger host"
        )
    if group.number("memory", "memory.oom.group"):
        raise ValueError("memory.oom.group is set: the kernel would kill all of it")
    if group.rows("memory", "memory.oom_control").get("oom_kill_disable"):
        raise ValueError("oom_kill_disable is set: all of it would hang instead")
    if not container and not comes_first(limit, usage, _others(group)):
        raise ValueError(
            "a process of the container has so high an oom_score_adj that the kernel "
            "could kill it instead of the probe"
        )


def comes_first(limit: int, usage: int, others: Sequence[tuple[int, int]]) -> bool:
    """Tell whether the kernel would kill the probe before any other process (pure).

    Args:
        limit: of the group, in bytes.
        usage: of the group without the probe, in bytes.
        others: resident bytes and oom_score_adj of the processes in it.
    """
    mine = max(limit - usage, 0) + limit
    worst = max((size + limit * score / 1000 for size, score in others), default=0)
    return worst < 0.95 * mine


def _lock_pages(group: Group, limit: int, before: int | None, board: mmap.mmap) -> None:
    """Lock memory inside the group until that ends this process (in the child)."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mlock.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    held = []
    group.join("memory")
    allocated = 0
    while allocated < limit + _BEYOND:
        chunk = mmap.mmap(-1, _CHUNK, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        held.append(chunk)
        address = ctypes.addressof(ctypes.c_char.from_buffer(chunk))
        if libc.mlock(address, _CHUNK):
            # Not allowed to lock: touch, which does as long as nothing is swapped out.
            chunk[:: mmap.PAGESIZE] = b"x" * (_CHUNK // mmap.PAGESIZE)
        allocated += _CHUNK
        board[:] = _PROGRESS.pack(allocated, before or 0)


def _fill_file(group: Group, limit: int, before: int | None, board: mmap.mmap) -> None:
    """Fill a file in memory inside the group until something dies (in the child).

    The group pays for the file and no process owns it, so that the kernel does not
    take this process for the largest one.
    """
    file = os.memfd_create("stackproof")
    data = bytes(_CHUNK)
    group.join("memory")
    allocated, kills = 0, before or 0
    # Twice the limit: half of it may have gone to swap.
    while allocated < 2 * limit + _BEYOND and kills == (before or 0):
        if memory_available() < _SPARE:
            break
        try:
            allocated += os.write(file, data)
        except OSError:
            break
        kills = group.oom_kills() or 0
        board[:] = _PROGRESS.pack(allocated, kills)


def _others(group: Group) -> list[tuple[int, int]]:
    page = os.sysconf("SC_PAGE_SIZE")
    found = []
    for pid in group.processes():
        folder = group.proc / str(pid)
        try:
            resident = int((folder / "statm").read_text("ascii").split()[1])
            score = int((folder / "oom_score_adj").read_text("ascii"))
        except (OSError, IndexError):
            continue
        found.append((resident * page, score))
    return found


def _first_victim(pid: int) -> dict[Path, str]:
    file = Path(f"/proc/{pid}/oom_score_adj")
    was = file.read_text("ascii")
    file.write_text(str(FIRST_VICTIM), "ascii")
    return {file: was}


def _restore(scores: dict[Path, str]) -> None:
    for file, was in scores.items():
        try:
            file.write_text(was, "ascii")
        except OSError:
            continue


def _usage_file(group: Group) -> str:
    first = group.version("memory") == 1
    return "memory.usage_in_bytes" if first else "memory.current"


def main(lines: Iterable[str] = sys.stdin) -> int:
    """Answer one request."""
    request = json.loads("".join(lines))
    container = request.get("victim", "probe") == "container"
    try:
        answer = exhaust(
            int(request["pid"]), int(request["limit"]), container=container
        )
    except (OSError, ValueError) as err:
        sys.stderr.write(f"not shown: {err}\n")
        return 1
    sys.stdout.write(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
