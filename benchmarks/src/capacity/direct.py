"""Lines written past the services over one connection, and until the database rests."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from stackproof import wait_until
from stackproof.errors import WaitTimeout
from stackproof.wait import Clock

from .database import Database
from .kept import Direct
from .lines import Lines

__all__ = ["await_rest", "write_for", "write_points"]

BATCH_LINES: Final = 5_000
"""InfluxDB's best batch size, by its own guide."""
ROUND_BATCHES: Final = 40
"""Batches that are made before the clock goes on: about 60 MB of memory."""
_CALM_LOOKS: Final = 3
_LOOK_EVERY: Final = 1.0


def write_for(
    database: Database,
    lines: Lines,
    *,
    settle: float,
    seconds: float,
    clock: Clock,
    cpu: Callable[[], float] = time.process_time,
) -> Direct:
    """Write for so many seconds, after `settle` seconds that are thrown away.

    Batches are made before the clock goes on: what is measured is the database, and
    one client that does nothing but send.

    Raises:
        BadAnswer: the database does not take them.
    """
    first = 0
    warmed = _Sum()
    while warmed.seconds < settle:
        first = _round(database, lines, first, warmed, settle, clock, cpu)
    whole = _Sum()
    while whole.seconds < seconds:
        first = _round(database, lines, first, whole, seconds, clock, cpu)
    return Direct(
        lines=whole.lines,
        settled=warmed.lines,
        size=whole.size,
        seconds=whole.seconds,
        batch=BATCH_LINES,
        cpu=whole.cpu,
    )


def write_points(database: Database, lines: Lines, count: int) -> None:
    """Write so many points.

    Raises:
        BadAnswer: the database does not take them.
    """
    for first in range(0, count, BATCH_LINES):
        database.write(lines.batch(first, min(BATCH_LINES, count - first)))


def await_rest(database: Database, *, seconds: float, clock: Clock) -> bool:
    """Wait until no compaction has run for three looks; False if it takes longer.

    Raises:
        BadAnswer: the database does not tell.
    """
    calm = 0

    def look() -> int:
        nonlocal calm
        calm = 0 if database.files().compacting else calm + 1
        return calm

    with suppress(WaitTimeout):
        wait_until(
            look,
            lambda seen: seen >= _CALM_LOOKS,
            timeout=seconds,
            every=_LOOK_EVERY,
            clock=clock,
        )
    return calm >= _CALM_LOOKS


class _Sum:
    """What was written so far, and in which time."""

    __slots__ = ("cpu", "lines", "seconds", "size")

    def __init__(self) -> None:
        self.lines = 0
        self.size = 0
        self.seconds = 0.0
        self.cpu = 0.0


def _round(
    database: Database,
    lines: Lines,
    first: int,
    whole: _Sum,
    enough: float,
    clock: Clock,
    cpu: Callable[[], float],
) -> int:
    """Make batches, then write them until it is enough; return the next line."""
    batches = [
        lines.batch(first + place * BATCH_LINES, BATCH_LINES)
        for place in range(ROUND_BATCHES)
    ]
    began, used = clock.monotonic(), cpu()
    before = whole.seconds
    for body in batches:
        database.write(body)
        whole.lines += BATCH_LINES
        whole.size += len(body)
        first += BATCH_LINES
        whole.seconds = before + clock.monotonic() - began
        if whole.seconds >= enough:
            break
    whole.cpu += cpu() - used
    return first
