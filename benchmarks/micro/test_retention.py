"""What it costs to keep forwarded frames: the same work with and without, in turns.

The disk decides, and it has good and bad minutes: read the ratio of neighbours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from servicekit.health import Health
from servicekit.wire import Origin, Outcome
from websocket_ingestion.ledger import Arrival, Counters
from websocket_ingestion.limits import SpoolLimits
from websocket_ingestion.spool import Spool

pytestmark = pytest.mark.timeout(600)

MEBIBYTE = 1024 * 1024
FRAMES = 400
FRAME_BYTES = 50_000
EVENTS = 50
LOT_BYTES = MEBIBYTE


async def passed_through(path: Path, payload: bytes, retain_mib: int) -> Counters:
    """Put frames into a spool, hand them out and acknowledge them all."""
    limits = SpoolLimits(disk_bytes=1024 * MEBIBYTE, retain_bytes=retain_mib * MEBIBYTE)
    spool = Spool(path, Health("benchmark", "0"), limits)
    arrival = Arrival(1, Origin.LIVE, EVENTS, payload, 1)

    async def forward() -> None:
        left = FRAMES * EVENTS
        while left:
            lot = await spool.next_lot(max_events=5_000, max_bytes=LOT_BYTES)
            spool.acknowledge(lot, Outcome(lot.events, 0, 0, 0))
            left -= lot.events

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(spool.run())
        await spool.wait_open()
        forwarding = tasks.create_task(forward())
        for _ in range(FRAMES):
            await spool.put([arrival])
        await forwarding
        await spool.close()
    return spool.view().counters


@pytest.mark.parametrize("retain_mib", [0, 8])
@pytest.mark.parametrize("turn", [1, 2, 3])
def test_large_frames(
    timed: Callable[..., Any],
    make_frame: Callable[..., bytes],
    tmp_path: Path,
    turn: int,
    retain_mib: int,
) -> None:
    """Frames of 50 KB; with 8 MiB of 20 MB kept, old ones make room all the time."""
    payload = make_frame(EVENTS, event_bytes=FRAME_BYTES // EVENTS)
    numbers = iter(range(1_000))

    def fresh() -> tuple[tuple[Path], dict[str, Any]]:
        return (tmp_path / f"{turn}-{next(numbers)}.db",), {}

    def run(path: Path) -> Counters:
        return asyncio.run(passed_through(path, payload, retain_mib))

    counters = timed(run, events=FRAMES * EVENTS, rounds=5, setup=fresh)

    assert counters.forwarded == FRAMES * EVENTS
    # Whole frames make room, so a little less than all of it is kept.
    assert counters.retained_bytes >= (retain_mib - 1) * MEBIBYTE
