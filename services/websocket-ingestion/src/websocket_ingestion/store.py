"""The spool's file: an SQLite database with one row a frame and the counters.

Blocking, and used from one thread only (SQLite's own check holds that). Every
change is one transaction: rows, cursor and counters move together or not at all.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import astuple, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from servicekit.compression import plain_bytes
from servicekit.wire import Frame

from .errors import SpoolError
from .gaps import Gap
from .journal import JOURNAL_SCHEMA, Journal, JournalView
from .ledger import Acknowledged, Arrival, Counters
from .marks import MARKS_SCHEMA, Marks
from .replay import Mark, ReplayPosition
from .rows import (
    COLUMNS,
    checksum,
    ledger_checksum,
    lost_events,
    payload_bytes,
    read_ledger,
    read_row,
)

__all__ = ["NO_PRUNE", "PAGE_BYTES", "Chunk", "Prune", "Store", "translated"]

PAGE_BYTES: Final = 4096
_CHECKPOINT_PAGES: Final = 1000
_BUSY_MILLISECONDS: Final = 1000
_JOURNAL_SINCE: Final = 2
_SHRINK_PAGES: Final = 500
_SHRINK_ROUNDS: Final = 20

_SCHEMA_IS_WRONG: Final = re.compile(r"^no such (table|column)|already exists$")
"""The schema is ours alone, so that a missing table is damage."""

_MIGRATIONS: Final = (
    """
    CREATE TABLE frames (
        row INTEGER PRIMARY KEY,
        received_us INTEGER NOT NULL,
        origin TEXT NOT NULL,
        events INTEGER NOT NULL,
        crc32 INTEGER NOT NULL,
        payload BLOB NOT NULL
    );
    CREATE TABLE ledger (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        received INTEGER NOT NULL,
        forwarded INTEGER NOT NULL,
        written INTEGER NOT NULL,
        merged INTEGER NOT NULL,
        dead_lettered INTEGER NOT NULL,
        expired INTEGER NOT NULL,
        cursor INTEGER NOT NULL,
        last_row INTEGER NOT NULL,
        last_event_us INTEGER NOT NULL,
        CHECK (forwarded = written + merged + dead_lettered + expired),
        CHECK (received >= forwarded AND last_row >= cursor)
    );
    INSERT INTO ledger VALUES (1, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    """,
    """
    ALTER TABLE ledger ADD COLUMN received_bytes INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE ledger ADD COLUMN forwarded_bytes INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE ledger ADD COLUMN pruned_bytes INTEGER NOT NULL DEFAULT 0;
    UPDATE ledger SET
        received_bytes = (SELECT coalesce(sum(length(payload)), 0) FROM frames),
        forwarded_bytes = (
            SELECT coalesce(sum(length(payload)), 0) FROM frames WHERE row <= cursor
        );
    """,
    "ALTER TABLE ledger ADD COLUMN crc32 INTEGER NOT NULL DEFAULT 0;",
    MARKS_SCHEMA,
    "",
)
"""One script per schema version, applied in order; `user_version` counts them. With
the second one come the tables of the journal, since the fifth payloads may be
compressed, which a program that knows the fourth would hand on as they are."""


class Chunk(NamedTuple):
    """What one read gave: good frames, and the damaged rows as (row, events).

    `bytes` is the size of all payloads as they are stored, of the damaged ones too.
    """

    frames: list[Frame]
    damaged: list[tuple[int, int]]
    last_row: int
    bytes: int = 0


class Prune(NamedTuple):
    """Delete the oldest acknowledged frames: until so many bytes are gone.

    At most `rows` of them in one go, and no row behind `until_row`.
    """

    rows: int
    bytes: int
    until_row: int = sys.maxsize


NO_PRUNE: Final = Prune(0, 0)


class Store:
    """An open spool file."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._journal = Journal(connection)
        self._marks = Marks(connection)
        self.counters = Counters()
        self._first_row = 0

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the spool, make it if there is none.

        Raises:
            SpoolError: not ours to open: unwritable, damaged, in use by another
                process, or made by a newer version.
        """
        with translated(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                path, timeout=_BUSY_MILLISECONDS / 1000, isolation_level=None
            )
        store = cls(path, connection)
        try:
            with translated(path):
                store._prepare()
        except SpoolError:
            store.close()
            raise
        return store

    def _prepare(self) -> None:
        # Damaged text is for the checksum to find, not for the decoder.
        self._connection.text_factory = partial(str, encoding="utf-8", errors="replace")
        run = self._connection.execute
        run(f"PRAGMA page_size = {PAGE_BYTES}")
        run("PRAGMA auto_vacuum = INCREMENTAL")
        # A second process on the same file must fail at once, not share the rows.
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        run(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        run("PRAGMA secure_delete = OFF")
        self._migrate()
        self.counters = self._read_counters()
        (first,) = run("SELECT min(row) FROM frames").fetchone()
        self._first_row = first or self.counters.last_row + 1
        self._marks.load()

    def _migrate(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version > len(_MIGRATIONS):
            cause = f"schema {version} is newer than this program"
            raise SpoolError(str(self._path), "SCHEMA", cause)
        for number, script in enumerate(_MIGRATIONS[version:], start=version + 1):
            journal = JOURNAL_SCHEMA if number == _JOURNAL_SINCE else ""
            self._connection.executescript(
                f"BEGIN IMMEDIATE; {script}; {journal};"
                f" PRAGMA user_version = {number}; COMMIT"
            )

    def _read_counters(self) -> Counters:
        found = self._connection.execute("SELECT * FROM ledger").fetchone()
        counters = read_ledger(found)
        if counters is None:
            cause = f"the ledger does not match its checksum: {found}"
            raise SpoolError(str(self._path), "SQLITE_CORRUPT", cause)
        return counters

    def commit(
        self,
        arrivals: Sequence[Arrival] = (),
        acknowledged: Acknowledged | None = None,
        *,
        prune: Prune = NO_PRUNE,
        now_us: int = 0,
    ) -> Counters:
        """Store arrivals, an acknowledgement or both; durable when it returns.

        Args:
            arrivals: frames to append; they get the next rows in their order.
            acknowledged: the new cursor with the outcome of the rows before it.
            prune: what to delete of the acknowledged frames in the same go.
            now_us: not earlier than the acknowledgement, UTC in microseconds; 0 for
                no mark of where the cursor is.

        Raises:
            SpoolError: nothing is stored, unless the disk failed in the very
                moment of the commit: reopen and compare the counters.
        """
        then = self.counters.after(arrivals, acknowledged)
        with self._transaction():
            self._connection.executemany(
                "INSERT INTO frames VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (row, one.received_us, one.origin, one.events, crc, one.payload)
                    for row, one in enumerate(arrivals, self.counters.last_row + 1)
                    for crc in (checksum(*one[:4]),)
                ),
            )
            self._journal.add_entities(
                name for one in arrivals for name in one.entities
            )
            copied = max((one.copy_of for one in arrivals), default=0)
            if copied:
                self._journal.move_replay(copied + 1)
            marking = self._marks.due(now_us)
            if marking:
                self._marks.write(then.cursor, now_us)
            first, freed = self._prune(then.cursor, prune)
            if marking:
                self._marks.prune(first, now_us)
            then = replace(then, pruned_bytes=then.pruned_bytes + freed)
            self._save_counters(then)
        self.counters = then
        self._first_row = first
        return then

    def _prune(self, cursor: int, prune: Prune) -> tuple[int, int]:
        """Delete acknowledged rows; return the first one left and the bytes gone."""
        until, first, freed = min(cursor, prune.until_row), self._first_row, 0
        if not prune.rows or first > until:
            return first, freed
        rows = self._connection.execute(
            "SELECT row, length(payload) FROM frames WHERE row BETWEEN ? AND ?"
            " ORDER BY row LIMIT ?",
            (first, until, prune.rows),
        ).fetchall()
        for row, size in rows:
            if freed >= prune.bytes:
                break
            first, freed = row + 1, freed + (size or 0)
        self._connection.execute("DELETE FROM frames WHERE row < ?", (first,))
        return first, freed

    def _save_counters(self, counters: Counters) -> None:
        self._connection.execute(
            "UPDATE ledger SET received = ?, forwarded = ?, written = ?, merged = ?,"
            " dead_lettered = ?, expired = ?, cursor = ?, last_row = ?,"
            " last_event_us = ?, received_bytes = ?, forwarded_bytes = ?,"
            " pruned_bytes = ?, crc32 = ?",
            (*astuple(counters), ledger_checksum(counters)),
        )

    @property
    def prunable(self) -> int:
        """Acknowledged rows that are still in the file."""
        return max(0, self.counters.cursor + 1 - self._first_row)

    def retained_since_us(self) -> int | None:
        """Return when the oldest acknowledged frame in the file was received."""
        if not self.prunable:
            return None
        with translated(self._path):
            found = self._connection.execute(
                "SELECT received_us FROM frames WHERE row >= ? ORDER BY row LIMIT 1",
                (self._first_row,),
            ).fetchone()
        return _number(found)

    def read(self, after: int, *, max_events: int, max_bytes: int) -> Chunk:
        """Return the frames behind row `after`, at least one if there is any.

        Frames are added while both limits hold, that of the bytes once they are
        decompressed. A row that does not match its
        checksum is reported as damaged instead of returned.

        Raises:
            SpoolError: the file cannot be read, or a row is missing.
        """
        frames: list[Frame] = []
        damaged: list[tuple[int, int]] = []
        last, events, size, stored = after, 0, 0, 0
        with translated(self._path), closing(self._behind(after)) as rows:
            try:
                for columns in rows:
                    if columns[0] != last + 1:
                        break
                    frame = read_row(columns)
                    count = frame.events if frame else lost_events(columns)
                    length = payload_bytes(columns)
                    events += count
                    size += plain_bytes(frame.payload) if frame else length
                    too_much = events > max_events or size > max_bytes
                    if last > after and too_much:
                        break
                    last, stored = last + 1, stored + length
                    if frame is None:
                        damaged.append((last, count))
                    else:
                        frames.append(frame)
            except sqlite3.DatabaseError:
                # What was read is good; the next read begins with the bad page.
                if last == after:
                    raise
        if last == after < self.counters.last_row:
            cause = f"no row {after + 1} of {self.counters.last_row}"
            raise SpoolError(str(self._path), "SQLITE_CORRUPT", cause)
        return Chunk(frames, damaged, last, stored)

    def _behind(self, row: int) -> Generator[tuple[Any, ...], None, None]:
        """Yield the rows behind this one, up to the first that cannot be read."""
        query = f"SELECT {COLUMNS} FROM frames WHERE row"  # noqa: S608 no input
        try:
            for columns in self._connection.execute(
                f"{query} > ? ORDER BY row", (row,)
            ):
                row = columns[0]
                yield columns
        except sqlite3.DatabaseError:
            # Python looks one row ahead, so that the last good one is missing.
            while found := self._connection.execute(
                f"{query} = ?", (row + 1,)
            ).fetchone():
                row += 1
                yield found

    def recent(self, *, received_since_us: int, max_events: int) -> list[Frame]:
        """Return the newest frames, acknowledged or not, the oldest of them first.

        From the last row back until one was received earlier or the events do not
        fit any more; damaged frames are left out.

        Raises:
            SpoolError: the file cannot be read.
        """
        frames: list[Frame] = []
        events = 0
        with translated(self._path):
            rows = self._connection.execute(
                f"SELECT {COLUMNS} FROM frames ORDER BY row DESC"  # noqa: S608 no input
            )
            for columns in rows:
                frame = read_row(columns)
                if frame is None:
                    continue
                events += frame.events
                if frame.received_us < received_since_us or events > max_events:
                    break
                frames.append(frame)
            rows.close()
        frames.reverse()
        return frames

    def mark(self, time_us: int) -> Mark | None:
        """Return where the cursor was at a time or before; None if nobody knows.

        Raises:
            SpoolError: the file cannot be read.
        """
        with translated(self._path):
            return self._marks.at(time_us)

    def count(self, first: int, last: int) -> tuple[int, int]:
        """Return how many frames and events these rows hold.

        Raises:
            SpoolError: the file cannot be read.
        """
        with translated(self._path):
            found = self._connection.execute(
                "SELECT count(*), coalesce(sum(events), 0) FROM frames"
                " WHERE row BETWEEN ? AND ?",
                (first, last),
            ).fetchone()
        return int(found[0]), int(found[1])

    def copies(self, replay: ReplayPosition, *, max_bytes: int) -> tuple[Chunk, int]:
        """Return the next frames of a replay, and how many rows are gone before them.

        The chunk ends at `until_row` once there is nothing more to copy.

        Raises:
            SpoolError: the file cannot be read.
        """
        first = max(replay.next_row, self._first_row)
        chunk = Chunk([], [], replay.until_row)
        size = 0
        with translated(self._path):
            rows = self._connection.execute(
                f"SELECT {COLUMNS} FROM frames"  # noqa: S608 no input
                " WHERE row BETWEEN ? AND ? ORDER BY row",
                (first, replay.until_row),
            )
            for columns in rows:
                if size >= max_bytes:
                    chunk = chunk._replace(last_row=columns[0] - 1)
                    break
                frame = read_row(columns)
                size += payload_bytes(columns)
                if frame is None:
                    chunk.damaged.append((columns[0], lost_events(columns)))
                else:
                    chunk.frames.append(frame)
            rows.close()
        return chunk, first - replay.next_row

    def journal(self) -> JournalView:
        """Return the gaps that are open, the sums of all, and the end note."""
        with self._sound():
            return self._journal.view()

    def gaps(self, limit: int) -> list[Gap]:
        """Return at most so many gaps, the newest first."""
        with self._sound():
            return self._journal.gaps(limit)

    def entities(self) -> set[str]:
        """Return all entities that are known."""
        with self._sound():
            return self._journal.entities()

    def save_gap(self, gap: Gap, *, after_end: bool = False) -> JournalView:
        """Write a gap, new or known by its id; durable when it returns.

        With `after_end` the note on the end of the stream is used up by it.
        """
        with self._transaction():
            self._journal.save_gap(gap)
            if after_end:
                self._journal.note_end("")
        return self.journal()

    def note_end(self, cause: str) -> JournalView:
        """Write down why the stream ended in order; durable when it returns."""
        with self._transaction():
            self._journal.note_end(cause)
        return self.journal()

    def save_replay(self, replay: ReplayPosition) -> JournalView:
        """Begin a replay, or end one (`next_row` behind `until_row`); durable."""
        with self._transaction():
            self._journal.save_replay(replay)
        return self.journal()

    def forget_entities(self, names: Iterable[str]) -> JournalView:
        """Drop entities from the known ones; durable when it returns."""
        with self._transaction():
            self._journal.forget_entities(names)
        return self.journal()

    def adopt(self, frames: Iterable[Frame]) -> None:
        """Store frames under the rows that they had, unless these are there."""
        with self._transaction():
            self._connection.executemany(
                "INSERT OR IGNORE INTO frames VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (one.row, one.received_us, one.origin, one.events, crc, one.payload)
                    for one in frames
                    for crc in (
                        checksum(one.received_us, one.origin, one.events, one.payload),
                    )
                ),
            )

    def runs(self) -> list[tuple[int, int]]:
        """Return the first and last row of each stretch without a missing row."""
        with translated(self._path):
            found = self._connection.execute(
                "SELECT min(row), max(row) FROM"
                " (SELECT row, row - row_number() OVER (ORDER BY row) AS run"
                " FROM frames) GROUP BY run ORDER BY run"
            ).fetchall()
        return [(int(first), int(last)) for first, last in found]

    def frame(self, row: int) -> Frame | None:
        """Return the frame in a row, None if it is missing or damaged."""
        with translated(self._path):
            found = self._connection.execute(
                f"SELECT {COLUMNS} FROM frames WHERE row = ?",  # noqa: S608 no input
                (row,),
            ).fetchone()
        return read_row(found) if found else None

    def sums(self, first: int, last: int) -> tuple[int, int]:
        """Return the events and the bytes in these rows."""
        with translated(self._path):
            found = self._connection.execute(
                "SELECT coalesce(sum(events), 0), coalesce(sum(length(payload)), 0)"
                " FROM frames WHERE row BETWEEN ? AND ?",
                (first, last),
            ).fetchone()
        return int(found[0]), int(found[1])

    def settle(
        self,
        counters: Counters,
        moves: Sequence[tuple[int, int, int]],
        *,
        first_row: int,
        gaps: Iterable[Gap],
        entities: Iterable[str],
        ended: str,
    ) -> None:
        """Make adopted frames the content of this file, in one transaction.

        Args:
            counters: what the ledger is to say.
            moves: (first, last, less) of rows that get a smaller number, ascending.
            first_row: frames before it and behind the counted ones are deleted.
            gaps: what the journal is to know, with the entities and the end note.
            entities: see `gaps`.
            ended: see `gaps`.
        """
        run = self._connection.execute
        with self._transaction():
            run("DELETE FROM frames WHERE row < ?", (first_row,))
            for first, last, less in moves:
                run(
                    "UPDATE frames SET row = row - ? WHERE row BETWEEN ? AND ?",
                    (less, first, last),
                )
            run("DELETE FROM frames WHERE row > ?", (counters.last_row,))
            for gap in gaps:
                self._journal.save_gap(gap)
            self._journal.add_entities(entities)
            self._journal.note_end(ended)
            self._save_counters(counters)
        self.counters = counters

    def oldest_us(self) -> int | None:
        """Return when the oldest frame that is not forwarded was received."""
        with translated(self._path):
            found = self._connection.execute(
                "SELECT received_us FROM frames WHERE row > ? ORDER BY row LIMIT 1",
                (self.counters.cursor,),
            ).fetchone()
        return _number(found)

    def size_bytes(self) -> int:
        """Return the bytes in use, without the pages that are free again."""
        with translated(self._path):
            (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
            (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
            (page,) = self._connection.execute("PRAGMA page_size").fetchone()
        return int((pages - free) * page)

    def shrink(self) -> None:
        """Give free pages and the write-ahead log back to the disk.

        Raises:
            SpoolError: there is not even room to move pages.
        """
        with translated(self._path):
            run = self._connection.execute
            for _ in range(_SHRINK_ROUNDS):
                # Only a script is stepped to its end: `execute` frees one page.
                script = f"PRAGMA incremental_vacuum({_SHRINK_PAGES})"
                self._connection.executescript(script)
                # The log takes what is moved: empty it before it grows large.
                run("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if run("PRAGMA freelist_count").fetchone() == (0,):
                    break

    def close(self) -> None:
        """Close the file; what was committed is safe with or without it."""
        with translated(self._path):
            self._connection.close()

    @contextmanager
    def _sound(self) -> Iterator[None]:
        """Turn what a damaged journal leads to into a SpoolError."""
        try:
            with translated(self._path):
                yield
        except (TypeError, ValueError) as err:
            cause = f"the journal is damaged: {err}"
            raise SpoolError(str(self._path), "SQLITE_CORRUPT", cause) from err

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with translated(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except sqlite3.Error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


def _number(found: tuple[Any, ...] | None) -> int | None:
    return found[0] if found and isinstance(found[0], int) else None


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite or the file system raises into a SpoolError."""
    try:
        yield
    except sqlite3.Error as err:
        name = getattr(err, "sqlite_errorname", None) or type(err).__name__
        if name == "SQLITE_ERROR" and _SCHEMA_IS_WRONG.search(str(err)):
            name = "SQLITE_CORRUPT_SCHEMA"
        raise SpoolError(str(path), name, str(err)) from err
    except UnicodeDecodeError as err:
        # The text of an error that quotes a damaged schema.
        raise SpoolError(str(path), "SQLITE_CORRUPT", str(err)) from err
    except OSError as err:
        raise SpoolError(str(path), type(err).__name__, str(err)) from err
