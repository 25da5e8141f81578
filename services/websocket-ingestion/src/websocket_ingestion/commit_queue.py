"""Frames that wait for their commit, in order, bounded by nobody but who puts them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from servicekit.compression import Compressor

from .joining import joined
from .ledger import Arrival

__all__ = ["CommitQueue"]


class CommitQueue:
    """The first frames become rows when they are offered to the file, and stay so.

    A commit of which the end was not heard may be durable: then it must have been
    these rows, in this order.
    """

    def __init__(self, *, commit_bytes: int, join_frames: int) -> None:
        """Make an empty queue.

        Args:
            commit_bytes: what one commit takes, by the log it goes through; the frame
                that reaches it is the last one.
            join_frames: live frames share rows if a commit has so many or more.
        """
        self._commit_bytes = commit_bytes
        self._join_frames = join_frames
        self._compress = Compressor()
        self._waiting: list[Arrival] = []
        self._rows = 0
        self._committing = 0
        self.bytes = 0
        """Of all payloads that wait, those of rows as they are compressed."""
        self.offered_bytes = 0
        """Of the rows that were offered last, before they were compressed."""

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def events(self) -> int:
        """How many of them wait."""
        return sum(one.events for one in self._waiting)

    @property
    def holds_commit(self) -> bool:
        """True if enough waits for a commit, beside what is being committed."""
        return self.bytes - self._committing >= self._commit_bytes

    def push(self, arrival: Arrival) -> None:
        """Add a frame behind the others."""
        self._waiting.append(arrival)
        self.bytes += len(arrival.payload)

    @contextmanager
    def offered(self) -> Iterator[list[Arrival]]:
        """Yield the rows to commit together: the same ones until they are taken."""
        if not self._rows:
            self._rows = self._make_rows(self._number_to_commit())
        rows = self._waiting[: self._rows]
        self._committing = _size(rows)
        try:
            yield rows
        finally:
            self._committing = 0

    def take(self, number: int) -> list[Arrival]:
        """Return the first frames, which are durable; they wait no more."""
        taken, self._waiting = self._waiting[:number], self._waiting[number:]
        self.bytes -= _size(taken)
        self._rows = max(0, self._rows - number)
        return taken

    def end_copies_at(self, row: int) -> bool:
        """Let the last copy of a replay stand for all rows up to this one.

        Returns False if no copy waits.
        """
        for at in range(len(self._waiting) - 1, -1, -1):
            if self._waiting[at].copy_of:
                self._waiting[at] = self._waiting[at]._replace(copy_of=row)
                return True
        return False

    def _number_to_commit(self) -> int:
        size = 0
        for number, one in enumerate(self._waiting):
            if size >= self._commit_bytes:
                return number
            size += len(one.payload)
        return len(self._waiting)

    def _make_rows(self, number: int) -> int:
        """Make rows of the first frames; return how many they are."""
        group = self._waiting[:number]
        self.offered_bytes = _size(group)
        rows = joined(group) if number >= self._join_frames else group
        rows = [one._replace(payload=self._compress(one.payload)) for one in rows]
        self._waiting[:number] = rows
        self.bytes += _size(rows) - self.offered_bytes
        return len(rows)


def _size(arrivals: Iterable[Arrival]) -> int:
    return sum(len(one.payload) for one in arrivals)
