"""Whether the rows of an entity, in the order of their times, keep the source's order.

A row whose own event is in it is in order by its key. So only rows that carry another
event can break the order, and only the entities that have such rows are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from .table import SentTable


def displaced(
    table: SentTable, entity_id: str, moves: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """Yield the moves that put an event on the wrong side of another one.

    Args:
        table: knows which events of the entity are stored under their own key.
        entity_id: whose rows.
        moves: rows that carry another event, as (time of the row, place of the event).
    """
    taken = {time_us for time_us, _ in moves}
    rows = [(time_us, table.times[place]) for time_us, place in moves]
    for place in table.of_entity(entity_id):
        time_us = table.times[place]
        if table.hits[place] and time_us not in taken:
            rows.append((time_us, time_us))
    rows.sort()
    events = [event for _, event in rows]
    newest_before = accumulate(events, max)
    oldest_after = [*accumulate(events[::-1], min)][::-1]
    wrong = {
        row
        for row, before, after in zip(
            rows, [None, *newest_before], [*oldest_after[1:], None], strict=False
        )
        if (before is not None and before > row[1])
        or (after is not None and after < row[1])
    }
    for time_us, place in moves:
        if (time_us, table.times[place]) in wrong:
            yield time_us, place
