"""Start threads in the pids control group of a container until the kernel refuses.

Request: {"pid": process id of PID 1 on the host, "limit": number}. A child of this
program joins the group and starts at most `limit` + 8 threads; the kernel counts each
as one. They all end at once, a moment later.

Answer: {"started": number, "refused": whether the kernel said no, "usage_before",
"max_before" and "max_after" (how often the group's limit was hit; null where the kernel
does not count)}.
"""

from __future__ import annotations

import _thread
import json
import os
import sys
import threading
from collections.abc import Iterable
from typing import Any

from .cgroup import Group
from .child import end_child, fork_child, read_line

_BEYOND = 8
_SECONDS = 20.0
_STACK = 64 * 2**10


def fill(pid: int, limit: int) -> dict[str, Any]:
    """Use up the group's share of processes for a moment.

    Raises:
        OSError: the container is gone or its groups cannot be used.
        ValueError: the child did not come back with an answer.
    """
    group = Group(pid)
    usage = group.number("pids", "pids.current")
    before = group.rows("pids", "pids.events").get("max")
    child, reading = fork_child(
        lambda pipe: _start_threads(group, limit + _BEYOND, pipe), seconds=_SECONDS
    )
    try:
        said = read_line(reading, _SECONDS)
    finally:
        end_child(child)
        os.close(reading)
    if not said:
        raise ValueError("the process that was to start threads ended before")
    started, refused = json.loads(said)
    return {
        "started": started,
        "refused": refused,
        "usage_before": usage,
        "max_before": before,
        "max_after": group.rows("pids", "pids.events").get("max"),
    }


def _start_threads(group: Group, count: int, pipe: int) -> None:
    """Start threads that wait; they end with this process (in the child)."""
    threading.stack_size(_STACK)
    gate = _thread.allocate_lock()
    gate.acquire()
    group.join("pids")
    started, refused = 0, False
    while started < count and not refused:
        try:
            _thread.start_new_thread(gate.acquire, ())
        except RuntimeError:
            refused = True
        else:
            started += 1
    os.write(pipe, json.dumps([started, refused]).encode())


def main(lines: Iterable[str] = sys.stdin) -> int:
    """Answer one request."""
    request = json.loads("".join(lines))
    try:
        answer = fill(int(request["pid"]), int(request["limit"]))
    except (OSError, ValueError) as err:
        sys.stderr.write(f"not counted: {err}\n")
        return 1
    sys.stdout.write(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
