"""How long until a query finds an event: a sample, from the intended time on.

One event of the schedule is taken before it is due, and from then on the database is
asked for it until it is there; then the next one is taken. So at most one query runs at
a time, and a few a second: the first at the due time, then each a quarter later than
the event is old, at least a tenth of a second. A value is thus too high by a fifth of
itself at most, or by that tenth, and by the query's own time, which belongs to it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, Self

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

from .errors import BadAnswer
from .serials import Part
from .store import Row

__all__ = [
    "Found",
    "Looking",
    "LookingThread",
    "Rows",
    "Target",
    "Targets",
    "look_for",
]

_AHEAD: Final = 0.2
_APART: Final = 1.0
_LEAST_PAUSE: Final = 0.1
_PAUSE_SHARE: Final = 0.25
_LONGEST: Final = 10.0
_QUERY_SECONDS: Final = 5.0
_LONGEST_US: Final = 120_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An event to be looked for; `state` decides where its key is not known."""

    entity: str
    due_us: int
    state: str | None = None

    @property
    def until_us(self) -> int:
        """Where its key must lie before."""
        return self.due_us + (2 if self.state is None else _LONGEST_US)

    def among(self, rows: Sequence[Row]) -> bool:
        """Tell whether one of the rows is it."""
        return any(self.state in {None, row.state} for row in rows)


class Targets:
    """Chooses future events of a schedule, a second apart, from each worker in turn."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._schedules = [part.order.schedule() for part in parts]
        self._turn = 0
        self._last_us = 0

    def next(self, now_us: int) -> Target | None:
        """Return the next event to look for, None at the end of the schedule."""
        place = self._turn % len(self._parts)
        self._turn += 1
        part, schedule = self._parts[place], self._schedules[place]
        wanted = max(now_us + _AHEAD * 1e6, self._last_us + _APART * 1e6)
        number = schedule.due(max(0.0, (wanted - part.start_us) / 1e6))
        offset = schedule.at(number)
        if offset >= part.order.seconds:
            return None
        self._last_us = part.start_us + round(offset * 1e6)
        return Target(
            entity=part.order.entity(number),
            due_us=self._last_us,
            state=None if part.timed else str(number),
        )


@dataclass(slots=True)
class Found:
    """Ages at which events were found; `unseen` are in it with the age of giving up."""

    ages: HdrHistogram = field(default_factory=lambda: HdrHistogram(1, _LONGEST_US, 3))
    unseen: int = 0
    queries: int = 0

    def add(self, age_us: float, *, seen: bool) -> None:
        """Note one event."""
        self.ages.record_value(min(max(1, round(age_us)), _LONGEST_US))
        self.unseen += not seen


class Rows(Protocol):
    """What is asked; see `store.InfluxStore`."""

    def rows(
        self, entities: Sequence[str], *, since_us: int, until_us: int, seconds: float
    ) -> list[Row]:
        """Return the stored events of these entities."""
        ...


def look_for(
    store: Rows,
    targets: Targets,
    found: Found,
    *,
    wall: Callable[[], float],
    wait: Callable[[float], bool],
    closing: Callable[[], bool],
) -> None:
    """Look for one event after the other.

    Args:
        store: is asked.
        targets: what is looked for.
        found: takes what was seen.
        wall: UTC in seconds.
        wait: lets so many seconds pass; true if all is to end at once.
        closing: true if no other event is to be taken.
    """
    while not closing() and (target := targets.next(round(wall() * 1e6))):
        ended = wait(max(0.0, target.due_us / 1e6 - wall()))
        if ended or closing():
            return
        while not _is_there(store, target, found):
            age = wall() - target.due_us / 1e6
            if age >= _LONGEST or wait(max(_LEAST_PAUSE, _PAUSE_SHARE * age)):
                found.add(wall() * 1e6 - target.due_us, seen=False)
                break
        else:
            found.add(wall() * 1e6 - target.due_us, seen=True)


def _is_there(store: Rows, target: Target, found: Found) -> bool:
    """Ask once; a database that cannot answer does not have it yet."""
    found.queries += 1
    try:
        rows = store.rows(
            [target.entity],
            since_us=target.due_us - 1,
            until_us=target.until_us,
            seconds=_QUERY_SECONDS,
        )
    except BadAnswer:
        return False
    return target.among(rows)


class Looking(Protocol):
    """Something that looks while a trial's window lasts."""

    def close(self) -> None:
        """Take no other event; the one that is looked for goes on."""
        ...

    def end(self) -> Found:
        """Give up what is looked for, and return what was found; also once more."""
        ...


class LookingThread:
    """Looks in a thread of its own, so that a slow query delays nobody else."""

    def __init__(self, store: Rows, targets: Targets) -> None:
        self._found = Found()
        self._closing = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=look_for,
            args=(store, targets, self._found),
            kwargs={
                "wall": time.time,
                "wait": self._ended.wait,
                "closing": self._closing.is_set,
            },
            name="queryable",
            daemon=True,
        )

    @classmethod
    def begin(cls, store: Rows, targets: Targets) -> Self:
        """Return one that looks already."""
        looking = cls(store, targets)
        looking._thread.start()
        return looking

    def close(self) -> None:
        """Take no other event; the one that is looked for goes on."""
        self._closing.set()

    def end(self) -> Found:
        """Give up what is looked for, and return what was found; also once more."""
        self._closing.set()
        self._ended.set()
        self._thread.join(2 * _QUERY_SECONDS)
        return self._found
