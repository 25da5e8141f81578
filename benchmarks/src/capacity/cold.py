"""What a point takes on the disk when it is just written, and when it is compacted."""

from __future__ import annotations

from typing import Final

from stackproof import wait_until
from stackproof.errors import WaitTimeout
from stackproof.wait import Clock

from .database import Database, Files
from .direct import write_points
from .errors import BadAnswer
from .kept import Cold
from .lines import Lines

__all__ = ["COLD_SECONDS", "measure_cold"]

COLD_SECONDS: Final = 10.0
"""Without writes for so long, a shard of the throw-away database is compacted whole."""
_FLAT_SECONDS: Final = 25.0
"""Longer than `COLD_SECONDS`, so that what is still to come is not taken for over."""
_EVERY: Final = 2.0


def measure_cold(
    database: Database, lines: Lines, *, points: int, seconds: float, clock: Clock
) -> Cold:
    """Write points of the past, wait until they are compacted, and tell their size.

    Raises:
        BadAnswer: the database does not take them, or they are not compacted in time.
    """
    before = database.files()
    write_points(database, lines, points)
    hot = database.files()
    began = since = clock.monotonic()
    last: Files | None = None

    def flat_for() -> float:
        nonlocal last, since
        now = database.files()
        if now != last or now.compacting or not now.data:
            last, since = now, clock.monotonic()
        return clock.monotonic() - since

    try:
        wait_until(
            flat_for,
            lambda flat: flat >= _FLAT_SECONDS,
            timeout=seconds,
            every=_EVERY,
            clock=clock,
        )
    except WaitTimeout as err:
        raise BadAnswer(
            "the throw-away database", f"still compacts after {seconds:g} s"
        ) from err
    after = database.files()
    return Cold(
        points=points,
        hot=max(0, hot.data + hot.log - before.data - before.log),
        cold=max(0, after.data + after.log - before.data - before.log),
        seconds=clock.monotonic() - began,
    )
