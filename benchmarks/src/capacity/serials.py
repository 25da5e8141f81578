"""Which events of a trial are stored: each one by its key and its serial. Pure.

What must be stored follows from the schedule: event *n* belongs to a known entity, has
a known key where the source sends with intended times, and a known serial where the
source's own count has no gap. Each entity's count is compared. Of all entities that
differ, and always of a fixed sample, every row is compared too, up to `MOST_ROWS`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from .load import JobState, Sent
from .order import Order
from .store import Row

__all__ = ["MOST_ROWS", "Part", "Serials", "compare", "expected_counts", "parts_of"]

MOST_ROWS: Final = 200_000
"""So many events are compared one by one: some seconds of reading."""
SAMPLE: Final = 8
_NAMED: Final = 5
_CHUNK: Final = 1 << 20
Counts = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one worker has sent of its order: events 0 to `count`, but for `unsent`.

    `timed` says that the key is the intended time. `first_serial` is 0 where serials
    do not follow the events' numbers; a real Home Assistant has the numbers
    themselves.
    """

    order: Order
    start_us: int
    count: int
    first_serial: int = 0
    timed: bool = True
    unsent: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event that must be stored; what is not known of it is None."""

    number: int
    time_us: int | None
    serial: int | None


@dataclass(slots=True)
class Serials:
    """What was found; each number is of events.

    `missing` must be stored and are not, whoever refused or lost them. `duplicate` are
    rows of a serial that is stored already, `unexpected` rows of a serial or a key
    that was not sent, and `out_of_order` rows with a later time and a lower serial.
    `compared` were looked at one by one, the others by the count of their entity.
    """

    stored: int = 0
    missing: int = 0
    duplicate: int = 0
    unexpected: int = 0
    out_of_order: int = 0
    compared: int = 0
    named: list[str] = field(default_factory=list)

    def name(self, kind: str, entity: str, what: str) -> None:
        """Keep the first few of each kind."""
        if sum(text.startswith(kind) for text in self.named) < _NAMED:
            self.named.append(f"{kind}: {entity} {what}")


def parts_of(order: Order, sent: Sent, *, simulated: bool) -> list[Part] | None:
    """Return what each worker sent; None if it is not known which events did leave."""
    jobs = sent.jobs
    if any(job.skipped > len(job.unsent) for job in jobs):
        return None
    return [
        Part(
            order=order.part(job.worker, of=len(jobs)),
            start_us=job.start_us,
            count=job.emitted + len(job.unsent),
            first_serial=_first_serial(job),
            timed=simulated,
            unsent=frozenset(job.unsent),
        )
        for job in jobs
    ]


def _first_serial(job: JobState) -> int:
    """Return the first serial if those of the job have no gap, else 0."""
    whole = job.last_serial - job.first_serial + 1 == job.emitted
    return job.first_serial if whole else 0


def expected_counts(parts: Sequence[Part]) -> dict[str, int]:
    """Return how many events each entity must have."""
    found: dict[str, int] = {}
    for part in parts:
        order, places = part.order, _place_counts(part.order, part.count)
        for number in part.unsent:
            if number < part.count:
                places[order.place(number)] -= 1
        found |= {
            f"{order.prefix}_{place}": int(count)
            for place, count in enumerate(places)
            if count
        }
    return found


def _place_counts(order: Order, count: int) -> Counts:
    """Return the events of each entity's number; as `Order.place` says it."""
    size = order.entities + int(count * order.growth) + 1
    whole = np.zeros(size, dtype=np.int64)
    for first in range(0, count, _CHUNK):
        numbers = np.arange(first, min(count, first + _CHUNK), dtype=np.int64)
        slots = numbers % order.entities
        renewed = np.floor(numbers * order.growth).astype(np.int64) - slots
        turns = np.where(renewed > 0, -(-renewed // order.entities), 0)
        whole += np.bincount(slots + turns * order.entities, minlength=size)
    return whole


def compare(
    parts: Sequence[Part],
    counted: Mapping[str, int],
    read: Callable[[Sequence[str]], Sequence[Row]],
    *,
    most_rows: int = MOST_ROWS,
) -> Serials:
    """Compare what must be stored with what is.

    Args:
        parts: what was sent.
        counted: stored events by entity.
        read: returns the rows of some entities.
        most_rows: how many events are compared one by one.
    """
    expected = expected_counts(parts)
    found = Serials()
    chosen = _chosen(expected, counted, most_rows=most_rows)
    for entity in sorted(expected.keys() | counted.keys()):
        if entity not in chosen:
            due, there = expected.get(entity, 0), counted.get(entity, 0)
            found.stored += min(due, there)
            found.missing += max(0, due - there)
            found.unexpected += max(0, there - due)
            if due != there:
                found.name("differs", entity, f"has {there} events of {due}")
    rows: dict[str, list[Row]] = {entity: [] for entity in chosen}
    for row in read(sorted(chosen)):
        rows[row.entity_id].append(row)
    events: dict[str, list[Event]] = {entity: [] for entity in chosen}
    for part in parts:
        for entity, event in _events(part, chosen):
            events[entity].append(event)
    tenths = all(part.timed for part in parts)
    for entity in sorted(chosen):
        _compare_entity(found, entity, events[entity], rows[entity], tenths=tenths)
    return found


def _chosen(
    expected: Mapping[str, int], counted: Mapping[str, int], *, most_rows: int
) -> set[str]:
    """Return the entities whose rows are compared: the sample, then what differs."""
    names = list(expected)
    sample = [names[i * len(names) // SAMPLE] for i in range(SAMPLE)] if names else []
    differing = [
        entity
        for entity in sorted(expected.keys() | counted.keys())
        if expected.get(entity, 0) != counted.get(entity, 0)
    ]
    chosen: set[str] = set()
    left = most_rows
    for entity in dict.fromkeys([*sample, *differing]):
        left -= max(expected.get(entity, 0), counted.get(entity, 0))
        if left < 0:
            break
        chosen.add(entity)
    return chosen


def _events(part: Part, chosen: Collection[str]) -> Iterator[tuple[str, Event]]:
    """Yield the part's events of some entities, in their order."""
    order, schedule = part.order, part.order.schedule()
    head = f"{order.prefix}_"
    places = {
        int(entity.removeprefix(head))
        for entity in chosen
        if entity.startswith(head) and entity.removeprefix(head).isdigit()
    }
    slots = sorted({place % order.entities for place in places})
    for turn in range(0, part.count, order.entities):
        for slot in slots:
            number = turn + slot
            if number >= part.count:
                return
            place = order.place(number)
            if place not in places or number in part.unsent:
                continue
            time_us = serial = None
            if part.timed:
                time_us = part.start_us + round(schedule.at(number) * 1e6)
                serial = part.first_serial + number if part.first_serial else None
            else:
                serial = number
            yield (
                f"{head}{place}",
                Event(number=number, time_us=time_us, serial=serial),
            )


def _compare_entity(
    found: Serials,
    entity: str,
    events: Sequence[Event],
    rows: Sequence[Row],
    *,
    tenths: bool,
) -> None:
    """Add what became of one entity's events."""
    ordered = sorted(rows, key=lambda row: row.time_us)
    serials = [serial_of(row.state, tenths=tenths) for row in ordered]
    taken, matched = _matches(events, ordered, serials)
    stored_serials = {serials[place] for place in matched}
    again = Counter(serials[place] for place in matched)
    found.compared += len(events)
    found.stored += len(taken)
    found.duplicate += sum(count - 1 for count in again.values())
    for event in events:
        if event.number not in taken:
            found.missing += 1
            found.name("missing", entity, _told(event))
    highest = -1
    for place, (row, serial) in enumerate(zip(ordered, serials, strict=True)):
        if place not in matched:
            kind = "duplicate" if serial in stored_serials else "unexpected"
            found.duplicate += kind == "duplicate"
            found.unexpected += kind == "unexpected"
            found.name(kind, entity, f"state {row.state!r} at {row.time_us} µs")
        if tenths and serial is not None:
            if serial < highest:
                found.out_of_order += 1
                found.name("out of order", entity, f"serial {serial} after {highest}")
            highest = max(highest, serial)


def _matches(
    events: Sequence[Event], rows: Sequence[Row], serials: Sequence[int | None]
) -> tuple[set[int], set[int]]:
    """Return the numbers of the events that are stored, and the places of their rows.

    A key may be off by the microsecond by which sums of chances differ.
    """
    taken: set[int] = set()
    matched: set[int] = set()
    times = [event.time_us for event in events if event.time_us is not None]
    by_serial = {event.serial: event for event in events}
    for place, (row, serial) in enumerate(zip(rows, serials, strict=True)):
        if serial is None:
            continue
        event = by_serial.get(serial)
        if len(times) == len(events) and event is None:
            near = bisect_left(times, row.time_us - 1)
            event = events[near] if near < len(events) else None
        if event is None or event.number in taken:
            continue
        right_time = event.time_us is None or abs(event.time_us - row.time_us) <= 1
        if right_time and event.serial in {None, serial}:
            taken.add(event.number)
            matched.add(place)
    return taken, matched


def serial_of(state: str, *, tenths: bool) -> int | None:
    """Return the serial that a generated state stands for, None if it is none.

    The simulator's state is a tenth of it, a real Home Assistant gets it as it is.
    """
    digits = state.replace(".", "", 1) if tenths and state[-2:-1] == "." else state
    if (tenths and digits == state) or not (digits.isascii() and digits.isdigit()):
        return None
    return int(digits)


def _told(event: Event) -> str:
    serial = f"serial {event.serial}" if event.serial is not None else "serial unknown"
    due = f", due at {event.time_us} µs" if event.time_us is not None else ""
    return f"{serial}, event {event.number}{due}"
