"""Pages: without SQLite the same rows are found, from the file and from its log."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from websocket_ingestion.pages import PageFile

PAGE = 512


@pytest.fixture
def raw(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Return a database with a log that is not written back by itself."""
    with closing(sqlite3.connect(tmp_path / "db", isolation_level=None)) as raw:
        raw.execute(f"PRAGMA page_size = {PAGE}")
        raw.execute("PRAGMA journal_mode = WAL")
        raw.execute("PRAGMA wal_autocheckpoint = 0")
        raw.execute("CREATE TABLE t (row INTEGER PRIMARY KEY, a, b, c, d)")
        yield raw


def crashed(tmp_path: Path) -> Path:
    """Return a copy of the files as they are now, as a kill leaves them."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("db", "db-wal"):
        shutil.copyfile(tmp_path / name, copy / name)
    return copy / "db"


def rows(path: Path) -> dict[int, tuple[Any, ...]]:
    """Return the rows of the table, by their numbers."""
    with PageFile.open(path, 4096) as pages:
        found = [one for one in pages.records() if len(one.columns) == 5]
    return {row: columns[1:] for row, columns in found if columns[1] != "table"}


VALUES = [
    (None, 0, 1, -1),
    (127, -128, 32_767, -32_768),
    (2**23 - 1, -(2**31), 2**47 - 1, -(2**63)),
    ("", "text ä", b"", b"\x00\xff"),
    ("x" * 400, b"y" * 5000, "z" * 60_000, 7),
]


@pytest.mark.parametrize("written_back", [False, True])
def test_all_kinds_of_values_are_read(
    tmp_path: Path, raw: sqlite3.Connection, *, written_back: bool
) -> None:
    """Integers of every size, text and bytes, within a page or over many."""
    for values in VALUES:
        raw.execute("INSERT INTO t (a, b, c, d) VALUES (?, ?, ?, ?)", values)
    if written_back:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    assert rows(crashed(tmp_path)) == dict(enumerate(VALUES, 1))


def test_many_rows_and_large_numbers(tmp_path: Path, raw: sqlite3.Connection) -> None:
    """A tree of several levels; row numbers of one to nine bytes."""
    numbers = [*range(1, 2000), *(2**power for power in range(12, 63))]
    raw.executemany(
        "INSERT INTO t VALUES (?, 1, 2, 3, ?)", ((one, f"row {one}") for one in numbers)
    )
    found = rows(crashed(tmp_path))

    assert found == {one: (1, 2, 3, f"row {one}") for one in numbers}


def test_what_is_not_committed_does_not_count(
    tmp_path: Path, raw: sqlite3.Connection
) -> None:
    """Pages of an open transaction are in the log, without the mark of a commit."""
    raw.execute("INSERT INTO t VALUES (1, 'kept', 0, 0, 0)")
    before = (tmp_path / "db-wal").stat().st_size
    raw.execute("PRAGMA cache_size = 5")
    raw.execute("BEGIN")
    raw.executemany(
        "INSERT INTO t VALUES (?, 'open', 0, 0, ?)",
        ((row, b"x" * 300) for row in range(2, 200)),
    )
    spilled = (tmp_path / "db-wal").stat().st_size
    found = rows(crashed(tmp_path))
    raw.execute("ROLLBACK")

    assert spilled > before
    assert found == {1: ("kept", 0, 0, 0)}


@pytest.mark.parametrize("what", ["cut", "changed", "another-salt"])
def test_the_log_counts_up_to_what_is_wrong(
    tmp_path: Path, raw: sqlite3.Connection, what: str
) -> None:
    """Behind a frame that is torn or from an earlier log nothing is believed."""
    ends = []
    for row in range(1, 5):
        raw.execute("INSERT INTO t VALUES (?, 'v', 0, 0, 0)", (row,))
        ends.append((tmp_path / "db-wal").stat().st_size)
    path = crashed(tmp_path)
    log = path.with_name("db-wal")
    content = bytearray(log.read_bytes())
    match what:
        case "cut":
            del content[ends[2] - 1 :]
        case "changed":
            content[ends[2] - 1] ^= 1
        case _:
            content[ends[1] + 8] ^= 1
    log.write_bytes(content)

    assert sorted(rows(path)) == [1, 2]


def test_garbage_is_no_row(tmp_path: Path) -> None:
    """A file of anything gives nothing that has the shape of a row, and no error."""
    path = tmp_path / "db"
    path.write_bytes(b"\x0d\xff" * 100_000)

    assert rows(path) == {}
    path.write_bytes(b"")
    assert rows(path) == {}
