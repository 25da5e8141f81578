"""The spool's file: an SQLite database with one row a frame and the counters.

Blocking, and used from one thread only (SQLite's own check holds that). Every
change is one transaction: rows, cursor and counters move together or not at all.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, replace
from pathlib import Path
from typing import Final, NamedTuple, Self

from servicekit.wire import Frame

from .errors import SpoolError
from .gaps import Gap
from .journal import JOURNAL_SCHEMA, Journal, JournalView
from .ledger import Acknowledged, Arrival, Counters
from .replay import ReplayPosition
from .rows import COLUMNS, checksum, lost_events, read_row

__all__ = ["NO_PRUNE", "Chunk", "Prune", "Store", "translated"]

_PAGE_BYTES: Final = 4096
_CHECKPOINT_PAGES: Final = 1000
_BUSY_MILLISECONDS: Final = 1000
_JOURNAL_SINCE: Final = 2
_SHRINK_PAGES: Final = 500
_SHRINK_ROUNDS: Final = 20

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
)
"""One script per schema version, applied in order; `user_version` counts them. With
the second one come the tables of the journal."""


class Chunk(NamedTuple):
    """What one read gave: good frames, and the damaged rows as (row, events).

    `bytes` is the size of all payloads, of the damaged ones too.
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
        run = self._connection.execute
        run(f"PRAGMA page_size = {_PAGE_BYTES}")
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
        found = self._connection.execute(
            "SELECT received, forwarded, written, merged, dead_lettered, expired,"
            " cursor, last_row, last_event_us, received_bytes, forwarded_bytes,"
            " pruned_bytes FROM ledger"
        ).fetchone()
        if found is None:
            raise SpoolError(str(self._path), "SQLITE_CORRUPT", "the ledger is empty")
        return Counters(*found)

    def commit(
        self,
        arrivals: Sequence[Arrival] = (),
        acknowledged: Acknowledged | None = None,
        *,
        prune: Prune = NO_PRUNE,
    ) -> Counters:
        """Store arrivals, an acknowledgement or both; durable when it returns.

        Args:
            arrivals: frames to append; they get the next rows in their order.
            acknowledged: the new cursor with the outcome of the rows before it.
            prune: what to delete of the acknowledged frames in the same go.

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
            first, freed = self._prune(then.cursor, prune)
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
            " pruned_bytes = ?",
            astuple(counters),
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
        return int(found[0]) if found else None

    def read(self, after: int, *, max_events: int, max_bytes: int) -> Chunk:
        """Return the frames behind row `after`, at least one if there is any.

        Frames are added while both limits hold. A row that does not match its
        checksum is reported as damaged instead of returned.

        Raises:
            SpoolError: the file cannot be read, or a row is missing.
        """
        frames: list[Frame] = []
        damaged: list[tuple[int, int]] = []
        last, events, size = after, 0, 0
        with translated(self._path):
            rows = self._connection.execute(
                f"SELECT {COLUMNS} FROM frames WHERE row > ? ORDER BY row",  # noqa: S608 no input
                (after,),
            )
            for columns in rows:
                if columns[0] != last + 1:
                    break
                frame = read_row(columns)
                count = frame.events if frame else lost_events(columns)
                events, length = events + count, len(columns[5] or b"")
                if last > after and (events > max_events or size + length > max_bytes):
                    break
                last, size = last + 1, size + length
                if frame is None:
                    damaged.append((last, count))
                else:
                    frames.append(frame)
            rows.close()
        if last == after < self.counters.last_row:
            cause = f"no row {after + 1} of {self.counters.last_row}"
            raise SpoolError(str(self._path), "SQLITE_CORRUPT", cause)
        return Chunk(frames, damaged, last, size)

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

    def count(self, first: int, last: int, since_us: int) -> tuple[int, int]:
        """Return frames and events of the rows that were received since then.

        Raises:
            SpoolError: the file cannot be read.
        """
        with translated(self._path):
            found = self._connection.execute(
                "SELECT count(*), coalesce(sum(events), 0) FROM frames"
                " WHERE row BETWEEN ? AND ? AND received_us >= ?",
                (first, last, since_us),
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
                " WHERE row BETWEEN ? AND ? AND received_us >= ? ORDER BY row",
                (first, replay.until_row, replay.since_us),
            )
            for columns in rows:
                if size >= max_bytes:
                    chunk = chunk._replace(last_row=columns[0] - 1)
                    break
                frame = read_row(columns)
                size += len(columns[5] or b"")
                if frame is None:
                    chunk.damaged.append((columns[0], lost_events(columns)))
                else:
                    chunk.frames.append(frame)
            rows.close()
        return chunk, first - replay.next_row

    def journal(self) -> JournalView:
        """Return the gaps that are open, the sums of all, and the end note."""
        with translated(self._path):
            return self._journal.view()

    def gaps(self, limit: int) -> list[Gap]:
        """Return at most so many gaps, the newest first."""
        with translated(self._path):
            return self._journal.gaps(limit)

    def entities(self) -> set[str]:
        """Return all entities that are known."""
        with translated(self._path):
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

    def oldest_us(self) -> int | None:
        """Return when the oldest frame that is not forwarded was received."""
        with translated(self._path):
            found = self._connection.execute(
                "SELECT received_us FROM frames WHERE row > ? ORDER BY row LIMIT 1",
                (self.counters.cursor,),
            ).fetchone()
        return int(found[0]) if found else None

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


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite or the file system raises into a SpoolError."""
    try:
        yield
    except sqlite3.Error as err:
        name = getattr(err, "sqlite_errorname", None) or type(err).__name__
        raise SpoolError(str(path), name, str(err)) from err
    except OSError as err:
        raise SpoolError(str(path), type(err).__name__, str(err)) from err
