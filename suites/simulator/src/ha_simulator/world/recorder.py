"""The recorder: what history knows, when it knows it, and what a crash takes."""

from __future__ import annotations

from dataclasses import dataclass

from .journal import EXPLICIT, REMOVED, UNRECORDED, Journal, Row
from .shapes import Shapes
from .states import Entity, generated_state
from .timestamps import timestamp

SIGNIFICANT_DOMAINS = frozenset(
    {"climate", "device_tracker", "humidifier", "thermostat", "water_heater"}
)
"""Domains whose attribute-only changes count as significant (recorder's constants)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """What history is asked for; both bounds are exclusive, None is "until now"."""

    start_us: int
    end_us: int | None
    start_state: bool = True
    significant_only: bool = True
    minimal: bool = False
    no_attributes: bool = False


class Recorder:
    """Commits the journal's rows every *commit_us*, so history lags behind.

    The clock is the caller's: `advance` must run before rows are appended or read.
    """

    def __init__(
        self, journal: Journal, shapes: Shapes, *, commit_us: int, now_us: int
    ) -> None:
        self._journal = journal
        self._shapes = shapes
        self.commit_us = commit_us
        self.slot_us = now_us + commit_us
        self.committed = 0
        self._lost: list[tuple[int, int]] = []

    @property
    def pending(self) -> int:
        """Rows that wait for the next commit."""
        return self._journal.last - self.committed

    @property
    def lost(self) -> int:
        """Rows that crashes took before they were committed."""
        return sum(last - first + 1 for first, last in self._lost)

    def advance(self, now_us: int) -> None:
        """Commit what was appended before the last slot that is over."""
        if now_us >= self.slot_us:
            self.committed = self._journal.last
            missed = (now_us - self.slot_us) // self.commit_us
            self.slot_us += (missed + 1) * self.commit_us

    def set_interval(self, commit_us: int, now_us: int) -> None:
        """Change the commit interval; the next commit is one interval from now."""
        self.advance(now_us)
        self.commit_us = commit_us
        self.slot_us = now_us + commit_us

    def commit(self) -> None:
        """Commit at once, as the final write of an orderly stop does."""
        self.committed = self._journal.last

    def crash(self) -> int:
        """Lose all uncommitted rows and return how many there were."""
        lost = self.pending
        if lost:
            self._lost.append((self.committed + 1, self._journal.last))
            self.committed = self._journal.last
        return lost

    def holds(self, row: Row) -> bool:
        """Tell if history can return this row now."""
        return (
            row.serial <= self.committed
            and not row.flags & UNRECORDED
            and not (row.flags & EXPLICIT and not self._journal.written(row.serial))
            and not any(first <= row.serial <= last for first, last in self._lost)
        )

    def rows(self, entity: Entity, period: Period) -> list[tuple[int, bytes]]:
        """Return the entity's rows in time order: (`lu` in µs, compressed JSON)."""
        found = self._within(entity, period)
        domain = entity.entity_id.partition(".")[0]
        if period.significant_only and domain not in SIGNIFICANT_DOMAINS:
            found = [row for row in found if self._changed_us(row) == row.updated_us]
        rows: list[tuple[int, bytes]] = []
        previous: bytes | None = None
        if period.start_state and (start := self._at(entity, period.start_us)):
            previous = self._state(start)
            us = period.start_us
            rows.append((us, self._compressed(start, period, us)))
        for row in found:
            state = self._state(row)
            us = row.updated_us
            if not period.minimal or not rows:
                rows.append((us, self._compressed(row, period, us)))
            elif state != previous:
                rows.append((us, b'{"s":%b,"lu":%b}' % (state, timestamp(us))))
            previous = state
        return rows

    def live_row(self, entity: Entity) -> bytes:
        """Return the row of the entity's newest event, as `history/stream` sends it."""
        row = self._journal.row(entity.serial)
        period = Period(start_us=0, end_us=None, significant_only=False)
        return self._compressed(row, period, row.updated_us)

    def _within(self, entity: Entity, period: Period) -> list[Row]:
        found: list[Row] = []
        serial = entity.serial if entity.serial >= self._journal.first else 0
        while serial:
            row = self._journal.row(serial)
            if row.updated_us <= period.start_us:
                if not entity.unordered:
                    break
            elif (
                period.end_us is None or row.updated_us < period.end_us
            ) and self.holds(row):
                found.append(row)
            serial = self._journal.previous(serial)
        if entity.unordered:
            found.sort(key=lambda row: row.updated_us)
        else:
            found.reverse()
        return found

    def _at(self, entity: Entity, start_us: int) -> Row | None:
        best: Row | None = None
        serial = entity.serial if entity.serial >= self._journal.first else 0
        while serial:
            row = self._journal.row(serial)
            if row.updated_us < start_us and self.holds(row):
                if best is None or row.updated_us > best.updated_us:
                    best = row
                if not entity.unordered:
                    break
            serial = self._journal.previous(serial)
        return best

    def _changed_us(self, row: Row) -> int:
        written = self._journal.written(row.serial)
        return written.changed_us if written else row.updated_us

    def _state(self, row: Row) -> bytes:
        if row.flags & REMOVED:
            return b"null"
        written = self._journal.written(row.serial)
        return written.state if written else b'"%b"' % generated_state(row.serial)

    def _attributes(self, row: Row) -> bytes:
        if row.flags & REMOVED:
            return b"{}"
        written = self._journal.written(row.serial)
        if written:
            return written.attributes
        return self._shapes[row.shape].attributes(row.serial, row.intended_us)

    def _compressed(self, row: Row, period: Period, updated_us: int) -> bytes:
        attributes = b""
        if not period.no_attributes:
            attributes = b',"a":%b' % self._attributes(row)
        elif not period.minimal:
            attributes = b',"a":{}'
        changed = b""
        changed_us = self._changed_us(row)
        synthetic = updated_us != row.updated_us
        if not (period.significant_only or synthetic or changed_us == updated_us):
            changed = b',"lc":%b' % timestamp(changed_us)
        return b'{"s":%b%b,"lu":%b%b}' % (
            self._state(row),
            attributes,
            timestamp(updated_us),
            changed,
        )
