"""Handing frames on once more that were acknowledged, as far as they are kept. Pure.

A database that was set back to an earlier point lacks what was forwarded since. The
copies are new arrivals: they are counted, forwarded and kept like all others.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Replay", "ReplayPosition"]


class Replay(NamedTuple):
    """A replay that has begun; times are UTC in microseconds.

    Frames that were received at or after `since_us` are handed on again.
    `retained_since_us` is when the oldest kept frame was received, None if none is
    kept: what came between `since_us` and that is not in the spool any more.
    """

    events: int
    frames: int
    since_us: int
    retained_since_us: int | None


class ReplayPosition(NamedTuple):
    """How far a replay is: rows before `next_row` are done, `until_row` is the last."""

    since_us: int
    next_row: int
    until_row: int
