"""Salvage: whatever byte of the file is wrong, what is readable is kept and counted."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import msgspec
import pytest

from servicekit.compression import Compressor
from servicekit.wire import Frame, Origin, Outcome
from websocket_ingestion.errors import SpoolError
from websocket_ingestion.gaps import Gap
from websocket_ingestion.ledger import Acknowledged, Arrival, Counters
from websocket_ingestion.salvage import (
    Salvaged,
    _event_us,
    finish_salvage,
    salvage,
)
from websocket_ingestion.store import PAGE_BYTES, Store

NOW_US = 9_000_000_000
SECOND = 1_000_000
Damage = Callable[[Path], None]


def payload(second: int, size: int) -> bytes:
    """Return a live frame of two events, the last one at this second."""
    head = (
        f'{{"type":"event","event":{{"event_type":"state_changed","data":"{"x" * size}"'
    )
    fired = f"1970-01-01T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
    one = f'{head},"time_fired":"{fired}"}}}}'
    return f"[{one},{one}]".encode()


def filled(path: Path, *, frames: int = 60, done: int = 20, size: int = 1500) -> None:
    """Make a spool with one frame a second, some of them acknowledged."""
    arrivals = [
        Arrival(
            second * SECOND,
            Origin.LIVE,
            2,
            payload(second, size if second % 7 else 9 * size),
            second * SECOND,
            (f"sensor.s{second}",),
        )
        for second in range(1, frames + 1)
    ]
    with closing(Store.open(path)) as store:
        for at in range(0, frames, 10):
            store.commit(arrivals[at : at + 10])
        store.save_gap(Gap(id=3, cause="open", opened_us=5, from_us=1, until_us=None))
        store.note_end("was stopped")
        gone = sum(len(one.payload) for one in arrivals[:done])
        store.commit((), Acknowledged(done, Outcome(2 * done, 0, 0, 0), gone))


def content(path: Path) -> tuple[Counters, list[Frame]]:
    """Return the counters and all frames that are not forwarded."""
    with closing(Store.open(path)) as store:
        counters = store.counters
        frames: list[Frame] = []
        while len(frames) < counters.frames:
            after = counters.cursor + len(frames)
            chunk = store.read(after, max_events=50, max_bytes=10**6)
            assert chunk.damaged == []
            frames += chunk.frames
    return counters, frames


def seconds(frames: list[Frame]) -> list[int]:
    """Return when the frames were received."""
    return [frame.received_us // SECOND for frame in frames]


def rescue(path: Path, **more: object) -> Salvaged:
    """Salvage without any help of a running process."""
    wanted = {"believed": None, "known": (), "now_us": NOW_US, **more}
    return salvage(path, "test", **wanted)  # type: ignore[arg-type]


def page_of(path: Path, table: str) -> int:
    """Return the first page of a table."""
    with closing(sqlite3.connect(path)) as raw:
        (page,) = raw.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)
        ).fetchone()
    return int(page)


def overwrite(path: Path, page: int, content: bytes = b"\xa5" * PAGE_BYTES) -> None:
    """Put other bytes at the beginning of a page."""
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE_BYTES)
        file.write(content)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a spool with 60 frames is, 20 of them acknowledged."""
    made = tmp_path / "spool.db"
    filled(made)
    return made


def test_nothing_is_lost_without_damage_to_a_frame(path: Path) -> None:
    """Counters, frames, retained frames, gaps, entities and the end note come along."""
    before = content(path)
    with closing(Store.open(path)) as store:
        journal, entities = store.journal(), store.entities()
    report = rescue(path)
    after = content(path)
    with closing(Store.open(path)) as store:
        again = store.journal(), store.entities()
        retained = store.retained_since_us()

    assert after == before
    assert again == (journal, entities)
    assert retained == SECOND
    assert (report.lost_events, report.lost_frames, report.gap) == (0, 0, None)
    assert report.kept_frames == 40
    assert report.moved_to.exists()


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(lambda path: 1, id="first-page"),
        pytest.param(lambda path: page_of(path, "frames"), id="root-of-frames"),
        pytest.param(lambda path: page_of(path, "entities"), id="entities"),
    ],
)
def test_frames_are_found_without_the_way_to_them(
    path: Path, page: Callable[[Path], int]
) -> None:
    """A page that holds no frame costs no frame, even if SQLite sees none of them."""
    before = content(path)
    overwrite(path, page(path))
    report = rescue(path)

    assert content(path) == before
    assert (report.lost_events, report.gap) == (0, None)


def test_a_first_page_that_is_empty_loses_no_frame(path: Path) -> None:
    """The schema is gone, and even the size of the pages."""
    before = content(path)
    overwrite(path, 1, bytes(PAGE_BYTES))
    rescue(path)

    assert content(path) == before


def test_open_gaps_survive_the_loss_of_the_schema(path: Path) -> None:
    """What is still to be fetched from history is not forgotten."""
    overwrite(path, 1)
    rescue(path)
    with closing(Store.open(path)) as store:
        assert [gap.cause for gap in store.journal().open_gaps] == ["open"]


def leaf_with(path: Path, row: int) -> int:
    """Return a page that a frame is on, by its payload."""
    needle = payload(row, 1500 if row % 7 else 9 * 1500)[-40:]
    return path.read_bytes().index(needle) // PAGE_BYTES + 1


def test_what_is_lost_is_counted_and_becomes_a_gap(path: Path) -> None:
    """The sums hold, the rest keeps its order, and the gap covers what is missing."""
    before, frames = content(path)
    overwrite(path, leaf_with(path, 41))
    report = rescue(path)
    after, kept = content(path)
    lost = sorted(set(seconds(frames)) - set(seconds(kept)))
    _, gap = gaps(path)

    assert 41 in lost
    assert len(lost) <= 3
    assert seconds(kept) == sorted(seconds(kept))
    assert [frame.row for frame in kept] == list(range(21, 21 + len(kept)))
    assert report.lost_frames == len(lost)
    assert report.lost_events == 2 * len(lost)
    assert after.received == before.received
    assert after.dead_lettered == before.dead_lettered + 2 * len(lost)
    assert after.pending == 2 * len(kept)
    assert gap == report.gap
    assert (gap.id, gap.cause) == (4, "the spool was damaged: test")
    assert gap.from_us == (lost[0] - 1) * SECOND
    assert gap.until_us == (lost[-1] + 1) * SECOND


def test_a_gap_ends_with_an_event_of_a_compressed_frame(path: Path) -> None:
    """Its time is that of what is in it, not that of its receipt."""
    at = Frame(7, Origin.LIVE, 99 * SECOND, 2, Compressor()(payload(41, 9000)))
    damaged = msgspec.structs.replace(at, payload=at.payload[:-1])

    assert len(at.payload) < 1000
    assert _event_us(at) == 41 * SECOND
    assert _event_us(damaged) == 99 * SECOND


def gaps(path: Path) -> tuple[Gap, ...]:
    """Return the gaps that are open."""
    with closing(Store.open(path)) as store:
        return store.journal().open_gaps


def test_the_end_of_the_file_is_gone(path: Path) -> None:
    """A file that was cut short: the gap ends with the last event that was counted."""
    os.truncate(path, path.stat().st_size // 2)
    report = rescue(path)
    counters, kept = content(path)

    assert report.lost_frames > 0
    assert report.lost_frames + len(kept) == 40
    assert report.gap is not None
    assert report.gap.until_us == 60 * SECOND
    assert counters.received == counters.forwarded + counters.pending == 120


def test_frames_in_memory_are_not_lost(path: Path) -> None:
    """What the process still holds fills the holes of the file."""
    _, frames = content(path)
    overwrite(path, leaf_with(path, 41))
    report = rescue(path, known=frames[15:])

    assert content(path)[1] == frames
    assert report.gap is None


def test_a_ledger_that_is_unreadable_is_the_one_in_memory(path: Path) -> None:
    """A running process knows its counters, so that the account goes on."""
    before = content(path)
    overwrite(path, page_of(path, "ledger"))
    report = rescue(path, believed=before[0])

    assert report.last_row is None
    assert content(path) == before


def test_without_any_ledger_all_frames_are_handed_on_again(path: Path) -> None:
    """Sending twice is harmless; what is missing nobody knows, so a gap is opened."""
    overwrite(path, page_of(path, "ledger"))
    report = rescue(path)
    counters, frames = content(path)

    assert seconds(frames) == list(range(1, 61))
    assert (counters.received, counters.pending, counters.forwarded) == (120, 120, 0)
    assert counters.last_event_us == 60 * SECOND
    assert report.gap is not None
    assert (report.gap.from_us, report.gap.until_us) == (60 * SECOND, NOW_US)


def test_the_log_counts_and_its_torn_end_does_not(path: Path, tmp_path: Path) -> None:
    """Commits that are only in the write-ahead log are found, as far as it is whole."""
    crashed = tmp_path / "crashed" / path.name
    crashed.parent.mkdir()
    with closing(Store.open(path)) as store:
        for second in (61, 62):
            store.commit([Arrival(second * SECOND, Origin.LIVE, 1, b"n" * 9000)])
        for name in (path.name, f"{path.name}-wal"):
            shutil.copyfile(path.with_name(name), crashed.with_name(name))
    log = crashed.with_name(f"{path.name}-wal")
    os.truncate(log, log.stat().st_size - 100)
    overwrite(crashed, 1)
    report = rescue(crashed)
    _, frames = content(crashed)

    assert seconds(frames)[-1] == 61
    assert report.lost_events == 0


def test_retained_frames_have_no_hole(path: Path) -> None:
    """Of the acknowledged ones those before a missing one are not shown as kept."""
    overwrite(path, leaf_with(path, 10))
    report = rescue(path)
    with closing(Store.open(path)) as store:
        since_us = store.retained_since_us() or 0
        counters = store.counters

    assert 10 * SECOND < since_us <= 14 * SECOND
    assert counters.retained_bytes > 0
    assert (report.lost_events, report.gap) == (0, None)


def test_a_full_disk_leaves_everything_as_it_is(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without room for the new file the damaged one stays in its place."""
    overwrite(path, page_of(path, "entities"))
    before = path.read_bytes()

    def refuse(*_: object) -> None:
        raise SpoolError("p", "SQLITE_FULL", "full")

    monkeypatch.setattr(Store, "adopt", refuse)
    with pytest.raises(SpoolError, match="full"):
        rescue(path)

    assert path.read_bytes() == before


def test_two_damaged_files_are_kept(path: Path) -> None:
    """Each has its log with it; the oldest goes."""
    for number in range(4):
        rescue(path, now_us=NOW_US + number)
    kept = sorted(one.name for one in path.parent.glob("*.damaged-*"))

    assert kept == [
        "spool.db.damaged-19700101T023000.000002Z",
        "spool.db.damaged-19700101T023000.000003Z",
    ]


@pytest.mark.parametrize("renames", range(4))
def test_a_kill_while_the_files_change_places(
    path: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    """After any number of the renames the next start ends with all the frames.

    The log of the damaged file must never lie beside the new one, for which it would
    be taken.
    """
    before = content(path)
    rename, left = Path.replace, renames

    def die(self: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(5, "killed")
        return rename(self, target)

    # A connection that stays open leaves its log.
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA wal_autocheckpoint = 0")
        raw.execute("UPDATE notes SET ended = 'in the log'")
        raw.commit()
        monkeypatch.setattr(Path, "replace", die)
        with pytest.raises(SpoolError, match="killed"):
            rescue(path)
        monkeypatch.undo()
        finish_salvage(path)
        logs = [one.name for one in path.parent.glob("spool.db-*")]
        again = content(path)

    assert again == before
    assert not logs or renames == 0
    assert not path.with_name("spool.db.salvaged").exists()


@pytest.mark.timeout(120)
def test_any_wrong_byte_is_survived(tmp_path: Path) -> None:
    """Bytes are changed at random: each row comes back as it was, or is counted.

    1. change up to 20 places, of one byte to a page, anywhere in the file
    2. open and read it: what is wrong is a SpoolError and nothing else
    3. salvage it, with the counters that a running process has
    4. every frame that is there was there before, in order; the sums hold
    """
    origin = tmp_path / "origin.db"
    filled(origin, frames=24, done=8)
    before, frames = content(origin)
    good = {(frame.received_us, frame.payload) for frame in frames}
    size = origin.stat().st_size
    chance = random.Random(5)
    salvaged = 0
    for number in range(60):
        path = tmp_path / f"{number}.db"
        shutil.copyfile(origin, path)
        with path.open("r+b") as file:
            for _ in range(chance.choice([1, 5, 20])):
                file.seek(chance.randrange(size))
                file.write(chance.randbytes(chance.choice([1, 1, 1, 300, PAGE_BYTES])))
        with suppress(SpoolError), closing(Store.open(path)) as store:
            store.journal(), store.entities(), store.gaps(9), store.oldest_us()
            store.recent(received_since_us=0, max_events=99)
            store.read(store.counters.cursor, max_events=99, max_bytes=10**6)
        report = rescue(path, believed=before)
        after, kept = content(path)
        salvaged += bool(report.lost_frames)

        assert {(frame.received_us, frame.payload) for frame in kept} <= good
        assert seconds(kept) == sorted(set(seconds(kept)))
        assert after.received == before.received
        assert after.received == after.forwarded + after.pending
        assert after.pending == 2 * len(kept)
        assert len(kept) + report.lost_frames == len(frames)
        assert (report.gap is not None) == bool(report.lost_frames)
    assert salvaged > 10
