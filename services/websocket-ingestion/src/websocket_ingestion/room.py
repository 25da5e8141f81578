"""How full the spool is, and which kept frames have to go for it. Pure."""

from __future__ import annotations

import sys
from enum import Enum, auto
from typing import Final

from .limits import MEBIBYTE, SpoolLimits
from .store import NO_PRUNE, Prune

__all__ = ["MOST", "Room", "is_crowded", "prune_of", "room_of"]

_RESUME_AT: Final = 0.9
_WARN_AT: Final = 0.8
_SHED_AT: Final = 0.8
_PRUNE_ROWS: Final = 256
MOST: Final = Prune(5000, 16 * MEBIBYTE)
"""What may go at once: more would keep new frames waiting."""


class Room(Enum):
    """How much of it there is for new frames."""

    ENOUGH = auto()
    LITTLE = auto()
    NONE = auto()


def room_of(size: int, *, limit: int, paused: bool) -> Room:
    """Return how much room is left.

    Args:
        size: bytes of the file, without frames that are only kept for a replay: they
            go before it is full.
        limit: the bytes at which reading pauses.
        paused: it has, and goes on when a tenth is free again.
    """
    if size >= limit or (paused and size >= _RESUME_AT * limit):
        return Room.NONE
    return Room.LITTLE if size >= _WARN_AT * limit else Room.ENOUGH


def is_crowded(size: int, *, limit: int) -> bool:
    """True for a file, in bytes with all it has, that kept frames have to leave."""
    return size >= _SHED_AT * limit


def prune_of(
    limits: SpoolLimits,
    *,
    size: int,
    crowded: bool,
    kept_bytes: int,
    kept_rows: int,
    until_row: int = sys.maxsize,
) -> Prune:
    """Return what of the acknowledged frames the next commit should delete.

    Args:
        limits: of them, `disk_bytes`, `retain_bytes` and `prune_bytes`.
        size: bytes of the file.
        crowded: kept frames have to go, whoever still needs them.
        kept_bytes: of the acknowledged frames in the file.
        kept_rows: how many they are.
        until_row: the last one that nobody needs any more.
    """
    excess = kept_bytes - limits.retain_bytes
    if crowded:
        shed = size - int(_SHED_AT * limits.disk_bytes)
        return Prune(MOST.rows, min(max(excess, shed, 1), MOST.bytes))
    many = kept_rows >= _PRUNE_ROWS and not limits.retain_bytes
    if excess <= 0 or not (many or excess >= limits.prune_bytes):
        return NO_PRUNE
    return Prune(MOST.rows, min(excess, MOST.bytes), until_row)
