"""A file says whether it is whole, and a bad line is named with its number."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from stackproof.errors import SourceError
from stackproof.oracle import lines
from stackproof.oracle.lines import LineReader, LineWriter


class Row(msgspec.Struct, frozen=True):
    """Any row."""

    number: int
    text: str = ""


@pytest.fixture(params=[1 << 20, 7], ids=["one-block", "many-blocks"])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Read and write in blocks of this size."""
    size: int = request.param
    monkeypatch.setattr(lines, "_BLOCK_BYTES", size)
    return size


def write(path: Path, count: int, *, end: bool = True) -> None:
    """Write rows with the numbers from 0."""
    writer = LineWriter(path)
    writer.write(Row(number, "ä\n") for number in range(count))
    if end:
        writer.end()
    else:
        writer.close()


@pytest.mark.parametrize("count", [0, 1, 50])
@pytest.mark.usefixtures("block")
def test_whole_file_is_read_as_written(tmp_path: Path, count: int) -> None:
    """All rows come back, as often as asked, and the file is whole."""
    write(tmp_path / "rows", count)
    reader = LineReader[Row](tmp_path / "rows", Row)
    expected = [Row(number, "ä\n") for number in range(count)]

    assert (reader.whole, list(reader), list(reader)) == (True, expected, expected)


@pytest.mark.usefixtures("block")
def test_every_truncation_is_partial(tmp_path: Path) -> None:
    """Wherever a file is cut, its whole lines are read and it is not whole."""
    path = tmp_path / "rows"
    write(path, 3)
    content = path.read_bytes()

    for size in range(len(content)):
        path.write_bytes(content[:size])
        reader = LineReader[Row](path, Row)
        numbers = [row.number for row in reader]

        assert not reader.whole
        assert numbers == list(range(len(numbers)))
        assert len(numbers) >= min(3, content[:size].count(b"\n"))


@pytest.mark.usefixtures("block")
def test_bad_line_is_named(tmp_path: Path) -> None:
    """The message has file, line and what to do."""
    path = tmp_path / "rows"
    write(path, 20)
    content = path.read_bytes().splitlines(keepends=True)
    content[11] = b'{"number":"one"}\n'
    path.write_bytes(b"".join(content))

    with pytest.raises(SourceError, match=r"rows:12: .*`int`.*correct the line"):
        list(LineReader[Row](path, Row))


@pytest.mark.parametrize(
    "bad", [b"{", b"\xff\xfe", b"null", b"[]", b'{"end":3}', b"\x00\x00"]
)
def test_line_that_is_no_row_is_an_error(tmp_path: Path, bad: bytes) -> None:
    """Before the end no line may be unreadable."""
    path = tmp_path / "rows"
    write(path, 2)
    path.write_bytes(bad + b"\n" + path.read_bytes())

    with pytest.raises(SourceError, match="rows:1: "):
        list(LineReader[Row](path, Row))


def test_removed_line_is_an_error(tmp_path: Path) -> None:
    """A file with fewer rows than it promises was tampered with, not cut."""
    path = tmp_path / "rows"
    write(path, 3)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))

    with pytest.raises(SourceError, match="says that it has 3 rows and has 2"):
        list(LineReader[Row](path, Row))


def test_rows_after_the_end_are_an_error(tmp_path: Path) -> None:
    """What was written after the end cannot be right."""
    path = tmp_path / "rows"
    write(path, 2)
    path.write_bytes(path.read_bytes() + b'{"number":9}\n')

    with pytest.raises(SourceError, match="rows:3: "):
        list(LineReader[Row](path, Row))


def test_text_that_looks_like_an_end_is_none(tmp_path: Path) -> None:
    """A row may say anything."""
    writer = LineWriter(tmp_path / "rows")
    writer.write([Row(1, '\n{"end":1}\n')])
    writer.close()
    reader = LineReader[Row](tmp_path / "rows", Row)

    assert not reader.whole
    assert [row.text for row in reader] == ['\n{"end":1}\n']


def test_written_file_is_not_replaced(tmp_path: Path) -> None:
    """A writer never goes over what is there."""
    write(tmp_path / "rows", 1)

    with pytest.raises(FileExistsError):
        LineWriter(tmp_path / "rows")
