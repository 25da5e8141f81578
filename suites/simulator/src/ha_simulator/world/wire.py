"""Which events went out on which connection, as intervals of serials.

A subscribed client gets every event in order, so a connection needs one interval
for each subscription and not one entry for each event.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence


class WireLog:
    """Intervals of serials, inclusive, that the kernel took for each connection."""

    __slots__ = ("_intervals",)

    def __init__(self) -> None:
        self._intervals: dict[int, list[list[int]]] = {}

    def add(self, connection: int, serials: Sequence[int]) -> None:
        """Note that one frame with these events, in rising order, went out."""
        intervals = self._intervals.setdefault(connection, [])
        if serials[-1] - serials[0] + 1 == len(serials):
            _extend(intervals, serials[0], serials[-1])
            return
        for serial in serials:
            _extend(intervals, serial, serial)

    def count(self, connection: int) -> int:
        """Return how many events went out on *connection*."""
        intervals = self._intervals.get(connection, ())
        return sum(last - first + 1 for first, last in intervals)

    def forget(self, before: int) -> None:
        """Drop what concerns serials below *before* only."""
        for connection, intervals in list(self._intervals.items()):
            kept = [interval for interval in intervals if interval[1] >= before]
            if kept:
                self._intervals[connection] = kept
            else:
                del self._intervals[connection]

    def spans(
        self, first: int, last: int
    ) -> Iterator[tuple[int, int, tuple[int, ...]]]:
        """Split `first`..`last` into runs of events that the same connections got.

        Yields:
            Rising, gapless (first, last, connections) that cover the whole range.
        """
        edges: dict[int, list[tuple[int, bool]]] = {first: []}
        for connection, intervals in self._intervals.items():
            for start, end in intervals:
                if end < first or start > last:
                    continue
                edges.setdefault(max(start, first), []).append((connection, True))
                edges.setdefault(end + 1, []).append((connection, False))
        starts = sorted(start for start in edges if start <= last)
        present: set[int] = set()
        for place, start in enumerate(starts):
            for connection, joins in edges[start]:
                if joins:
                    present.add(connection)
            for connection, joins in edges[start]:
                if not joins:
                    present.discard(connection)
            end = starts[place + 1] - 1 if place + 1 < len(starts) else last
            yield start, end, tuple(sorted(present))


def _extend(intervals: list[list[int]], first: int, last: int) -> None:
    if intervals and first <= intervals[-1][1] + 1:
        intervals[-1][1] = max(intervals[-1][1], last)
    else:
        intervals.append([first, last])
