"""The file: whole commits survive every kind of crash, and nothing is half done."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from servicekit.compression import Compressor
from servicekit.wire import Frame, Origin, Outcome
from websocket_ingestion import journal as journal_module
from websocket_ingestion import store as store_module
from websocket_ingestion.errors import SpoolError
from websocket_ingestion.gaps import Gap, GapTotals
from websocket_ingestion.journal import JournalView
from websocket_ingestion.ledger import Acknowledged, Arrival, Counters
from websocket_ingestion.replay import ReplayPosition
from websocket_ingestion.store import Prune, Store

EVERYTHING = 10**9


def arrivals(*payloads: bytes, events: int = 2) -> list[Arrival]:
    """Return frames with these payloads."""
    return [
        Arrival(1000 + number, Origin.LIVE, events, payload, 5000 + number)
        for number, payload in enumerate(payloads)
    ]


def written(cursor: int, events: int, size: int = 0) -> Acknowledged:
    """Return an acknowledgement of so many events."""
    return Acknowledged(cursor, Outcome(events, 0, 0, 0), bytes=size)


def rows_of(most: int) -> Prune:
    """Return the wish to delete so many rows, whatever their size."""
    return Prune(most, EVERYTHING)


def read(store: Store, after: int | None = None) -> list[Frame]:
    """Return all frames behind a row, or all that are in the file."""
    first = store._first_row - 1 if after is None else after
    return store.read(first, max_events=EVERYTHING, max_bytes=EVERYTHING).frames


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the spool is."""
    return tmp_path / "spool" / "spool.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """Return a new spool file, open."""
    opened = Store.open(path)
    yield opened
    opened.close()


def test_frames_come_back_as_they_were_stored(store: Store) -> None:
    """Rows count from 1 and every field survives, whatever the bytes."""
    store.commit([Arrival(7, Origin.SNAPSHOT, 3, b"\x00\xff'\"")])
    store.commit(arrivals(b"a", b""))

    assert read(store) == [
        Frame(1, Origin.SNAPSHOT, 7, 3, b"\x00\xff'\""),
        Frame(2, Origin.LIVE, 1000, 2, b"a"),
        Frame(3, Origin.LIVE, 1001, 2, b""),
    ]


def test_counters_survive_the_close(path: Path, store: Store) -> None:
    """The ledger is in the file, with the position and the newest event time."""
    store.commit(arrivals(b"a", b"b"))
    store.commit((), Acknowledged(1, Outcome(1, 1, 0, 0)))
    before = store.counters
    store.close()
    with closing(Store.open(path)) as again:
        assert again.counters == before

    assert before == Counters(4, 2, 1, 1, 0, 0, 1, 2, 5001, 2, 0, 0)
    assert (before.pending, before.frames) == (2, 1)


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2)]
)
def test_a_commit_is_synced(store: Store, pragma: str, value: object) -> None:
    """A write-ahead log that is synced at every commit (2 = FULL)."""
    (found,) = store._connection.execute(f"PRAGMA {pragma}").fetchone()

    assert found == value


def test_a_read_stops_at_either_limit(store: Store) -> None:
    """At least one frame, then while events and bytes both fit."""
    store.commit(arrivals(b"x" * 10, b"x" * 10, b"x" * 10))

    def rows(**limits: int) -> list[int]:
        return [frame.row for frame in store.read(0, **limits).frames]

    assert rows(max_events=4, max_bytes=99) == [1, 2]
    assert rows(max_events=99, max_bytes=20) == [1, 2]
    assert rows(max_events=0, max_bytes=0) == [1]
    assert store.read(1, max_events=2, max_bytes=99).last_row == 2


def test_a_read_counts_bytes_as_they_are_once_decompressed(store: Store) -> None:
    """The account is one of stored bytes all the same."""
    payload = Compressor()(b"x" * 5000)
    store.commit(arrivals(payload, payload, payload))
    chunk = store.read(0, max_events=EVERYTHING, max_bytes=10_000)

    assert [frame.row for frame in chunk.frames] == [1, 2]
    assert chunk.bytes == 2 * len(payload)
    assert store.counters.received_bytes == 3 * len(payload)


def test_a_damaged_frame_is_reported_and_passed(path: Path, store: Store) -> None:
    """A payload with a wrong checksum is told apart; the ones beside it are read."""
    store.commit(arrivals(b"good", b"evil", b"fine"))
    store.close()
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE frames SET payload = x'00' WHERE row = 2")
    with closing(Store.open(path)) as again:
        chunk = again.read(0, max_events=EVERYTHING, max_bytes=EVERYTHING)
        alone = again.read(1, max_events=1, max_bytes=1)

    assert [frame.payload for frame in chunk.frames] == [b"good", b"fine"]
    assert (chunk.damaged, chunk.last_row) == ([(2, 2)], 3)
    assert (alone.frames, alone.damaged, alone.last_row) == ([], [(2, 2)], 2)


def test_missing_rows_are_an_error(path: Path, store: Store) -> None:
    """Rows that the ledger counts and the file lacks are not passed over."""
    store.commit(arrivals(b"a", b"b", b"c"))
    store.close()
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("DELETE FROM frames WHERE row = 2")
    with closing(Store.open(path)) as again:
        before_the_hole = read(again, 0)
        with pytest.raises(SpoolError, match="no row 2 of 3") as caught:
            read(again, 1)

    assert [frame.payload for frame in before_the_hole] == [b"a"]
    assert caught.value.damaged


def test_pruning_deletes_only_what_is_acknowledged(store: Store) -> None:
    """Rows go oldest first, at most so many at once, never one that is open."""
    store.commit(arrivals(*[b"x"] * 10))
    store.commit((), written(6, 12), prune=rows_of(4))
    left = [frame.row for frame in read(store)]
    prunable = store.prunable
    store.commit(prune=rows_of(100))

    assert (left, prunable) == ([5, 6, 7, 8, 9, 10], 2)
    assert [frame.row for frame in read(store)] == [7, 8, 9, 10]
    assert store.prunable == 0


def test_rows_are_never_used_twice(path: Path, store: Store) -> None:
    """An empty spool goes on counting, also after a restart."""
    store.commit(arrivals(b"a", b"b"))
    store.commit((), written(2, 4), prune=rows_of(10))
    store.close()
    with closing(Store.open(path)) as again:
        again.commit(arrivals(b"c"))
        rows = [frame.row for frame in read(again)]

    assert rows == [3]


def test_deleted_rows_give_their_room_back(store: Store) -> None:
    """The size counts pages in use, although the file keeps its length."""
    empty = store.size_bytes()
    store.commit(arrivals(*[b"x" * 10_000] * 20))
    full = store.size_bytes()
    store.commit((), written(20, 40), prune=rows_of(20))

    assert full > empty + 200_000
    assert store.size_bytes() < empty + 20_000


def test_a_shrunk_file_gives_its_room_to_the_disk(path: Path, store: Store) -> None:
    """After a full disk the free pages must not stay in the spool's own file."""
    store.commit(arrivals(*[b"x" * 10_000] * 200))
    store.shrink()
    full = path.stat().st_size
    store.commit((), written(190, 380), prune=rows_of(200))
    store.shrink()
    log = path.with_name(f"{path.name}-wal")

    assert full > 2_000_000
    assert path.stat().st_size < 200_000
    assert log.stat().st_size == 0
    assert [frame.row for frame in read(store)] == list(range(191, 201))


def test_oldest_is_the_first_open_frame(store: Store) -> None:
    """The age of the backlog is that of its first frame."""
    before = store.oldest_us()
    store.commit(arrivals(b"a", b"b"))
    both = store.oldest_us()
    store.commit((), written(1, 2))

    assert (before, both, store.oldest_us()) == (None, 1000, 1001)


def test_a_second_process_is_refused(
    path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two services on one spool would count twice: the second one is told so."""
    monkeypatch.setattr(store_module, "_BUSY_MILLISECONDS", 10)
    store.commit(arrivals(b"a"))

    with pytest.raises(SpoolError, match="locked"):
        Store.open(path)


def test_a_newer_schema_is_refused(path: Path, store: Store) -> None:
    """An older program does not touch a file that it does not understand."""
    store.close()
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA user_version = 99")

    with pytest.raises(SpoolError, match="schema 99 is newer"):
        Store.open(path)


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    """Garbage is named, and left as it is for a person to look at."""
    path.parent.mkdir()
    path.write_bytes(b"garbage" * 1000)

    with pytest.raises(SpoolError, match="SQLITE_NOTADB"):
        Store.open(path)
    assert path.read_bytes() == b"garbage" * 1000


VERSION_1 = """
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
    INSERT INTO ledger VALUES (1, 9, 5, 4, 0, 1, 0, 2, 4, 777);
    INSERT INTO frames VALUES (2, 11, 'live', 2, 1908338681, x'62');
    INSERT INTO frames VALUES (3, 12, 'snapshot', 3, 3685882489, x'6363');
    INSERT INTO frames VALUES (4, 13, 'live', 1, 2564639436, x'64');
    PRAGMA user_version = 1;
"""
"""What version 0.1.0 wrote: four frames, one of them pruned, one acknowledged."""


def test_a_spool_of_version_1_is_read(path: Path) -> None:
    """An update of the service goes on where the old version was."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL")
        raw.executescript(VERSION_1)
    with closing(Store.open(path)) as store:
        before = store.counters
        open_frames = read(store, before.cursor)
        journal, names = store.journal(), store.entities()
        store.commit(arrivals(b"new"), written(4, 4))

    assert before == Counters(
        received=9,
        forwarded=5,
        written=4,
        dead_lettered=1,
        cursor=2,
        last_row=4,
        last_event_us=777,
        received_bytes=4,
        forwarded_bytes=1,
    )
    assert [(one.row, one.payload) for one in open_frames] == [(3, b"cc"), (4, b"d")]
    assert (journal, names) == (JournalView(), set())
    with closing(Store.open(path)) as again:
        assert (again.counters.received, again.counters.pending) == (11, 2)
        assert [one.payload for one in read(again, 4)] == [b"new"]


def test_a_spool_of_the_version_before_is_read(path: Path, store: Store) -> None:
    """It has no marks: nobody knows what was acknowledged when, until there are some.

    1. a file of version 3 with a replay that goes on is opened
    2. the first commit leaves a mark, the next one a second later another
    """
    position = ReplayPosition(1, 2)
    store.commit(arrivals(b"a", b"b", b"c"), now_us=10)
    store.commit((), written(2, 4))
    store.save_replay(position)
    store.close()
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript("DROP TABLE marks; PRAGMA user_version = 3")
    with closing(Store.open(path)) as again:
        before, journal = again.counters, again.journal()
        unknown = again.mark(10**9)
        again.commit((), written(3, 2), now_us=10**9)
        again.commit(arrivals(b"d"), written(4, 2), now_us=10**9 + 1_000_000)
    with closing(Store.open(path)) as once_more:
        marks = [once_more.mark(10**9 + us) for us in (-1, 0, 999_999, 1_000_000)]

    assert before == store.counters
    assert journal.replay == position
    assert unknown is None
    assert [mark and mark.row for mark in marks] == [None, 3, 3, 4]


def test_a_replay_goes_on_that_was_stored_with_its_time(
    path: Path, store: Store
) -> None:
    """Files hold the time that it was asked for; it was read once, and is not now."""
    store.commit(arrivals(b"a", b"b"))
    store.close()
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("UPDATE replay SET since_us = 7, next_row = 1, until_row = 2")
        raw.commit()
    with closing(Store.open(path)) as again:
        before = again.journal().replay
        again.commit([arrivals(b"a")[0]._replace(copy_of=1)])
        after = again.journal().replay

    assert before == ReplayPosition(1, 2)
    assert after == ReplayPosition(2, 2)


def test_a_mark_is_stored_with_its_acknowledgement_or_not_at_all(
    path: Path, store: Store
) -> None:
    """Also when the frames up to it are deleted in the same commit."""
    store.commit(arrivals(b"a", b"b"))
    with pytest.raises(SpoolError, match="CHECK"):
        store.commit((), written(3, 99), now_us=7_000_000)
    nothing = store.mark(10**9)
    store.commit((), written(2, 4), prune=rows_of(2), now_us=9_000_000)
    mark = store.mark(10**9)

    assert nothing is None
    assert mark is not None
    assert (mark.row, mark.received_us) == (2, 1001)


def test_marks_go_with_the_frames(store: Store) -> None:
    """Those of one hour are one in the end, and the newest before what is kept."""
    for second in range(1, 101):
        now_us = second * 1_000_000
        store.commit(arrivals(b"x"), written(second - 1, 2), now_us=now_us)
    store.commit(prune=rows_of(90), now_us=101_000_000)
    (left,) = store._connection.execute("SELECT count(*) FROM marks").fetchone()
    found = [store.mark(second * 1_000_000) for second in (50, 91, 92)]

    assert left == len(range(90, 100)) + 1
    assert [mark and mark.row for mark in found] == [0, 90, 91]


def test_recent_frames_are_the_newest(store: Store) -> None:
    """From the last one back, to the time or the number of events; oldest first."""
    store.commit(
        [Arrival(number, Origin.LIVE, 2, b"%d" % number) for number in range(1, 7)]
    )
    store.commit((), written(6, 12))

    def rows(since_us: int, events: int) -> list[int]:
        found = store.recent(received_since_us=since_us, max_events=events)
        return [frame.row for frame in found]

    assert rows(4, 99) == [4, 5, 6]
    assert rows(0, 5) == [5, 6]
    assert rows(0, 1) == rows(7, 99) == []


def test_a_damaged_frame_is_not_recent(path: Path, store: Store) -> None:
    """Nobody learns from a payload that does not match its checksum."""
    store.commit(arrivals(b"good", b"evil", b"fine"))
    store.close()
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE frames SET payload = x'00' WHERE row = 2")
    with closing(Store.open(path)) as again:
        found = again.recent(received_since_us=0, max_events=99)

    assert [frame.payload for frame in found] == [b"good", b"fine"]


def test_entities_are_durable_with_their_frame(path: Path, store: Store) -> None:
    """They are known after a restart; a forgotten one is not."""
    seen = [one._replace(entities=("a.1", "b.2")) for one in arrivals(b"x")]
    store.commit([*seen, *[one._replace(entities=("a.1", "c.3")) for one in seen]])
    store.forget_entities(["b.2", "never.seen"])
    store.close()
    with closing(Store.open(path)) as again:
        assert again.entities() == {"a.1", "c.3"}


def gap(number: int, **more: Any) -> Gap:
    """Return an open gap with this id."""
    known = {"cause": "c", "opened_us": 20, "from_us": 10, "until_us": None}
    return Gap(id=number, **{**known, **more})


def test_gaps_come_back_as_they_were_saved(path: Path, store: Store) -> None:
    """Every field survives; saving again replaces; only open ones are open."""
    closed = gap(
        1,
        until_us=15,
        closed_us=30,
        entities=4,
        expected=9,
        recovered=7,
        unrecoverable=2,
        reasons={"not_recorded": 2},
        examples=("light.ä", "b.2"),
    )
    store.save_gap(gap(1))
    store.save_gap(gap(2, expected=1))
    store.save_gap(closed)
    store.close()
    with closing(Store.open(path)) as again:
        journal, listed = again.journal(), again.gaps(10)

    assert listed == [gap(2, expected=1), closed]
    assert journal == JournalView(
        "", (gap(2, expected=1),), GapTotals(1, 1, 10, 7, 2), 2
    )


def test_examples_are_bounded(store: Store) -> None:
    """A gap names some entities and counts the others."""
    store.save_gap(gap(1, examples=tuple(f"a.{number}" for number in range(50))))

    assert store.gaps(1)[0].examples == tuple(f"a.{number}" for number in range(20))


def test_old_gaps_go_and_their_sums_stay(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the closed ones the newest are kept, of the open ones all."""
    monkeypatch.setattr(journal_module, "_MOST_CLOSED", 3)
    store.save_gap(gap(1))
    for number in range(2, 9):
        store.save_gap(gap(number, closed_us=1, expected=number, unrecoverable=1))

    assert [one.id for one in store.gaps(99)] == [8, 7, 6, 1]
    assert store.journal().totals == GapTotals(1, 7, sum(range(2, 9)), 0, 7)
    assert [one.id for one in store.gaps(2)] == [8, 7]


def test_the_end_note_is_used_up_by_the_gap_after_it(path: Path, store: Store) -> None:
    """A death without a note is seen, because the last note is gone."""
    store.note_end("was stopped")
    store.close()
    with closing(Store.open(path)) as again:
        noted = again.journal().ended
        again.save_gap(gap(1))
        kept = again.journal().ended
        again.save_gap(gap(2), after_end=True)
        gone = again.journal().ended

    assert (noted, kept, gone) == ("was stopped", "was stopped", "")


def test_a_place_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    """A path below a file is a typed error with the path in it."""
    (tmp_path / "file").write_text("x")

    with pytest.raises(SpoolError, match="file/spool"):
        Store.open(tmp_path / "file" / "spool.db")


@pytest.mark.parametrize(
    ("pragma", "name"),
    [("max_page_count = 1", "SQLITE_FULL"), ("query_only = ON", "SQLITE_READONLY")],
)
def test_a_failed_commit_changes_nothing(store: Store, pragma: str, name: str) -> None:
    """A full or read-only disk is a typed error; rows and counters stay as before."""
    store.commit(arrivals(b"a"))
    before = store.counters
    store._connection.execute(f"PRAGMA {pragma}")

    with pytest.raises(SpoolError) as caught:
        store.commit(arrivals(b"x" * 100_000), written(1, 2))
    assert caught.value.name == name
    assert store.counters == before
    assert [frame.payload for frame in read(store)] == [b"a"]

    store._connection.execute("PRAGMA query_only = OFF")
    store._connection.execute("PRAGMA max_page_count = 1000000")
    store.commit(arrivals(b"b"))

    assert [frame.payload for frame in read(store)] == [b"a", b"b"]


def test_an_impossible_account_is_refused_by_the_file(store: Store) -> None:
    """More forwarded than received cannot be stored: the file checks the sums."""
    store.commit(arrivals(b"a"))

    with pytest.raises(SpoolError, match="SQLITE_CONSTRAINT"):
        store.commit((), written(1, 99))
    assert store.counters.forwarded == 0


def test_a_copy_of_the_open_files_holds_every_commit(
    path: Path, store: Store, tmp_path: Path
) -> None:
    """What a power cut leaves (the files as they are) has all that was committed."""
    for number in range(30):
        store.commit(arrivals(b"%d" % number), written(number, 2) if number else None)
        if number == 15:
            store.commit((), prune=rows_of(10))
    copy = tmp_path / "copy"
    shutil.copytree(path.parent, copy)
    with closing(Store.open(copy / path.name)) as again:
        payloads = [frame.payload for frame in read(again, again.counters.cursor)]
        counters = again.counters

    assert counters == store.counters
    assert payloads == [b"29"]


def cut(path: Path, target: Path, wal: bytes) -> tuple[Counters, list[bytes]]:
    """Return what a spool with this write-ahead log holds once it is opened."""
    target.mkdir(exist_ok=True)
    copy = target / path.name
    shutil.copyfile(path, copy)
    copy.with_name(f"{copy.name}-wal").write_bytes(wal)
    with closing(Store.open(copy)) as again:
        found = again.counters, [frame.payload for frame in read(again)]
        assert bool(again.entities()) == (again.counters.last_row == 4)
    shutil.rmtree(target)
    return found


@pytest.mark.timeout(60)
def test_a_torn_last_commit_leaves_a_whole_prefix(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut at any byte of the last commit: it is there as a whole or not at all.

    1. commit two frames, then two more with an acknowledgement
    2. cut the log at every byte offset of the second commit and open it
    3. overwrite a byte at many offsets instead, as a torn sector would
    """
    monkeypatch.setattr(store_module, "PAGE_BYTES", 512)
    with closing(Store.open(path)) as store:
        log = path.with_name(f"{path.name}-wal")
        store.commit(arrivals(b"a" * 40, b"b" * 40))
        before, length = store.counters, log.stat().st_size
        more = [
            one._replace(entities=("a.1",)) for one in arrivals(b"c" * 40, b"d" * 40)
        ]
        store.commit(more, written(1, 2))
        after, wal = store.counters, log.read_bytes()
        old = (before, [b"a" * 40, b"b" * 40])
        new = (after, [b"a" * 40, b"b" * 40, b"c" * 40, b"d" * 40])
        cuts = {
            size: cut(path, tmp_path / "cut", wal[:size])
            for size in range(length, len(wal) + 1)
        }
        torn = [
            cut(path, tmp_path / "cut", wal[:at] + b"\xa5" + wal[at + 1 :])
            for at in range(length, len(wal), 37)
            if wal[at] != 0xA5
        ]

    assert len(wal) - length >= 2 * 512
    assert cuts.pop(len(wal)) == new
    assert all(found == old for found in cuts.values())
    assert all(found == old for found in torn)


KILLED = """
import sys
from pathlib import Path
from servicekit.wire import Origin, Outcome
from websocket_ingestion.ledger import Acknowledged, Arrival
from websocket_ingestion.store import Prune, Store

store = Store.open(Path(sys.argv[1]))
while True:
    done = store.counters
    gone = Acknowledged(done.last_row, Outcome(done.pending, 0, 0, 0))
    new = [Arrival(1, Origin.LIVE, 3, b"x" * 900)] * 5
    store.commit(new, gone, prune=Prune(100, 10**9))
    print(store.counters.received, flush=True)
"""


def test_a_killed_process_loses_no_finished_commit(path: Path) -> None:
    """After kill -9 in the middle of the work the last reported commit is there."""
    command = [sys.executable, "-c", KILLED, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [next(process.stdout) for _ in range(60)]
        process.kill()
        lines += process.stdout.readlines()
    reported = int(next(line for line in reversed(lines) if line.endswith("\n")))
    with closing(Store.open(path)) as store:
        counters = store.counters
        rows = [frame.row for frame in read(store, counters.cursor)]

    assert counters.received in (reported, reported + 15)
    assert counters.received == counters.forwarded + counters.pending
    assert rows == list(range(counters.cursor + 1, counters.last_row + 1))
