"""The spool as it is seen from outside. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from .gaps import GapTotals
from .ledger import Counters

__all__ = ["SpoolState", "SpoolView"]


class SpoolState(StrEnum):
    """What the spool does with new frames."""

    OPENING = "opening"
    ACCEPTING = "accepting"
    PAUSED = "paused"
    UNWRITABLE = "unwritable"
    CLOSED = "closed"


class SpoolView(NamedTuple):
    """The spool as seen from outside, at one moment; the age is in seconds."""

    state: SpoolState
    counters: Counters
    bytes: int
    limit_bytes: int
    oldest_age_seconds: float
    queued_frames: int
    damaged_frames: int
    commits: int
    gaps: GapTotals = GapTotals()
    retained_bytes: int = 0
    retained_since_us: int | None = None
