"""Whether the product's own account is true: gap ledger and counters (pure)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from math import inf

from .judgement import Example
from .records import Counters, GapRow
from .table import SentTable

# Name of the whole to the names of its parts, as the services document them.
_SUMS: Mapping[str, tuple[str, ...]] = {
    "received": ("forwarded", "pending"),
    "forwarded": ("written", "merged", "dead_lettered", "expired"),
}


def false_gaps(
    gaps: Sequence[GapRow], table: SentTable, lost: Collection[int]
) -> Iterator[Example]:
    """Yield what is wrong with the gap ledger.

    A row is false when it is still open, when it recovered more than it missed, when
    it missed less than the source proves, or when it names nothing as unrecoverable
    and events in it are lost. An event that was never on the wire and lies in no row
    is a gap that the product did not see; those before the first event on the wire
    belong to no connection and do not count. The current state of each entity comes
    with the new subscription and may be counted as missed or not.
    """
    missed = sorted(_missed(table))
    gone = sorted(table.times[place] for place in lost)
    for gap in gaps:
        yield from _told_wrong(gap, _inside(missed, gap), _inside(gone, gap))
    for time_us in _outside(missed, gaps):
        yield Example(time_us=time_us, found="never on the wire, and in no gap")


def false_sums(records: Iterable[Counters]) -> Iterator[Example]:
    """Yield the sums that do not hold in the last counters of each service."""
    newest: dict[str, Counters] = {}
    for record in records:
        if record.source not in newest or record.at_us >= newest[record.source].at_us:
            newest[record.source] = record
    for source, record in newest.items():
        for whole, parts in _SUMS.items():
            if not {whole, *parts} <= record.values.keys():
                continue
            total = sum(record.values[part] for part in parts)
            if record.values[whole] != total:
                yield Example(
                    time_us=record.at_us,
                    expected=f"{whole} = {' + '.join(parts)} in {source}",
                    found=f"{record.values[whole]} and {total}",
                )


def _told_wrong(gap: GapRow, missed: int, lost: int) -> Iterator[Example]:
    found = []
    if not gap.closed:
        found.append("is still open")
    if gap.recovered > gap.expected:
        found.append(f"recovered {gap.recovered} of {gap.expected}")
    if gap.expected + gap.entities < missed:
        found.append(
            f"knows of {gap.expected} missed changes of {gap.entities} entities, "
            f"and {missed} were never on the wire"
        )
    if lost and not gap.unrecoverable:
        found.append(f"names nothing as unrecoverable, and {lost} events are lost")
    for problem in found:
        yield Example(time_us=gap.from_us, found=f"gap {gap.id} {problem}")


def _missed(table: SentTable) -> Iterator[int]:
    """Yield the times of events that the product can have from history only."""
    live = [table.times[p] for p in table if table.on_wire(p)]
    first_us = min(live, default=None)
    if first_us is None:
        return
    for place in table:
        time_us = table.times[place]
        if time_us > first_us and not table.on_wire(place) and table.recorded(place):
            yield time_us


def _outside(times: Sequence[int], gaps: Sequence[GapRow]) -> Iterator[int]:
    """Yield the times, which are in order, that lie in no gap."""
    rows = deque(sorted(gaps, key=lambda gap: gap.from_us))
    covered_us: float = -inf
    for time_us in times:
        while rows and rows[0].from_us <= time_us:
            until_us = rows.popleft().until_us
            covered_us = max(covered_us, inf if until_us is None else until_us)
        if time_us > covered_us:
            yield time_us


def _inside(times: Sequence[int], gap: GapRow) -> int:
    until = len(times) if gap.until_us is None else bisect_right(times, gap.until_us)
    return max(0, until - bisect_left(times, gap.from_us + 1))
