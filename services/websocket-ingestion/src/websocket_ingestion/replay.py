"""Handing frames on once more that were acknowledged, as far as they are kept. Pure.

A database that was set back to an earlier point lacks what was acknowledged since. The
copies are new arrivals: they are counted, forwarded and kept like all others.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Mark", "Replay", "ReplayPosition", "begin"]


class Mark(NamedTuple):
    """At `time_us` all rows up to `row` were acknowledged, and at `seen_us` no more.

    `received_us` is not later than the receipt of the first row behind it, unless the
    clock was set back between the two. Times are UTC in microseconds.
    """

    row: int
    time_us: int
    seen_us: int
    received_us: int


class Replay(NamedTuple):
    """A replay that has begun; times are UTC in microseconds.

    Frames that were not acknowledged at `since_us` are handed on again, and those of
    up to a second before. `retained_since_us` is when the oldest kept frame was
    received, None if none is kept. `missing_from_us` is not later than the receipt
    of the first frame that would be needed too and is not kept any more, None if none
    is missing.
    """

    events: int
    frames: int
    since_us: int
    retained_since_us: int | None
    missing_from_us: int | None = None


class ReplayPosition(NamedTuple):
    """How far a replay is: rows before `next_row` are done, `until_row` is the last."""

    next_row: int
    until_row: int


def begin(
    since_us: int, mark: Mark | None, *, kept_row: int, kept_us: int | None
) -> tuple[int, int | None]:
    """Return the first row to hand on again, and `missing_from_us`.

    Args:
        since_us: what is lacking had not been acknowledged at this time.
        mark: the newest one that is not later; without it all that is kept is needed.
        kept_row: the first row that is kept.
        kept_us: when it was received, None if no acknowledged row is kept.
    """
    if mark is None:
        complete = kept_us is not None and kept_us <= since_us
        return kept_row, None if complete else since_us
    if mark.row + 1 >= kept_row:
        return mark.row + 1, None
    times = (since_us, mark.received_us, since_us if kept_us is None else kept_us)
    return kept_row, min(times)
