"""Faults of a real file system: full, read-only, cut off; the spool outlives them all.

Each story runs in a process with mounts of its own (`unshare`), so that nothing has
to be cleaned up, and the disk of the host is not touched.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

PRELUDE = """
import asyncio, json, os, resource, signal, subprocess, sys
from contextlib import suppress
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from conftest import WatchedHealth
from servicekit.wire import Origin, Outcome
from websocket_ingestion.errors import SpoolError
from websocket_ingestion.ledger import Arrival
from websocket_ingestion.limits import SpoolLimits
from websocket_ingestion.spool import Spool

MEBIBYTE = 1024 * 1024
DISK = Path(sys.argv[1])
PATH = DISK / "spool.db"
LIMITS = SpoolLimits(
    disk_bytes=1024 * MEBIBYTE,
    retain_bytes=8 * MEBIBYTE,
    commit_seconds=0.001,
    retry_first_seconds=0.01,
    retry_most_seconds=0.02,
)


def mount(*options):
    subprocess.run(["mount", *options], check=True)


def frames(number, size=256 * 1024):
    return [Arrival(1, Origin.LIVE, 1, os.urandom(size), 7) for _ in range(number)]


async def drain(spool):
    while spool.waiting_events:
        lot = await spool.next_lot(max_events=8, max_bytes=4 * MEBIBYTE)
        spool.acknowledge(lot, Outcome(lot.events, 0, 0, 0))
        await asyncio.sleep(0)


def account(spool):
    counters = spool.view().counters
    return {
        "received": counters.received,
        "written": counters.written,
        "pending": counters.pending,
        "sums": counters.received == counters.forwarded + counters.pending,
        "state": spool.view().state,
    }


async def main():
    health = WatchedHealth()
    spool = Spool(PATH, health, LIMITS, clock=lambda: 100.0)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(spool.run())
        await spool.wait_open()
        found = await story(spool, health)
        await spool.close()
    print(json.dumps(found))
"""


def tell(tmp_path: Path, story: str, *, mounts: bool = True) -> dict[str, Any]:
    """Run a story in a process of its own and return what it has found out."""
    script = f"{PRELUDE}\n{textwrap.dedent(story)}\nasyncio.run(main())"
    apart = ("unshare", "--map-root-user", "--mount") if mounts else ()
    done = subprocess.run(
        [
            *apart,
            *(sys.executable, "-c", script, str(tmp_path), str(Path(__file__).parent)),
        ],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.timeout(60)
def test_a_full_disk(tmp_path: Path) -> None:
    """The backlog drains without room for new frames; these come when there is room.

    1. a disk of 64 MB; another program takes all but 26 MB
    2. frames come until there is no room; the failure is named
    3. everything committed can be forwarded and gives its room back
    4. with room again the frames that waited are stored, none is lost
    """
    found = tell(
        tmp_path,
        """
        mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", str(DISK))
        (DISK / "ballast").write_bytes(bytes(38 * MEBIBYTE))

        async def story(spool, health):
            await spool.put(frames(30))
            with suppress(SpoolError):
                while True:
                    await spool.put(frames(1))
                    await spool.flush()
            detail = await health.until("spool_unwritable")
            early = account(spool)
            await drain(spool)
            waiting = spool.view().queued_frames
            (DISK / "ballast").unlink()
            await health.until("spool_unwritable", there=False)
            await spool.flush()
            await drain(spool)
            await spool.put(frames(1, 1))
            await spool.flush()
            return {"detail": detail, "early": early, "end": account(spool),
                    "waiting": waiting}
        """,
    )

    assert "room on the disk" in found["detail"] or "full" in found["detail"]
    assert found["early"]["state"] == "unwritable"
    assert found["end"]["state"] == "accepting"
    assert found["end"]["sums"]
    assert found["end"]["received"] >= 31
    assert found["end"]["received"] == found["end"]["written"] + 1


@pytest.mark.timeout(60)
def test_a_disk_that_becomes_read_only(tmp_path: Path) -> None:
    """As Linux does after an error of a disk; writable again, it goes on by itself."""
    found = tell(
        tmp_path,
        """
        mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", str(DISK))

        async def story(spool, health):
            await spool.put(frames(4))
            await spool.flush()
            await spool._file._call(spool._file._drop)
            mount("-o", "remount,ro", str(DISK))
            await spool.put(frames(2))
            detail = await health.until("spool_unwritable")
            accepting = spool.accepting
            mount("-o", "remount,rw", str(DISK))
            await health.until("spool_unwritable", there=False)
            await spool.flush()
            await drain(spool)
            await spool.put(frames(1, 1))
            await spool.flush()
            return {"detail": detail, "accepting": accepting, "end": account(spool),
                    "damaged": health.has("spool_damaged")}
        """,
    )

    assert "read" in found["detail"].lower()
    assert found["accepting"] is False
    assert found["damaged"] is False
    assert (found["end"]["received"], found["end"]["written"]) == (7, 6)
    assert found["end"]["sums"]


@pytest.mark.timeout(60)
def test_a_write_that_the_system_refuses(tmp_path: Path) -> None:
    """A file that may not grow (EFBIG) fails in the middle of a commit.

    Nothing of that commit counts, and once it may grow the same frames are stored.
    """
    found = tell(
        tmp_path,
        """
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

        async def story(spool, health):
            await spool.put(frames(2))
            await spool.flush()
            size = max(one.stat().st_size for one in DISK.glob("spool.db-wal"))
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100_000, hard))
            await spool.put(frames(4))
            detail = await health.until("spool_unwritable")
            early = account(spool)
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            await health.until("spool_unwritable", there=False)
            await spool.flush()
            await drain(spool)
            await spool.put(frames(1, 1))
            await spool.flush()
            return {"detail": detail, "early": early, "end": account(spool),
                    "damaged": health.has("spool_damaged")}
        """,
        mounts=False,
    )

    assert "SQLITE_" in found["detail"]
    assert (found["early"]["received"], found["early"]["state"]) == (2, "unwritable")
    assert (found["end"]["received"], found["end"]["written"]) == (7, 6)
    assert found["end"]["sums"]
    assert found["damaged"] is False
