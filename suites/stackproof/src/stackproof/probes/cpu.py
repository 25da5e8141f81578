"""Burn CPU in the control group of a container and measure how much the kernel gives.

Request: {"pid": process id of PID 1 on the host, "burners": number of processes,
"seconds": length of the measurement}.

Answer: {"seconds": measured time, "cpu_seconds": CPU time of the whole group in it,
"throttled": number of periods in which the kernel held the group back (null where it
does not count)}.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections.abc import Iterable
from typing import Any

from .cgroup import Group
from .child import end_child, fork_child, read_line

_JOIN_SECONDS = 10.0


def burn(pid: int, burners: int, seconds: float) -> dict[str, Any]:
    """Load the group with processes that do nothing but count.

    Raises:
        OSError: the container is gone or its groups cannot be used.
        ValueError: the kernel does not tell the CPU time of the group.
    """
    group = Group(pid)
    joined = ("cpu", "cpuacct") if group.version("cpu") == 1 else ("cpu",)

    def work(pipe: int) -> None:
        group.join(*joined)
        os.write(pipe, b"joined")
        while True:
            sum(range(10_000))

    started: list[tuple[int, int]] = []
    try:
        for _ in range(burners):
            forked = fork_child(work, seconds=2 * _JOIN_SECONDS + seconds)
            started.append(forked)
        for _, reading in started:
            if not read_line(reading, _JOIN_SECONDS):
                raise ValueError("a process could not be placed into the control group")
        return _measure(group, seconds)
    finally:
        for child, reading in started:
            end_child(child)
            os.close(reading)


def _measure(group: Group, seconds: float) -> dict[str, Any]:
    used, throttled, begun = _now(group)
    select.select([], [], [], seconds)
    used_after, throttled_after, ended = _now(group)
    if used is None or used_after is None:
        raise ValueError("the kernel does not tell the CPU time of the group")
    known = throttled is not None and throttled_after is not None
    return {
        "seconds": ended - begun,
        "cpu_seconds": used_after - used,
        "throttled": (throttled_after or 0) - (throttled or 0) if known else None,
    }


def _now(group: Group) -> tuple[float | None, int | None, float]:
    rows = group.rows("cpu", "cpu.stat")
    return group.cpu_seconds(), rows.get("nr_throttled"), time.monotonic()


def main(lines: Iterable[str] = sys.stdin) -> int:
    """Answer one request."""
    request = json.loads("".join(lines))
    try:
        answer = burn(
            int(request["pid"]), int(request["burners"]), float(request["seconds"])
        )
    except (OSError, ValueError) as err:
        sys.stderr.write(f"not measured: {err}\n")
        return 1
    sys.stdout.write(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
