"""How far the cursor was at which time: from there a replay begins.

A database that was set back to a time lacks what was not acknowledged then. When it
was received says nothing about that: in an outage hours lie between the two.

Blocking, part of the store: the caller brings the connection, owns the
transaction and translates the errors.
"""

from __future__ import annotations

import sqlite3
import sys
import zlib
from contextlib import closing
from typing import Any, Final

from .replay import Mark

__all__ = ["MARKS_SCHEMA", "Marks"]

_EVERY_US: Final = 1_000_000
_HOUR_US: Final = 3_600_000_000
_OLDEST_US: Final = 10 * 24 * _HOUR_US
"""So far back goes Home Assistant's history by default: older marks serve nothing."""

MARKS_SCHEMA: Final = """
    CREATE TABLE marks (
        row INTEGER PRIMARY KEY,
        time_us INTEGER NOT NULL,
        seen_us INTEGER NOT NULL,
        received_us INTEGER NOT NULL,
        crc32 INTEGER NOT NULL
    );
"""


class Marks:
    """Reads and writes the marks on an open connection.

    Their times only rise: while a clock that was set back shows again what it showed
    before, there are no new marks, so that a time means the first moment at which it
    was shown.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._run = connection.execute
        self._last: Mark | None = None

    def load(self) -> None:
        """Go on behind the marks that are in the file."""
        self._last = self.at(sys.maxsize)

    def due(self, now_us: int) -> bool:
        """Return whether it is time for a mark: one a second, by a clock that rises."""
        return now_us >= (self._last.seen_us + _EVERY_US if self._last else 1)

    def write(self, row: int, now_us: int) -> None:
        """Note that the cursor is at this row now.

        Called before the frames up to it are pruned. If the commit fails, the mark
        that is remembered is still true: the row was acknowledged.
        """
        last = self._last
        if last is not None and last.row == row:
            mark = last._replace(seen_us=now_us)
        else:
            mark = Mark(row, now_us, now_us, self._received_us(row, now_us))
        self._run(
            "INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?, ?)",
            (*mark, _checksum(mark)),
        )
        self._last = mark

    def _received_us(self, row: int, now_us: int) -> int:
        """Return when the row was received, or the next one if it is gone."""
        found = self._run(
            "SELECT received_us FROM frames WHERE row >= ? ORDER BY row LIMIT 1", (row,)
        ).fetchone()
        received_us = found[0] if found else now_us
        return min(now_us, received_us) if isinstance(received_us, int) else 0

    def at(self, time_us: int) -> Mark | None:
        """Return the newest mark that is not later than this; None if none is kept.

        A damaged one is passed over: the one before it only covers more.
        """
        rows = self._run(
            "SELECT row, time_us, seen_us, received_us, crc32 FROM marks"
            " WHERE time_us <= ? ORDER BY row DESC",
            (time_us,),
        )
        with closing(rows):
            return next((mark for row in rows if (mark := _read(row))), None)

    def prune(self, first_row: int, now_us: int) -> None:
        """Drop marks of rows that are gone; `first_row` is the first that is kept.

        The newest of them stays, for what is kept behind it, and one an hour: they
        tell where a gap begins.
        """
        (newest,) = self._run(
            "SELECT max(row) FROM marks WHERE row < ?", (first_row,)
        ).fetchone()
        self._run(
            "DELETE FROM marks WHERE row IN (SELECT row FROM"
            " (SELECT row, time_us, time_us / ?1 AS hour, lag(time_us / ?1)"
            " OVER (ORDER BY row) AS before FROM marks WHERE row < ?2)"
            " WHERE hour = before OR time_us < ?3)",
            (_HOUR_US, newest, now_us - _OLDEST_US),
        )


def _checksum(mark: Mark) -> int:
    return zlib.crc32(" ".join(map(str, mark)).encode())


def _read(columns: tuple[Any, ...]) -> Mark | None:
    """Return the mark in a row, None if it does not match its checksum."""
    mark = Mark(*columns[:4])
    return mark if _checksum(mark) == columns[4] else None
