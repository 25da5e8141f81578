"""Files of one JSON object a line that say whether they are whole.

The last line of a whole file is `{"end": N}` with the number of the lines before it. A
file without it was being written when its writer ended: all of its whole lines are
read, and it counts as partial. A last line that is torn belongs to such a file; any
other line that cannot be read is an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from ..errors import SourceError

Row = TypeVar("Row")

_BLOCK_BYTES = 1 << 20
_END = re.compile(rb'(?:(?<=\n)|^)\{"end":(\d+)\}\n\Z')
# An end line and the byte before it have no more than this.
_LONGEST_END = 64


class LineWriter:
    """Appends rows to a file; only `end` makes it whole."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb")
        self._encoder = msgspec.json.Encoder()
        self.rows = 0

    def write(self, rows: Iterable[msgspec.Struct]) -> None:
        """Append rows and hand them to the operating system."""
        block = bytearray()
        for row in rows:
            block += self._encoder.encode(row)
            block += b"\n"
            self.rows += 1
            if len(block) >= _BLOCK_BYTES:
                self._file.write(block)
                block.clear()
        self._file.write(block)
        self._file.flush()

    def end(self) -> None:
        """Say that no row is missing, and close."""
        self._file.write(b'{"end":%d}\n' % self.rows)
        self.close()

    def close(self) -> None:
        """Close the file as it is."""
        self._file.close()


class LineReader(Generic[Row]):
    """Reads the rows of a file, a block at a time, as often as asked.

    Attributes:
        whole: whether the file says that it is.
    """

    def __init__(self, path: Path, kind: Any) -> None:
        self._path = path
        self._decoder: msgspec.json.Decoder[Row] = msgspec.json.Decoder(kind)
        self._bytes, self._promised = _extent(path)

    @property
    def whole(self) -> bool:
        """Whether the file says that nothing is missing."""
        return self._promised is not None

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows.

        Raises:
            SourceError: a line cannot be read, or their number is not the promised.
        """
        seen = 0
        for block, last in _blocks(self._path, self._bytes):
            rows = self._rows(block, before=seen, last=last)
            seen += len(rows)
            yield from rows
        if self._promised not in {None, seen}:
            raise SourceError(
                str(self._path),
                f"says that it has {self._promised} rows and has {seen}: lines were "
                "removed or added; copy the folder again, or save the run again",
            )

    def _rows(self, block: bytes, *, before: int, last: bool) -> list[Row]:
        try:
            return self._decoder.decode_lines(block)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return self._one_by_one(block, before=before, last=last)

    def _one_by_one(self, block: bytes, *, before: int, last: bool) -> list[Row]:
        rows: list[Row] = []
        lines = block.splitlines()
        for place, line in enumerate(lines, start=1):
            try:
                rows.append(self._decoder.decode(line))
            except (msgspec.MsgspecError, UnicodeDecodeError) as err:
                if last and not self.whole and place == len(lines):
                    break
                raise SourceError(
                    f"{self._path}:{before + place}",
                    f"{err}; correct the line, or save the run again",
                ) from err
        return rows


def _extent(path: Path) -> tuple[int, int | None]:
    """Return how many bytes are rows, and how many rows the end line promises."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _LONGEST_END))
        tail = file.read()
    last = _END.search(tail)
    if last is None:
        return size, None
    return size - len(last[0]), int(last[1])


def _blocks(path: Path, size: int) -> Iterator[tuple[bytes, bool]]:
    """Yield the first bytes of a file in whole lines, and whether that is the last."""
    left = b""
    with path.open("rb") as file:
        while size > 0:
            block = file.read(min(size, _BLOCK_BYTES))
            size -= len(block)
            whole, newline, rest = (left + block).rpartition(b"\n")
            if size <= 0:
                yield left + block, True
            elif newline:
                left = rest
                yield whole + newline, False
            else:
                left += block
