"""The dead-letter file: durable, without doubles, bounded, and readable in pages."""

# ruff: noqa: ASYNC240 - nothing else runs in the loop of these tests

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from enrichment_pipeline import deadletters as module
from enrichment_pipeline.batch import Reject
from enrichment_pipeline.deadletters import (
    DeadLetters,
    Judge,
    lines_backwards,
    record_of,
)
from enrichment_pipeline.errors import DeadLetterError, Reason


def reject(number: int, **changes: Any) -> Reject:
    """Return a reject of its own event."""
    parts: dict[str, Any] = {
        "reason": Reason.LINE_REFUSED,
        "detail": "unable to parse",
        "payload": f"state v=NaN {number}",
        "entity_id": "sensor.a",
        "time_us": number,
    }
    return Reject(**(parts | changes))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file, in a folder that does not exist yet."""
    return tmp_path / "kept" / "dead.jsonl"


def letters(path: Path, max_bytes: int = 1 << 20) -> DeadLetters:
    """Return the dead letters of a process that has just started."""
    return DeadLetters(path, max_bytes=max_bytes, clock=lambda: 1_000.0)


def numbers(path: Path) -> list[int]:
    """Return the times of the records in the file."""
    return [json.loads(line)["time_us"] for line in path.read_text().splitlines()]


@pytest.mark.asyncio
async def test_record_is_one_line_of_json(path: Path) -> None:
    """A record holds the reason, the evidence and the event, newlines escaped."""
    await letters(path).add([reject(7, payload='two\nlines "quoted"')])

    (line,) = path.read_text().splitlines()
    assert json.loads(line) == {
        "id": record_of(reject(7), 0.0).id,
        "at": "1970-01-01T00:16:40.000000Z",
        "reason": "line_refused",
        "detail": "unable to parse",
        "events": 1,
        "entity_id": "sensor.a",
        "time_us": 7,
        "payload": 'two\nlines "quoted"',
        "truncated": False,
        "origin": None,
        "retries": 0,
        "last_retry_at": None,
    }


@pytest.mark.asyncio
async def test_record_is_synced_before_add_returns(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record is complete in the file at the moment of the fsync."""
    at_sync: list[int] = []
    sync = os.fsync

    def watch(fd: int) -> None:
        at_sync.append(os.fstat(fd).st_size)
        sync(fd)

    dead = letters(path)
    await dead.open()
    monkeypatch.setattr(os, "fsync", watch)

    await dead.add([reject(1)])

    assert at_sync == [path.stat().st_size]


@pytest.mark.asyncio
async def test_batch_that_is_sent_again_adds_nothing(path: Path) -> None:
    """The same events give the same ids, in this process and in the next."""
    batch = [reject(1), reject(2), reject(2, detail="other words")]
    first = letters(path)

    await first.add(batch)
    await first.add(batch)
    await letters(path).add([*batch, reject(3)])

    assert numbers(path) == [1, 2, 3]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (reject(1), reject(2)),
        (reject(1), reject(1, entity_id="sensor.b")),
        (reject(1, time_us=None, row=1), reject(1, time_us=None, row=2)),
        (reject(1, time_us=None), reject(1, time_us=None, payload="x")),
    ],
    ids=["time", "entity", "row", "content"],
)
def test_other_events_have_other_ids(one: Reject, other: Reject) -> None:
    """The key of an event, or its place and content, make the id."""
    assert record_of(one, 0.0).id != record_of(other, 0.0).id


def test_id_does_not_depend_on_weather_or_words() -> None:
    """The line of a known event may differ from try to try; the id does not."""
    again = reject(
        1, payload="state v=NaN,w_temperature=3.0 1", reason="internal_error"
    )

    assert record_of(reject(1), 0.0).id == record_of(again, 5.0).id


def test_long_payload_is_cut_and_flagged() -> None:
    """What is left out is said."""
    record = record_of(reject(1, payload="x" * 2_000_000), 0.0)

    assert (len(record.payload), record.truncated) == (1024 * 1024, True)


@pytest.mark.asyncio
async def test_full_file_refuses_and_keeps_what_it_has(path: Path) -> None:
    """Nothing is dropped: the caller is told, with what to do about it."""
    dead = letters(path, max_bytes=400)
    await dead.add([reject(1)])

    with pytest.raises(DeadLetterError, match=r"it is full .* DEADLETTER_MAX_MB"):
        await dead.add([reject(2), reject(3)])
    assert dead.has_room is False
    await dead.add([reject(1)])

    assert numbers(path) == [1]
    assert dead.stats().records == 1


@pytest.mark.asyncio
async def test_file_may_be_moved_away(path: Path) -> None:
    """A person makes room by moving the file; the service goes on with a new one."""
    dead = letters(path, max_bytes=400)
    await dead.add([reject(1)])
    with pytest.raises(DeadLetterError):
        await dead.add([reject(2), reject(3)])
    path.rename(path.with_suffix(".old"))

    await dead.open()
    assert dead.has_room is True
    await dead.add([reject(2)])

    assert numbers(path) == [2]
    assert (dead.stats().records, dead.stats().bytes) == (1, path.stat().st_size)


@pytest.mark.asyncio
@pytest.mark.parametrize("cut", [1, 20, 100])
async def test_torn_last_line_is_removed(path: Path, cut: int) -> None:
    """A line that was never finished was never acknowledged; it comes again."""
    await letters(path).add([reject(1), reject(2)])
    path.write_bytes(path.read_bytes()[:-cut])

    dead = letters(path)
    with capture_logs() as logs:
        await dead.open()
    await dead.add([reject(2), reject(3)])

    assert numbers(path) == [1, 2, 3]
    assert [line["event"] for line in logs] == ["deadletters.torn_line_removed"]


@pytest.mark.asyncio
async def test_torn_only_line_leaves_an_empty_file(path: Path) -> None:
    """The file may hold nothing but a torn line."""
    path.parent.mkdir()
    path.write_bytes(b'{"id":"abc')

    dead = letters(path)
    await dead.open()

    assert path.read_bytes() == b""
    assert dead.stats().records == 0


@pytest.mark.asyncio
async def test_failed_write_leaves_the_file_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up half-way through a record leaves no half record."""
    dead = letters(path)
    await dead.add([reject(1)])
    before = path.read_bytes()
    write = os.write

    def half(fd: int, data: memoryview) -> int:
        if len(data) > 50:
            return write(fd, data[:50])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(DeadLetterError, match="No space left on device"):
        await dead.add([reject(2)])
    monkeypatch.undo()

    assert path.read_bytes() == before
    room = [dead.has_room]
    await dead.add([reject(2)])
    assert [*room, dead.has_room] == [False, True]
    assert numbers(path) == [1, 2]


@pytest.mark.asyncio
async def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """The message holds the path and the system's reason."""
    (tmp_path / "file").write_text("")
    dead = letters(tmp_path / "file" / "dead.jsonl")

    with pytest.raises(DeadLetterError, match=r"dead\.jsonl: (Not a dir|File exists)"):
        await dead.open()


@pytest.mark.asyncio
async def test_pages_go_from_the_newest_to_the_oldest(path: Path) -> None:
    """Each page begins where the one before ended; the last one says so."""
    dead = letters(path)
    for number in range(5):
        await dead.add([reject(number)])

    seen: list[int | None] = []
    after: str | None = None
    while True:
        page = await dead.page(limit=2, after=after)
        assert page is not None
        seen += [one.time_us for one in page.deadletters]
        after = page.next
        if after is None:
            break

    assert seen == [4, 3, 2, 1, 0]


@pytest.mark.asyncio
async def test_page_after_an_unknown_id_is_none(path: Path) -> None:
    """An id that is in no record is told apart from the end."""
    dead = letters(path)
    await dead.add([reject(1)])

    assert await dead.page(limit=5, after="0" * 24) is None
    empty = await letters(path.with_name("other")).page(limit=5, after=None)
    assert empty is not None
    assert (empty.deadletters, empty.next) == ([], None)


@pytest.mark.asyncio
async def test_page_is_bounded_in_size(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page ends early rather than become huge, and the next one goes on."""
    monkeypatch.setattr(module, "MAX_PAGE_BYTES", 500)
    dead = letters(path)
    await dead.add([reject(number, payload="x" * 400) for number in range(3)])

    page = await dead.page(limit=100, after=None)

    assert page is not None
    assert [one.time_us for one in page.deadletters] == [2]
    assert page.next == page.deadletters[-1].id


@pytest.mark.asyncio
async def test_line_that_is_no_record_is_passed_over(path: Path) -> None:
    """A damaged line in the middle hides no other record."""
    dead = letters(path)
    await dead.add([reject(1)])
    with path.open("ab") as file:
        file.write(b"\x00\x00damaged\n")
    await dead.add([reject(2)])

    page = await dead.page(limit=10, after=None)

    assert page is not None
    assert [one.time_us for one in page.deadletters] == [2, 1]


@pytest.mark.asyncio
async def test_ids_are_remembered_within_bounds(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the latest ids are kept in memory, also after a restart."""
    monkeypatch.setattr(module, "MAX_REMEMBERED", 10)
    await letters(path).add([reject(number) for number in range(30)])

    dead = letters(path)
    await dead.open()

    assert len(dead._ids) == 10
    assert record_of(reject(29), 0.0).id in dead._ids


def without(*times: int) -> Judge:
    """Return a judge that lets the records of these times leave."""

    async def judge(lines: list[bytes]) -> list[bytes]:
        return [line for line in lines if json.loads(line)["time_us"] not in times]

    return judge


@pytest.mark.asyncio
async def test_revision_keeps_what_the_judge_keeps(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sees every line once, in order and in bounded pieces."""
    monkeypatch.setattr(module, "CHUNK_LINES", 2)
    dead = letters(path)
    await dead.add([reject(number) for number in range(5)])
    seen: list[list[int]] = []
    leaves = without(0, 3, 4)

    async def judge(lines: list[bytes]) -> list[bytes]:
        seen.append([json.loads(line)["time_us"] for line in lines])
        return await leaves(lines)

    await dead.revise(judge)

    assert seen == [[0, 1], [2, 3], [4]]
    assert numbers(path) == [1, 2]
    assert (dead.stats().records, dead.stats().bytes) == (2, path.stat().st_size)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.asyncio
async def test_record_that_left_may_come_again(path: Path) -> None:
    """It is not taken for a known one, and the others still are."""
    dead = letters(path)
    await dead.add([reject(1), reject(2)])
    await dead.revise(without(1))

    await dead.add([reject(1), reject(2)])

    assert numbers(path) == [2, 1]


@pytest.mark.asyncio
async def test_records_that_come_during_a_revision_stay(path: Path) -> None:
    """They are added to the old file and are in the new one."""
    dead = letters(path)
    await dead.add([reject(1), reject(2)])

    async def judge(lines: list[bytes]) -> list[bytes]:
        await dead.add([reject(3)])
        return lines[1:]

    await dead.revise(judge)
    await dead.add([reject(3), reject(4)])

    assert numbers(path) == [2, 3, 4]


@pytest.mark.asyncio
async def test_broken_off_addition_is_not_in_the_new_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes of a failed write that were taken back never reach the new file."""
    dead = letters(path)
    await dead.add([reject(1), reject(2)])
    write = os.write

    def half(fd: int, data: memoryview) -> int:
        if len(data) > 50:
            return write(fd, data[:50])
        raise OSError(28, "No space left on device")

    async def judge(lines: list[bytes]) -> list[bytes]:
        monkeypatch.setattr(os, "write", half)
        with pytest.raises(DeadLetterError):
            await dead.add([reject(3)])
        monkeypatch.undo()
        await dead.add([reject(4)])
        return lines[1:]

    await dead.revise(judge)

    assert numbers(path) == [2, 4]


@pytest.mark.asyncio
async def test_revision_that_changes_nothing_writes_nothing(path: Path) -> None:
    """The file stays the same file."""
    dead = letters(path)
    await dead.add([reject(1)])
    before = path.stat().st_ino

    await dead.revise(without())

    assert path.stat().st_ino == before


@pytest.mark.asyncio
async def test_judge_that_gives_up_changes_nothing(path: Path) -> None:
    """Also when the first lines were judged already."""
    dead = letters(path)
    await dead.add([reject(1), reject(2)])
    before = path.read_bytes()

    async def judge(lines: list[bytes]) -> list[bytes]:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await dead.revise(judge)

    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.asyncio
@pytest.mark.parametrize("step", ["fsync", "replace", "fsync of the folder"])
async def test_new_file_is_on_disk_before_it_takes_the_place(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Whichever step fails, one of both files is there, whole; a retry can follow."""
    dead = letters(path)
    await dead.add([reject(1), reject(2)])
    steps: list[str] = []
    sync, replace = os.fsync, Path.replace

    def failing_sync(fd: int) -> None:
        name = "fsync of the folder" if "replace" in steps else "fsync"
        steps.append(name)
        if name == step:
            raise OSError(5, "Input/output error")
        sync(fd)

    def failing_replace(source: Path, target: Path) -> Path:
        steps.append("replace")
        if step == "replace":
            raise OSError(5, "Input/output error")
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", failing_sync)
    monkeypatch.setattr(Path, "replace", failing_replace)
    with pytest.raises(DeadLetterError, match="Input/output error"):
        await dead.revise(without(1))
    monkeypatch.undo()

    assert steps == ["fsync", "replace", "fsync of the folder"][: len(steps)]
    assert steps[-1] == step
    assert numbers(path) in ([1, 2], [2])
    await letters(path).revise(without(1))
    assert numbers(path) == [2]


@pytest.mark.asyncio
async def test_leftover_of_a_killed_revision_does_not_matter(path: Path) -> None:
    """A half-written new file is begun anew."""
    dead = letters(path)
    await dead.add([reject(1), reject(2)])
    path.with_name("dead.jsonl.new").write_bytes(b'{"id":"left over')

    await dead.revise(without(1))

    assert numbers(path) == [2]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.asyncio
async def test_file_that_is_moved_away_during_a_revision_is_left_alone(
    path: Path,
) -> None:
    """The person's file keeps its records, the new one keeps its own."""
    dead = letters(path)
    await dead.add([reject(1)])
    old = path.with_suffix(".old")

    async def judge(lines: list[bytes]) -> list[bytes]:
        path.rename(old)
        await dead.add([reject(2)])
        return []

    with pytest.raises(DeadLetterError, match="moved away"):
        await dead.revise(judge)

    assert (numbers(old), numbers(path)) == ([1], [2])


@pytest.mark.asyncio
async def test_new_file_that_cannot_be_made_is_an_error(path: Path) -> None:
    """The message names the cause; nothing has changed."""
    dead = letters(path)
    await dead.add([reject(1)])
    path.with_name("dead.jsonl.new").mkdir()

    with pytest.raises(DeadLetterError, match="Is a directory"):
        await dead.revise(without(1))

    assert numbers(path) == [1]


@pytest.mark.parametrize("block", [1, 3, 7, 1000])
def test_lines_are_read_from_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    """Whatever the size of a block is, lines come whole and in reverse."""
    monkeypatch.setattr(module, "_BLOCK_BYTES", block)
    file = tmp_path / "lines"
    file.write_bytes(b"one\n\ntwo two\nthree\n")
    fd = os.open(file, os.O_RDONLY)

    lines = list(lines_backwards(fd))

    os.close(fd)
    assert lines == [b"three", b"two two", b"one"]
