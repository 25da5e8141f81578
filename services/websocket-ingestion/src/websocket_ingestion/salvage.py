"""A damaged spool: every row that can be read goes into a new file.

The damaged file is kept beside it. Rows that are gone are counted as dead-lettered
(the ledger has to reconcile) and become a gap, which Home Assistant's history fills.
Blocking, and done by the thread of the store. A kill at any moment leaves either the
damaged file, or the new one complete.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

from servicekit.wire import Frame

from .errors import FrameUnreadable
from .frames import inspect, plain_payload
from .gaps import Gap
from .journal import Journal, read_gap
from .ledger import Counters
from .pages import PageFile, Record
from .rows import read_ledger, read_row
from .store import PAGE_BYTES, Store, translated

__all__ = ["Salvaged", "finish_salvage", "salvage"]

_KEPT: Final = 2
"""So many damaged files stay for a person to look at."""
_GROUP_BYTES: Final = 4 * 1024 * 1024
_FRAME_COLUMNS: Final = 6
_LEDGER_COLUMNS: Final = (10, 13, 14)
_GAP_COLUMNS: Final = 12
_DAMAGE: Final = (sqlite3.Error, TypeError, ValueError)
"""What reading a damaged table leads to; its rows are looked for elsewhere then."""
_HISTORY_US: Final = 10 * 86_400 * 1_000_000
"""So far back goes Home Assistant's history by default; taken if nothing is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvaged:
    """What became of a damaged spool.

    `lost_events` could not be read (0 also if the ledger is gone, and with it the
    number), `kept_frames` are in the new file. `last_row` is that of the old
    ledger, None if it could not be read. `gap` is None if nothing is missing.
    """

    cause: str
    moved_to: Path
    kept_frames: int
    lost_frames: int
    lost_events: int
    last_row: int | None
    gap: Gap | None


def salvage(
    path: Path,
    cause: str,
    *,
    believed: Counters | None,
    known: Sequence[Frame],
    now_us: int,
) -> Salvaged:
    """Put a new file in the place of a damaged one, with all that is readable.

    Args:
        path: the spool; nobody has it open.
        cause: what was found to be wrong with it.
        believed: the counters of the last commit, if this process made one.
        known: committed frames that are in memory.
        now_us: the time now, UTC in microseconds.

    Raises:
        SpoolError: the disk does not take the new file; nothing is changed.
    """
    fresh = path.with_name(f"{path.name}.salvaging")
    with translated(path):
        _remove(fresh)
        room = os.statvfs(path.parent)
        size = path.stat().st_size
    with closing(Store.open(fresh)) as store:
        remains = _Remains.read(path)
        ledger = remains.ledger or believed
        all_fit = room.f_bavail * room.f_frsize > 2 * size
        first = 0 if all_fit or ledger is None else ledger.cursor + 1
        found = _read_frames(path, first)
        # Behind the last row there is only what was never committed.
        last = None if ledger is None else ledger.last_row
        for group in _groups(one for one in found if last is None or one.row <= last):
            store.adopt(group)
        if last is not None:
            store.adopt(one for one in known if one.row <= last)
        report = _settle(store, remains, ledger, cause, now_us)
    moved_to = path.with_name(f"{path.name}.damaged-{_stamp(now_us)}")
    with translated(path):
        fresh.replace(path.with_name(f"{path.name}.salvaged"))
        _sync_folder(path)
    finish_salvage(path, moved_to=moved_to)
    return replace(report, moved_to=moved_to)


def finish_salvage(path: Path, *, moved_to: Path | None = None) -> None:
    """Put a new file that is complete into its place, if there is one.

    Raises:
        SpoolError: the files cannot be renamed.
    """
    ready = path.with_name(f"{path.name}.salvaged")
    with translated(path):
        if not ready.exists():
            return
        if moved_to is None:
            stamp = _stamp(int(ready.stat().st_mtime * 1e6))
            moved_to = path.with_name(f"{path.name}.damaged-{stamp}")
        # Before the new file comes: it would take the old log for its own.
        for suffix in ("-shm", "-wal", ""):
            old = path.with_name(f"{path.name}{suffix}")
            if old.exists():
                old.replace(moved_to.with_name(f"{moved_to.name}{suffix}"))
        _sync_folder(path)
        ready.replace(path)
        _sync_folder(path)
        damaged = sorted(
            one
            for one in path.parent.glob(f"{path.name}.damaged-*")
            if not one.name.endswith(("-wal", "-shm"))
        )
        for one in damaged[:-_KEPT]:
            _remove(one)


@dataclass(frozen=True, slots=True)
class _Remains:
    """What is readable beside the frames; the ledger is None if it is not."""

    ledger: Counters | None
    gaps: list[Gap]
    entities: set[str]
    ended: str

    @classmethod
    def read(cls, path: Path) -> _Remains:
        """Ask SQLite first; what it cannot find is looked for page by page."""
        ledger, gaps, entities, ended = None, None, set[str](), ""
        with suppress(*_DAMAGE), closing(sqlite3.connect(path)) as raw:
            journal = Journal(raw)
            with suppress(*_DAMAGE):
                ledger = read_ledger(raw.execute("SELECT * FROM ledger").fetchone())
            with suppress(*_DAMAGE):
                gaps = journal.gaps(-1)
            with suppress(*_DAMAGE):
                entities = {name for name in journal.entities() if _is_text(name)}
            with suppress(*_DAMAGE):
                ended = journal.view().ended
        if ledger is None or gaps is None:
            records = list(_small_records(path))
            ledger = ledger or _newest_ledger(records)
            gaps = _all_gaps(records) if gaps is None else gaps
        return cls(ledger, gaps, entities, ended)


def _small_records(path: Path) -> Iterator[Record]:
    wanted = {*_LEDGER_COLUMNS, _GAP_COLUMNS}
    with translated(path), PageFile.open(path, PAGE_BYTES) as pages:
        for record in pages.records():
            if len(record.columns) in wanted:
                yield record


def _newest_ledger(records: Iterable[Record]) -> Counters | None:
    found = [
        counters
        for record in records
        if record.row == 1 and len(record.columns) in _LEDGER_COLUMNS
        if (counters := read_ledger(record.columns)) is not None
    ]
    return max(found, key=lambda one: (one.last_row, one.cursor), default=None)


def _all_gaps(records: Iterable[Record]) -> list[Gap]:
    """Return the gaps that are found; of two versions of one that which is closed."""
    gaps: dict[int, Gap] = {}
    for record in records:
        if len(record.columns) != _GAP_COLUMNS or record.columns[0] is not None:
            continue
        with suppress(*_DAMAGE):
            gap = read_gap((record.row, *record.columns[1:]))
            if gap.id not in gaps or gap.closed_us is not None:
                gaps[gap.id] = gap
    return [gaps[number] for number in sorted(gaps)]


def _is_text(name: object) -> bool:
    return isinstance(name, str)


def _read_frames(path: Path, first: int) -> Iterator[Frame]:
    """Yield each frame from this row on that matches its checksum, in no order."""
    with translated(path), PageFile.open(path, PAGE_BYTES) as pages:
        for row, columns in pages.records():
            if len(columns) == _FRAME_COLUMNS and row >= first:
                frame = read_row((row, *columns[1:]))
                if frame is not None:
                    yield frame


def _groups(frames: Iterable[Frame]) -> Iterator[list[Frame]]:
    group: list[Frame] = []
    size = 0
    for frame in frames:
        group.append(frame)
        size += len(frame.payload)
        if size >= _GROUP_BYTES:
            yield group
            group, size = [], 0
    yield group


def _settle(
    store: Store,
    remains: _Remains,
    ledger: Counters | None,
    cause: str,
    now_us: int,
) -> Salvaged:
    """Make the ledger fit the frames that are there, and count what is not."""
    runs = store.runs()
    if ledger is None:
        # All are handed on again, which changes nothing where they are stored.
        first = runs[0][0] if runs else 1
        newest = store.frame(runs[-1][1]) if runs else None
        ledger = Counters(
            received=store.sums(first, runs[-1][1])[0] if runs else 0,
            cursor=first - 1,
            last_row=runs[-1][1] if runs else 0,
            last_event_us=_event_us(newest) if newest else 0,
        )
        gone = True
    else:
        gone = False
    kept_from = _kept_from(runs, ledger.cursor)
    retained = store.sums(kept_from, ledger.cursor)[1]
    moves, holes = _close_holes(runs, ledger)
    lost_frames = sum(last - first + 1 for first, last in holes)
    events, size = store.sums(ledger.cursor + 1, ledger.last_row)
    lost = max(0, ledger.pending - events)
    gap = None
    if gone or lost or lost_frames:
        gap = _gap(store, remains, ledger, holes, cause, now_us)
    counters = replace(
        ledger,
        received=ledger.forwarded + lost + events,
        forwarded=ledger.forwarded + lost,
        dead_lettered=ledger.dead_lettered + lost,
        last_row=ledger.last_row - lost_frames,
        received_bytes=retained + size,
        forwarded_bytes=retained,
        pruned_bytes=0,
    )
    store.settle(
        counters,
        moves,
        first_row=kept_from,
        gaps=[*remains.gaps, *([gap] if gap else [])],
        entities=remains.entities,
        ended=remains.ended,
    )
    return Salvaged(
        cause=cause,
        moved_to=Path(),
        kept_frames=counters.frames,
        lost_frames=lost_frames,
        lost_events=lost,
        last_row=None if remains.ledger is None else remains.ledger.last_row,
        gap=gap,
    )


def _kept_from(runs: Sequence[tuple[int, int]], cursor: int) -> int:
    """Return the first of the acknowledged rows behind which none is missing."""
    for first, last in runs:
        if first <= cursor <= last:
            return first
    return cursor + 1


def _close_holes(
    runs: Sequence[tuple[int, int]], ledger: Counters
) -> tuple[list[tuple[int, int, int]], list[tuple[int, int]]]:
    """Return how rows that are not forwarded move up, and the rows that are missing."""
    edges = [
        (ledger.cursor, ledger.cursor),
        *(
            (max(first, ledger.cursor + 1), last)
            for first, last in runs
            if last > ledger.cursor
        ),
        (ledger.last_row + 1, ledger.last_row + 1),
    ]
    holes = [
        (before[1] + 1, after[0] - 1)
        for before, after in pairwise(edges)
        if after[0] > before[1] + 1
    ]
    moves = []
    for first, last in edges[1:-1]:
        less = sum(end - start + 1 for start, end in holes if end < first)
        if less:
            moves.append((first, last, less))
    return moves, holes


def _gap(
    store: Store,
    remains: _Remains,
    ledger: Counters,
    holes: Sequence[tuple[int, int]],
    cause: str,
    now_us: int,
) -> Gap:
    """Return the gap that covers all that is missing.

    Without a ledger nobody knows what is: then it begins behind the newest frame.
    """
    before = store.frame(holes[0][0] - 1 if holes else ledger.last_row)
    after = store.frame(holes[-1][1] + 1) if holes else None
    until_us = _event_us(after) if after else (ledger.last_event_us if holes else 0)
    until_us = until_us or now_us
    from_us = _event_us(before) if before else until_us - _HISTORY_US
    return Gap(
        id=max((gap.id for gap in remains.gaps), default=0) + 1,
        cause=f"the spool was damaged: {cause}",
        opened_us=now_us,
        from_us=min(from_us, until_us),
        until_us=until_us,
    )


def _event_us(frame: Frame) -> int:
    """Return the time of the last event in a frame, else when it was received."""
    with suppress(FrameUnreadable):
        return inspect(plain_payload(frame)).last_event_us or frame.received_us
    return frame.received_us


def _stamp(time_us: int) -> str:
    moment = datetime.fromtimestamp(time_us / 1e6, UTC)
    return moment.strftime("%Y%m%dT%H%M%S.%fZ")


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
