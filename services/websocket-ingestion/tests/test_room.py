"""How full the spool is, and what has to go for it."""

from __future__ import annotations

import sys

import pytest

from websocket_ingestion.limits import MEBIBYTE, SpoolLimits
from websocket_ingestion.room import Room, is_crowded, prune_of, room_of
from websocket_ingestion.store import NO_PRUNE, Prune

KEEPING = SpoolLimits(disk_bytes=1_000, retain_bytes=300, prune_bytes=50)
LETTING_GO = SpoolLimits(disk_bytes=1_000, retain_bytes=0, prune_bytes=50)
ALL_ROWS = 5_000


@pytest.mark.parametrize(
    ("size", "paused", "room"),
    [
        (799, False, Room.ENOUGH),
        (800, False, Room.LITTLE),
        (999, False, Room.LITTLE),
        (1_000, False, Room.NONE),
        (900, True, Room.NONE),
        (899, True, Room.LITTLE),
        (799, True, Room.ENOUGH),
    ],
)
def test_reading_goes_on_when_a_tenth_is_free(
    size: int,
    paused: bool,  # noqa: FBT001 - of the parameters
    room: Room,
) -> None:
    """It stops at the limit, and a spool that is nearly full says so before."""
    assert room_of(size, limit=1_000, paused=paused) is room


@pytest.mark.parametrize(("size", "crowded"), [(799, False), (800, True)])
def test_kept_frames_leave_a_file_that_fills(
    size: int,
    crowded: bool,  # noqa: FBT001 - of the parameters
) -> None:
    """At the size from which a warning is given."""
    assert is_crowded(size, limit=1_000) is crowded


@pytest.mark.parametrize(
    ("limits", "kept_bytes", "kept_rows", "prune"),
    [
        pytest.param(KEEPING, 349, 9_999, NO_PRUNE, id="kept"),
        pytest.param(KEEPING, 350, 1, Prune(ALL_ROWS, 50, 7), id="more-than-kept"),
        pytest.param(LETTING_GO, 49, 255, NO_PRUNE, id="little"),
        pytest.param(LETTING_GO, 49, 256, Prune(ALL_ROWS, 49, 7), id="many-rows"),
        pytest.param(LETTING_GO, 50, 1, Prune(ALL_ROWS, 50, 7), id="many-bytes"),
        pytest.param(LETTING_GO, 0, 256, NO_PRUNE, id="nothing"),
    ],
)
def test_what_is_more_than_kept_goes(
    limits: SpoolLimits, kept_bytes: int, kept_rows: int, prune: Prune
) -> None:
    """Once it is worth a statement, and never what somebody still needs."""
    assert prune == prune_of(
        limits,
        size=500,
        crowded=False,
        kept_bytes=kept_bytes,
        kept_rows=kept_rows,
        until_row=7,
    )


@pytest.mark.parametrize(
    ("size", "kept_bytes", "gone"), [(850, 100, 50), (850, 400, 100), (700, 100, 1)]
)
def test_a_crowded_file_sheds_what_is_kept(
    size: int, kept_bytes: int, gone: int
) -> None:
    """As much as it is too large, at least something, and whoever still needs it."""
    found = prune_of(
        KEEPING,
        size=size,
        crowded=True,
        kept_bytes=kept_bytes,
        kept_rows=1,
        until_row=7,
    )

    assert found == Prune(ALL_ROWS, gone, sys.maxsize)


def test_one_commit_deletes_a_bounded_part() -> None:
    """16 MiB: the file is not kept busy for long."""
    found = prune_of(
        LETTING_GO, size=0, crowded=False, kept_bytes=99 * MEBIBYTE, kept_rows=1
    )

    assert found.bytes == 16 * MEBIBYTE
