"""How far a replay is: which rows are in the queue again, and which are durable."""

from __future__ import annotations

import sys

import structlog

from .replay import ReplayPosition

__all__ = ["Copying"]

_log = structlog.get_logger(__name__)


class Copying:
    """At most one replay at a time, that of the file."""

    def __init__(self) -> None:
        self._position: ReplayPosition | None = None
        self._next_row = 0

    @property
    def rows_left(self) -> int:
        """How many rows have no durable copy yet; 0 if there is no replay."""
        if self._position is None:
            return 0
        return self._position.until_row - self._position.next_row + 1

    @property
    def done_with(self) -> int:
        """The last row that no replay needs any more."""
        return self._position.next_row - 1 if self._position else sys.maxsize

    @property
    def to_copy(self) -> ReplayPosition | None:
        """The rows that are not in the queue yet, None if there are none."""
        if self._position is None or self._next_row > self._position.until_row:
            return None
        return self._position._replace(next_row=self._next_row)

    def take_over(self, position: ReplayPosition | None) -> None:
        """Begin where the file says that a replay is, unless one goes on already."""
        if self._position is None and position is not None:
            self._position, self._next_row = position, position.next_row
            _log.info("replay.running", **position._asdict())

    def copied(self, row: int) -> None:
        """Note that copies of all rows up to this one are in the queue."""
        self._next_row = row + 1

    def stored(self, row: int) -> None:
        """Note that the copies of all rows up to this one are durable."""
        if self._position is None:
            return
        self._position = self._position._replace(next_row=row + 1)
        if row >= self._position.until_row:
            self._position = None
            _log.info("replay.finished", until_row=row)

    def cut(self, reason: str) -> None:
        """Give up what is left of it."""
        if self._position is not None:
            _log.warning("replay.cut", reason=reason)
            self._position = None
