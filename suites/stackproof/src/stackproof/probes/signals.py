"""Send a signal to the main process of a container, or to all of its processes.

Request: {"pid": process id of PID 1 on the host, "signal": number, "scope": "main" or
"all"}. Processes are those in the container's control group; where no group tells
containers apart, those in PID 1's own process namespace. Processes outside of a
container are refused. SIGSTOP to all is repeated until every process has stopped.

Answer: {"pids": [...], "stopped": whether all have stopped; for SIGSTOP to all}.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from .cgroup import Group

_ROUNDS = 250
_ROUND_SECONDS = 0.02
# Stopped, traced, zombie, dead: none of these runs any more.
_STILL = frozenset("TtZXx")


def send(
    pid: int,
    number: int,
    *,
    everything: bool,
    kill: Callable[[int, int], None] = os.kill,
    proc: Path = Path("/proc"),
) -> dict[str, Any]:
    """Send the signal and return who got it.

    Raises:
        OSError: the process is gone, or this user may not signal it.
        ValueError: it belongs to no container, or to the one that this runs in.
    """
    members = container_processes(pid, proc)
    if not everything:
        kill(pid, number)
        return {"pids": [pid]}
    reached: list[int] = []
    for _ in range(_ROUNDS):
        moving = [each for each in members() if _state(each, proc) not in _STILL]
        for each in moving if number == signal.SIGSTOP else members():
            try:
                kill(each, number)
            except ProcessLookupError:
                continue
            if each not in reached:
                reached.append(each)
        if number != signal.SIGSTOP:
            return {"pids": reached}
        if not moving:
            return {"pids": reached, "stopped": True}
        select.select([], [], [], _ROUND_SECONDS)
    return {"pids": reached, "stopped": False}


def container_processes(
    pid: int, proc: Path = Path("/proc")
) -> Callable[[], list[int]]:
    """Return a function that lists the processes of the container around `pid`.

    Raises:
        OSError: the process is gone.
        ValueError: it belongs to no container, or to the one that this runs in.
    """
    try:
        return Group(pid, proc=proc).processes
    except ValueError:
        space = str((proc / str(pid) / "ns" / "pid").readlink())
        if space in {_namespace("self", proc), _namespace("1", proc), ""}:
            raise
        return lambda: _sharing(space, pid, proc)


def _sharing(space: str, pid: int, proc: Path) -> list[int]:
    names = [entry.name for entry in proc.iterdir() if entry.name.isdigit()]
    found = [int(name) for name in names if _namespace(name, proc) == space]
    return sorted(found, key=lambda each: (each != pid, each))


def _namespace(name: str, proc: Path) -> str:
    try:
        return str((proc / name / "ns" / "pid").readlink())
    except OSError:
        return ""


def _state(pid: int, proc: Path) -> str:
    try:
        text = (proc / str(pid) / "stat").read_text("utf-8", "replace")
    except OSError:
        return "X"
    return text.rpartition(")")[2].split()[0]


def main(lines: Iterable[str] = sys.stdin) -> int:
    """Answer one request."""
    request = json.loads("".join(lines))
    everything = request.get("scope", "main") == "all"
    try:
        answer = send(
            int(request["pid"]), int(request["signal"]), everything=everything
        )
    except (OSError, ValueError) as err:
        sys.stderr.write(f"not sent: {err}\n")
        return 1
    sys.stdout.write(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
