"""Rows of a damaged SQLite file, read page by page without SQLite.

SQLite finds a row by its way down a tree, so that one bad page hides all that is
below it, and a bad first page hides everything. Here each leaf page is read for
itself. What is found may be stale or wrong: only a checksum of its own makes a row
believable. Format: SQLite's documentation, "Database File Format".
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

__all__ = ["PageFile", "Record"]

_MAGIC: Final = b"SQLite format 3\0"
_FIRST_PAGE_HEAD: Final = 100
_TABLE_LEAF: Final = 0x0D
_LOG_HEAD: Final = struct.Struct(">8I")
_FRAME_HEAD: Final = struct.Struct(">6I")
_LOG_MAGIC: Final = 0x377F0682
_INTEGER_BYTES: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


class Record(NamedTuple):
    """A row as it is stored: its number and its columns."""

    row: int
    columns: tuple[Any, ...]


class PageFile:
    """The pages of a database file, with those of its write-ahead log on top."""

    def __init__(self, database: int, log: int | None, page_bytes: int) -> None:
        self._database = database
        self._log = log
        head = self._read(database, 0, 32)
        if head.startswith(_MAGIC):
            page_bytes = int.from_bytes(head[16:18], "big") or page_bytes
        self.page_bytes = page_bytes = 65536 if page_bytes == 1 else page_bytes
        self._logged = {} if log is None else self._committed(log)
        pages = os.fstat(database).st_size // page_bytes
        self._last = max(pages, *self._logged, 0)

    @classmethod
    @contextmanager
    def open(cls, path: Path, page_bytes: int) -> Iterator[PageFile]:
        """Open a file and its log; `page_bytes` counts if the file does not say it.

        Raises:
            OSError: one of them cannot be opened.
        """
        database = os.open(path, os.O_RDONLY)
        log = None
        try:
            beside = path.with_name(f"{path.name}-wal")
            log = os.open(beside, os.O_RDONLY) if beside.exists() else None
            yield cls(database, log, page_bytes)
        finally:
            os.close(database)
            if log is not None:
                os.close(log)

    def records(self) -> Iterator[Record]:
        """Yield what the leaf pages of all tables hold, in no order."""
        for number in range(1, self._last + 1):
            page = self._page(number)
            start = _FIRST_PAGE_HEAD if number == 1 else 0
            if len(page) == self.page_bytes and page[start] == _TABLE_LEAF:
                yield from self._cells(page, start)

    def _cells(self, page: bytes, start: int) -> Iterator[Record]:
        count = int.from_bytes(page[start + 3 : start + 5], "big")
        first = start + 8
        for at in range(first, min(first + 2 * count, len(page) - 1), 2):
            offset = int.from_bytes(page[at : at + 2], "big")
            try:
                yield self._cell(page, offset)
            except (IndexError, ValueError, struct.error):
                # Not a cell, or no longer one: its page was damaged or used again.
                continue

    def _cell(self, page: bytes, offset: int) -> Record:
        size, offset = _varint(page, offset)
        row, offset = _varint(page, offset)
        usable = self.page_bytes
        most = usable - 35
        local = size
        if size > most:
            least = (usable - 12) * 32 // 255 - 23
            local = least + (size - least) % (usable - 4)
            local = least if local > most else local
        if size > usable * self._last or offset + local > len(page):
            raise ValueError(size)
        record = page[offset : offset + local]
        if local < size:
            following = int.from_bytes(page[offset + local :][:4], "big")
            record += self._overflow(following, size - local)
        return Record(row, tuple(_columns(record)))

    def _overflow(self, number: int, size: int) -> bytes:
        """Return the rest of a record, which goes on in a chain of pages."""
        parts = []
        while size > 0:
            page = self._page(number)
            if len(page) < self.page_bytes:
                raise ValueError(number)
            number = int.from_bytes(page[:4], "big")
            parts.append(page[4 : 4 + size])
            size -= len(parts[-1])
        return b"".join(parts)

    def _page(self, number: int) -> bytes:
        """Return a page as the last commit left it, fewer bytes if there is none."""
        if number < 1 or number > self._last:
            return b""
        at = self._logged.get(number)
        if at is not None and self._log is not None:
            return self._read(self._log, at, self.page_bytes)
        return self._read(
            self._database, (number - 1) * self.page_bytes, self.page_bytes
        )

    @staticmethod
    def _read(file: int, at: int, size: int) -> bytes:
        try:
            return os.pread(file, size, at)
        except OSError:
            # A sector that cannot be read is damaged like one that is wrong.
            return b""

    def _committed(self, log: int) -> dict[int, int]:
        """Return where in the log the newest committed copy of each page is."""
        head = self._read(log, 0, _LOG_HEAD.size)
        if len(head) < _LOG_HEAD.size:
            return {}
        magic, _, page_bytes, _, *salt, first, second = _LOG_HEAD.unpack(head)
        if magic & ~1 != _LOG_MAGIC or page_bytes != self.page_bytes:
            return {}
        order = ">" if magic & 1 else "<"
        sums = _checksum(order, head[:24], (0, 0))
        if sums != (first, second):
            return {}
        committed: dict[int, int] = {}
        pending: dict[int, int] = {}
        at = _LOG_HEAD.size
        while True:
            frame = self._read(log, at, _FRAME_HEAD.size + page_bytes)
            if len(frame) < _FRAME_HEAD.size + page_bytes:
                return committed
            number, commit, *salts, first, second = _FRAME_HEAD.unpack_from(frame)
            sums = _checksum(order, frame[:8] + frame[_FRAME_HEAD.size :], sums)
            if salts != salt or sums != (first, second):
                return committed
            pending[number] = at + _FRAME_HEAD.size
            if commit:
                committed.update(pending)
                pending.clear()
            at += len(frame)


def _checksum(order: str, content: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    """Return the checksum of the log, carried on over this content."""
    one, two = sums
    words = struct.unpack(f"{order}{len(content) // 4}I", content)
    for at in range(0, len(words), 2):
        one = (one + words[at] + two) & 0xFFFFFFFF
        two = (two + words[at + 1] + one) & 0xFFFFFFFF
    return one, two


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """Return a number of one to nine bytes, and where the next thing begins."""
    value = 0
    for offset in range(at, at + 8):
        byte = content[offset]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, offset + 1
    return value << 8 | content[at + 8], at + 9


def _columns(record: bytes) -> Iterator[Any]:
    """Yield the columns of a record.

    Raises:
        ValueError: it is none.
    """
    body, at = _varint(record, 0)
    end = body
    while at < end:
        kind, at = _varint(record, at)
        size = _INTEGER_BYTES.get(kind, 0)
        if kind >= 12:
            size = (kind - 12) // 2
        elif kind == 7:
            size = 8
        piece = record[body : body + size]
        if len(piece) < size:
            raise ValueError(kind)
        body += size
        if kind in _INTEGER_BYTES:
            yield int.from_bytes(piece, "big", signed=True)
        elif kind >= 12:
            yield piece.decode() if kind % 2 else piece
        else:
            yield {0: None, 8: 0, 9: 1}.get(kind, piece)
