"""A child process that may come to harm in place of its parent."""

from __future__ import annotations

import ctypes
import os
import select
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
FIRST_VICTIM = 1000
"""The value of oom_score_adj that makes the kernel take this process first."""
LAST_VICTIM = -1000


def fork_child(
    work: Callable[[int], None], *, seconds: float, oom_score_adj: int = FIRST_VICTIM
) -> tuple[int, int]:
    """Start `work` in a child; return its process id and the end of a pipe to read.

    `work` gets the other end. The child ends with it, with its parent, or after
    `seconds`, whichever comes first.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    code = 1
    try:
        os.close(reading)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        _rate(oom_score_adj)
        work(writing)
        code = 0
    except (OSError, ValueError, RuntimeError) as err:
        os.write(writing, f"!{err}".encode())
    finally:
        os._exit(code)


def _rate(oom_score_adj: int) -> None:
    """Set the kernel's preference; to be spared more than now needs a capability."""
    file = Path("/proc/self/oom_score_adj")
    try:
        file.write_text(str(oom_score_adj), "ascii")
    except PermissionError:
        if oom_score_adj > 0:
            raise


def read_line(reading: int, seconds: float) -> str:
    """Return what a child said first, or "" when it ended or said nothing in time.

    Raises:
        ValueError: it said that it failed.
    """
    ready, _, _ = select.select([reading], [], [], seconds)
    text = os.read(reading, 4096).decode("utf-8", "replace") if ready else ""
    if text.startswith("!"):
        raise ValueError(text[1:])
    return text


def end_child(pid: int) -> int:
    """Kill a child if it still runs and return its wait status."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]
