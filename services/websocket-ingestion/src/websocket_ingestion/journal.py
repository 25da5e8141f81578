"""The small tables beside the frames: gaps, entities, the last end, a replay.

Blocking, part of the store: the caller brings the connection, owns the
transaction and translates the errors.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec

from .gaps import MOST_EXAMPLES, Gap, GapTotals
from .replay import ReplayPosition

__all__ = ["JOURNAL_SCHEMA", "Journal", "JournalView", "read_gap"]

_MOST_CLOSED: Final = 1000

JOURNAL_SCHEMA: Final = """
    CREATE TABLE gaps (
        id INTEGER PRIMARY KEY,
        cause TEXT NOT NULL,
        opened_us INTEGER NOT NULL,
        from_us INTEGER NOT NULL,
        until_us INTEGER,
        closed_us INTEGER,
        entities INTEGER NOT NULL,
        expected INTEGER NOT NULL,
        recovered INTEGER NOT NULL,
        unrecoverable INTEGER NOT NULL,
        reasons TEXT NOT NULL,
        examples TEXT NOT NULL
    );
    CREATE TABLE entities (id TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE notes (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        ended TEXT NOT NULL,
        closed INTEGER NOT NULL,
        expected INTEGER NOT NULL,
        recovered INTEGER NOT NULL,
        unrecoverable INTEGER NOT NULL
    );
    INSERT INTO notes VALUES (1, '', 0, 0, 0, 0);
    CREATE TABLE replay (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        since_us INTEGER NOT NULL,
        next_row INTEGER NOT NULL,
        until_row INTEGER NOT NULL
    );
    INSERT INTO replay VALUES (1, 0, 1, 0);
"""
"""The numbers in `notes` are those of closed gaps that are no longer kept. Nobody uses
`since_us`; it stays because files of this version have it."""


class JournalView(NamedTuple):
    """The journal at one moment.

    `ended` is empty without an end in order, `replay` None if none is going on.
    """

    ended: str = ""
    open_gaps: tuple[Gap, ...] = ()
    totals: GapTotals = GapTotals()
    last_gap_id: int = 0
    replay: ReplayPosition | None = None


class Journal:
    """Reads and writes the small tables on an open connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._run = connection.execute
        self._run_many = connection.executemany

    def view(self) -> JournalView:
        """Return the journal as it is now."""
        rows = self._run("SELECT * FROM gaps WHERE closed_us IS NULL ORDER BY id")
        opened = tuple(read_gap(row) for row in rows.fetchall())
        kept = self._run(
            "SELECT count(closed_us), coalesce(sum(expected), 0),"
            " coalesce(sum(recovered), 0), coalesce(sum(unrecoverable), 0),"
            " coalesce(max(id), 0) FROM gaps"
        ).fetchone()
        gone = self._run(
            "SELECT closed, expected, recovered, unrecoverable, ended FROM notes"
        ).fetchone()
        sums = [one + other for one, other in zip(kept[:4], gone[:4], strict=True)]
        totals = GapTotals(len(opened), *sums)
        return JournalView(gone[4], opened, totals, kept[4], self._replay())

    def gaps(self, limit: int) -> list[Gap]:
        """Return at most so many gaps, the newest first."""
        rows = self._run("SELECT * FROM gaps ORDER BY id DESC LIMIT ?", (limit,))
        return [read_gap(row) for row in rows.fetchall()]

    def save_gap(self, gap: Gap) -> None:
        """Write a gap, a new one or one that is known by its id.

        Of the closed ones only the newest are kept; their sums stay.
        """
        self._run(
            "INSERT OR REPLACE INTO gaps VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                gap.id,
                gap.cause,
                gap.opened_us,
                gap.from_us,
                gap.until_us,
                gap.closed_us,
                gap.entities,
                gap.expected,
                gap.recovered,
                gap.unrecoverable,
                msgspec.json.encode(gap.reasons).decode(),
                msgspec.json.encode(gap.examples[:MOST_EXAMPLES]).decode(),
            ),
        )
        old = self._run(
            "SELECT id FROM gaps WHERE closed_us IS NOT NULL"
            " ORDER BY id DESC LIMIT 1 OFFSET ?",
            (_MOST_CLOSED,),
        ).fetchone()
        if old is not None:
            self._fold(old[0])

    def _fold(self, last: int) -> None:
        """Delete the closed gaps up to an id and keep their sums."""
        self._run(
            "UPDATE notes SET closed = notes.closed + old.closed,"
            " expected = notes.expected + old.expected,"
            " recovered = notes.recovered + old.recovered,"
            " unrecoverable = notes.unrecoverable + old.unrecoverable"
            " FROM (SELECT count(*) AS closed, sum(expected) AS expected,"
            " sum(recovered) AS recovered, sum(unrecoverable) AS unrecoverable"
            " FROM gaps WHERE closed_us IS NOT NULL AND id <= ?) AS old",
            (last,),
        )
        self._run("DELETE FROM gaps WHERE closed_us IS NOT NULL AND id <= ?", (last,))

    def note_end(self, cause: str) -> None:
        """Write down why the stream ended in order; empty for not at all."""
        self._run("UPDATE notes SET ended = ?", (cause,))

    def _replay(self) -> ReplayPosition | None:
        found = self._run("SELECT next_row, until_row FROM replay").fetchone()
        replay = ReplayPosition(*found)
        return replay if replay.next_row <= replay.until_row else None

    def save_replay(self, replay: ReplayPosition) -> None:
        """Begin a replay, or end one (`next_row` behind `until_row`)."""
        self._run("UPDATE replay SET next_row = ?, until_row = ?", replay)

    def move_replay(self, next_row: int) -> None:
        """Note that the rows before this one are copied."""
        self._run("UPDATE replay SET next_row = ?", (next_row,))

    def entities(self) -> set[str]:
        """Return all entities that are known."""
        return {name for (name,) in self._run("SELECT id FROM entities")}

    def add_entities(self, names: Iterable[str]) -> None:
        """Keep the names; known ones do not matter."""
        self._run_many(
            "INSERT OR IGNORE INTO entities VALUES (?)", ((name,) for name in names)
        )

    def forget_entities(self, names: Iterable[str]) -> None:
        """Drop the names; unknown ones do not matter."""
        self._run_many("DELETE FROM entities WHERE id = ?", ((name,) for name in names))


def read_gap(row: tuple[Any, ...]) -> Gap:
    """Return the gap in a row.

    Raises:
        sqlite3.DatabaseError: the row is damaged.
    """
    try:
        return _gap(row)
    except (TypeError, msgspec.MsgspecError) as err:
        damage = sqlite3.DatabaseError(f"the gap {row[0]!r} is damaged: {err}")
        damage.sqlite_errorname = "SQLITE_CORRUPT"
        raise damage from err


def _gap(row: tuple[Any, ...]) -> Gap:
    return Gap(
        id=row[0],
        cause=row[1],
        opened_us=row[2],
        from_us=row[3],
        until_us=row[4],
        closed_us=row[5],
        entities=row[6],
        expected=row[7],
        recovered=row[8],
        unrecoverable=row[9],
        reasons=msgspec.json.decode(row[10], type=dict[str, int]),
        examples=msgspec.json.decode(row[11], type=tuple[str, ...]),
    )
