"""Match what the database holds with what the source made, key by key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

from .collector import Collector
from .deadlines import Deadlines
from .judgement import Example
from .order import displaced
from .records import Attributes, Stored
from .table import Scope, SentTable


@dataclass(slots=True)
class Matched:
    """What came out of the comparison.

    Attributes:
        moved: places whose event is stored under another key only.
        strays: rows within the scope without an event of the source.
        rows: rows within the scope.
    """

    duplicated: Collector
    corrupted: Collector
    unexpected: Collector
    reordered: Collector
    late: Collector
    moved: set[int] = field(default_factory=set)
    strays: int = 0
    rows: int = 0
    background: int = 0
    recorded_attributes: int = 0

    @classmethod
    def empty(cls, keep: int) -> Self:
        """Return the beginning of a comparison."""
        return cls(
            duplicated=Collector(keep),
            corrupted=Collector(keep),
            unexpected=Collector(keep),
            reordered=Collector(keep),
            late=Collector(keep),
        )


def match_rows(
    table: SentTable,
    scope: Scope,
    rows: Iterable[Stored],
    *,
    deadlines: Deadlines | None,
    keep: int,
) -> Matched:
    """Compare all rows with the table; the table's `hits` are counted.

    Args:
        table: what the source made.
        scope: which entities count.
        rows: what the database holds.
        deadlines: until when each event must be stored; None where nothing is late.
        keep: examples to keep of each flaw.
    """
    found = Matched.empty(keep)
    wrong: list[tuple[int, Stored]] = []
    strays: list[Stored] = []
    hits, states, serials = table.hits, table.states, table.serials
    for row in rows:
        place = table.find(row.entity_id, row.time_us)
        if place is None:
            if row.entity_id in scope:
                found.rows += 1
                strays.append(row)
            else:
                found.background += 1
            continue
        found.rows += 1
        found.recorded_attributes += row.attributes is Attributes.RECORDED
        hits[place] += 1
        if hits[place] > 1:
            found.duplicated.add(_twice(table, place, row, "another row of this key"))
        if row.state != states[place] or row.serial not in {None, serials[place]}:
            wrong.append((place, row))
        if deadlines is not None and row.seen_us is not None:
            allowed_us = deadlines.of(table.moments[place])
            if row.seen_us > allowed_us:
                found.late.add(_late(table, place, row, allowed_us))
    carried: dict[str, list[tuple[int, int]]] = defaultdict(list)
    _judge_strays(table, strays, found, carried)
    _judge_wrong(table, wrong, found, carried)
    for entity_id, moves in carried.items():
        for time_us, place in displaced(table, entity_id, moves):
            found.reordered.add(_out_of_order(table, entity_id, time_us, place))
    return found


def _judge_strays(
    table: SentTable,
    strays: Sequence[Stored],
    found: Matched,
    carried: dict[str, list[tuple[int, int]]],
) -> None:
    places = _by_serial(table, {row.serial for row in strays if row.serial is not None})
    for row in sorted(strays, key=lambda row: (row.time_us, row.entity_id)):
        place = None if row.serial is None else places.get(row.serial)
        if place is None:
            found.strays += 1
            found.unexpected.add(
                Example(
                    entity_id=row.entity_id,
                    time_us=row.time_us,
                    serial=row.serial,
                    found=f"a row with {_told(row.state)}",
                )
            )
        elif table.hits[place] or place in found.moved:
            where = f"also under {row.entity_id}@{row.time_us}"
            found.duplicated.add(_twice(table, place, row, where))
        else:
            found.moved.add(place)
            found.corrupted.add(
                Example(
                    entity_id=table.entity_id(place),
                    time_us=table.times[place],
                    serial=row.serial,
                    expected=f"to be under its own key, with {_told(row.state)}",
                    found=f"found under {row.entity_id}@{row.time_us}",
                )
            )
            if table.entity_id(place) == row.entity_id:
                carried[row.entity_id].append((row.time_us, place))


def _judge_wrong(
    table: SentTable,
    wrong: Sequence[tuple[int, Stored]],
    found: Matched,
    carried: dict[str, list[tuple[int, int]]],
) -> None:
    wanted = {row.serial for _, row in wrong if row.serial is not None}
    places = _by_serial(table, wanted)
    by_state: dict[str, dict[str | None, int | None]] = {}
    for place, row in wrong:
        chain = table.chain(place)
        if len(chain) > 1 and _settle_chain(table, place, row, found):
            continue
        found.corrupted.add(_corrupted(table, place, row))
        other = None if row.serial is None else places.get(row.serial)
        if other is None or table.states[other] != row.state:
            if row.entity_id not in by_state:
                by_state[row.entity_id] = _unique_states(table, row.entity_id)
            other = by_state[row.entity_id].get(row.state)
        if other is not None and table.entity_id(other) == row.entity_id:
            carried[row.entity_id].append((row.time_us, other))


def _settle_chain(table: SentTable, place: int, row: Stored, found: Matched) -> bool:
    """Judge a row whose key the source used more than once; tell if it is settled."""
    if row.state in table.states_allowed(place):
        return True
    if all(row.state != table.states[other] for other in table.chain(place)):
        return False
    found.reordered.add(
        Example(
            entity_id=row.entity_id,
            time_us=row.time_us,
            serial=table.serials[place],
            expected=_told(table.states[place]),
            found=f"an older event of this key is stored: {_told(row.state)}",
        )
    )
    return True


def _by_serial(table: SentTable, wanted: set[int]) -> dict[int, int]:
    if not wanted:
        return {}
    found = {s: place for place, s in enumerate(table.serials) if s in wanted}
    stand_ins = {p: key for key, chain in table.chains.items() for p in chain}
    return {serial: stand_ins.get(place, place) for serial, place in found.items()}


def _unique_states(table: SentTable, entity_id: str) -> dict[str | None, int | None]:
    """Return state to the one place that has it; None where several have."""
    places: dict[str | None, int | None] = {}
    for place in table.of_entity(entity_id):
        state = table.states[place]
        places[state] = None if state in places else place
    return places


def _twice(table: SentTable, place: int, row: Stored, found: str) -> Example:
    return Example(
        entity_id=table.entity_id(place),
        time_us=table.times[place],
        serial=table.serials[place],
        expected="one row",
        found=f"{found}, with {_told(row.state)}",
    )


def _corrupted(table: SentTable, place: int, row: Stored) -> Example:
    expected, found = _told(table.states[place]), _told(row.state)
    if row.state == table.states[place]:
        expected, found = f"serial {table.serials[place]}", f"serial {row.serial}"
    return Example(
        entity_id=row.entity_id,
        time_us=row.time_us,
        serial=table.serials[place],
        expected=expected,
        found=f"found {found}",
    )


def _late(table: SentTable, place: int, row: Stored, allowed_us: int) -> Example:
    seen_us = allowed_us if row.seen_us is None else row.seen_us
    return Example(
        entity_id=row.entity_id,
        time_us=row.time_us,
        serial=table.serials[place],
        found=f"{(seen_us - allowed_us) / 1000:.1f} ms after its deadline",
    )


def _out_of_order(
    table: SentTable, entity_id: str, time_us: int, place: int
) -> Example:
    return Example(
        entity_id=entity_id,
        time_us=time_us,
        serial=table.serials[place],
        expected=f"this event at {table.times[place]}",
        found=f"found at {time_us}",
    )


def _told(state: str | None) -> str:
    return "a removal" if state is None else f"the state {state[:80]!r}"
