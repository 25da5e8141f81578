"""Restart the engine of this host, as its service manager would.

Asked for {}, it answers {"by": "systemd" or "pid", "seconds": …} when the old daemon
has ended and a new one has been started; the caller waits until that one answers.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

PID_FILE = Path("/var/run/docker.pid")
_SYSTEMD = Path("/run/systemd/system")
_STOP_SECONDS = 120.0


def main() -> int:
    """Restart the engine."""
    json.load(sys.stdin)
    begun = time.monotonic()
    if _SYSTEMD.is_dir():
        subprocess.run(["systemctl", "restart", "docker"], check=True)
        by = "systemd"
    else:
        restart_by_hand(int(PID_FILE.read_text("ascii")))
        by = "pid"
    json.dump({"by": by, "seconds": time.monotonic() - begun}, sys.stdout)
    return 0


def restart_by_hand(pid: int) -> None:
    """Tell a daemon to stop, wait for its end, start the same command again."""
    process = Path(f"/proc/{pid}")
    name = (process / "comm").read_text("ascii").strip()
    if name != "dockerd":
        message = f"{PID_FILE} names process {pid}, which is {name}"
        raise ProcessLookupError(message)
    argv = (process / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    folder = (process / "cwd").readlink()
    log = os.open(process / "fd" / "2", os.O_WRONLY | os.O_APPEND)
    environment = dict(
        pair.split(b"=", 1)
        for pair in (process / "environ").read_bytes().split(b"\0")
        if b"=" in pair
    )
    ended = os.pidfd_open(pid)
    os.kill(pid, signal.SIGTERM)
    if not select.select([ended], [], [], _STOP_SECONDS)[0]:
        message = f"dockerd did not end within {_STOP_SECONDS:g} s of SIGTERM"
        raise TimeoutError(message)
    subprocess.Popen(
        argv,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


if __name__ == "__main__":
    sys.exit(main())
