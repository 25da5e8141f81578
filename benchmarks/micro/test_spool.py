"""The spool on a disk: append with a group commit, and read back.

Every commit waits for the disk (`fsync`), so these figures are those of the disk below
the folder of temporary files; `--basetemp DIR` chooses another one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from servicekit.compression import Compressor
from servicekit.wire import Origin, Outcome
from websocket_ingestion.joining import joined
from websocket_ingestion.ledger import Acknowledged, Arrival
from websocket_ingestion.store import Store

pytestmark = pytest.mark.timeout(300)

FRAME_EVENTS = 10
READ_EVENTS = 5_000
READ_BYTES = 8 * 1024 * 1024


def arrivals(payload: bytes, frames: int) -> list[Arrival]:
    """Return frames as they come from the connection."""
    return [Arrival(1, Origin.LIVE, FRAME_EVENTS, payload, 1)] * frames


@pytest.mark.parametrize("frames", [1, 10, 100])
def test_append(
    timed: Callable[..., Any],
    make_frame: Callable[..., bytes],
    tmp_path: Path,
    frames: int,
) -> None:
    """Commit a group of frames; it is on the disk when the call returns."""
    group = arrivals(make_frame(FRAME_EVENTS), frames)
    with closing(Store.open(tmp_path / "spool.db")) as store:
        counters = timed(store.commit, group, events=frames * FRAME_EVENTS, rounds=50)

    assert counters.received == 50 * frames * FRAME_EVENTS


@pytest.mark.parametrize("rows", ["alone", "shared", "compressed"])
def test_append_single_events(
    timed: Callable[..., Any],
    make_frame: Callable[..., bytes],
    tmp_path: Path,
    rows: str,
) -> None:
    """Commit 1,000 frames of one event each, with the work to make rows of them."""
    group = [
        Arrival(1, Origin.LIVE, 1, make_frame(1, first=number), 1)
        for number in range(1000)
    ]
    compress = Compressor()

    def made() -> list[Arrival]:
        shared = group if rows == "alone" else joined(group)
        if rows != "compressed":
            return shared
        return [one._replace(payload=compress(one.payload)) for one in shared]

    with closing(Store.open(tmp_path / "spool.db")) as store:
        counters = timed(lambda: store.commit(made()), events=1000, rounds=20)

    assert counters.received == 20 * 1000


def test_read(
    timed: Callable[..., Any], make_frame: Callable[..., bytes], tmp_path: Path
) -> None:
    """Read what is forwarded together, each row against its checksum."""
    group = arrivals(make_frame(FRAME_EVENTS), READ_EVENTS // FRAME_EVENTS)
    with closing(Store.open(tmp_path / "spool.db")) as store:
        store.commit(group)

        def read() -> Any:
            return store.read(0, max_events=READ_EVENTS, max_bytes=READ_BYTES)

        chunk = timed(read, events=READ_EVENTS)

    assert sum(frame.events for frame in chunk.frames) == READ_EVENTS


@pytest.mark.parametrize("frames", [1, 100])
def test_acknowledge(
    timed: Callable[..., Any],
    make_frame: Callable[..., bytes],
    tmp_path: Path,
    frames: int,
) -> None:
    """Commit a group together with the cursor behind the group before."""
    payload = make_frame(FRAME_EVENTS)
    group = arrivals(payload, frames)
    done = Outcome(frames * FRAME_EVENTS, 0, 0, 0)
    rows = itertools.count(frames, frames)
    with closing(Store.open(tmp_path / "spool.db")) as store:
        store.commit(group)

        def commit() -> Any:
            cursor = Acknowledged(next(rows), done, frames * len(payload))
            return store.commit(group, cursor)

        counters = timed(commit, events=frames * FRAME_EVENTS, rounds=50)

    assert counters.forwarded == 50 * frames * FRAME_EVENTS
