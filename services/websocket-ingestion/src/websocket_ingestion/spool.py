"""The durable spool: frames are committed in groups before anything else.

Frames wait in a queue that is bounded by bytes; when it is full, `put` waits, so
the reader stops reading and Home Assistant keeps the rest. One task (`run`)
commits the queue and the position together. Committed frames also stay in memory
for a while, so that forwarding rarely reads the file.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import structlog

from servicekit.health import Health, Status
from servicekit.lifecycle import pause
from servicekit.retry import delays
from servicekit.wire import Frame, Outcome

from .commit_queue import CommitQueue
from .copying import Copying
from .errors import ReplayRunning, SpoolError
from .gaps import Gap
from .journal import JournalView
from .ledger import NOTHING, Acknowledged, Arrival, Counters, plus, unsaved
from .limits import MEBIBYTE, SpoolLimits
from .lot import Lot
from .pace import wait_after
from .replay import Replay, ReplayPosition, begin
from .room import Room, is_crowded, prune_of, room_of
from .store import Chunk, Prune, Store
from .store_thread import Opened, Seen, StoreThread
from .tail import Tail
from .view import SpoolState, SpoolView

__all__ = ["Spool"]

_SCAN_ROWS: Final = 2000

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class _Change(NamedTuple):
    """A change of the journal that waits for the task, and who waits for it.

    One that is `urgent` is given up at the first failure.
    """

    work: Callable[[Store], JournalView]
    done: asyncio.Future[None]
    urgent: bool


class Spool:
    """Takes frames, keeps them safe, hands them out again in order."""

    def __init__(
        self,
        path: Path,
        health: Health,
        limits: SpoolLimits,
        *,
        clock: Callable[[], float] = time.time,
        open_store: Callable[[Path], Store] = Store.open,
    ) -> None:
        self._path = path
        self._health = health
        self._limits = limits
        self._clock = clock
        self._file = StoreThread(path, open_store)
        # What is durable, as the last commit left it.
        self._counters = Counters()
        self._state = SpoolState.OPENING
        self._size = self._prunable = 0
        self._retained_since_us: int | None = None
        self._damaged = self._commits = 0
        self._failure: SpoolError | None = None
        # What is wrong with the file, until it is salvaged; how often it has been.
        self._damage: SpoolError | None = None
        self._salvages = 0
        # Frames before their commit, and after it.
        self._queue = CommitQueue(
            commit_bytes=limits.commit_bytes, join_frames=limits.join_frames
        )
        self._commit_wait = limits.commit_seconds
        self._tail = Tail(limits.memory_bytes)
        self._oldest_us: int | None = None
        # The journal as it is in the file, and what is to be changed in it.
        self._journal = JournalView()
        self._last_gap_id = 0
        self._entities: set[str] = set()
        self._changes: list[_Change] = []
        # How far forwarding is, and the outcome that is not saved yet.
        self._position = 0
        self._handed_out = 0
        self._outcome = NOTHING
        self._done_bytes = 0
        # The replay that goes on, as it is in the file; what joins the queue next.
        self._copying = Copying()
        self._asking_replay = asyncio.Lock()
        # The task's alarm clock, and what others wait for.
        self._wake = asyncio.Event()
        self._timer: asyncio.Handle | None = None
        self._due = 0.0
        self._room = asyncio.Event()
        self._turn = asyncio.Event()
        self._grown = asyncio.Event()
        self._accepting = asyncio.Event()
        self._opened = asyncio.Event()
        self._closing = asyncio.Event()
        self._done = asyncio.Event()

    async def put(self, arrivals: Iterable[Arrival]) -> None:
        """Queue frames for the next commit; wait while the queue is full."""
        for arrival in arrivals:
            while self._queue.bytes >= self._limits.queue_bytes:
                self._room.clear()
                await self._room.wait()
            self._queue.push(arrival)
            if self._queue.holds_commit:
                self._wake.set()
            else:
                self._schedule(self._commit_wait)

    @property
    def accepting(self) -> bool:
        """False while the spool is full or cannot be written."""
        return self._accepting.is_set()

    @property
    def full(self) -> bool:
        """True while reading pauses because of the size of the file."""
        return self._state is SpoolState.PAUSED

    async def wait_accepting(self) -> None:
        """Wait until the spool takes frames."""
        await self._accepting.wait()

    async def wait_open(self) -> None:
        """Wait until the file is open and its counters are known."""
        await self._opened.wait()

    @property
    def waiting_events(self) -> int:
        """Committed events that are not acknowledged."""
        return self._counters.pending - self._outcome.total

    async def wait_frames(self, behind: Lot | None = None) -> None:
        """Wait until a frame is committed that is not acknowledged.

        Args:
            behind: a lot that is under way; its frames do not count.
        """
        while self._counters.last_row <= self._end_of(behind):
            self._grown.clear()
            await self._grown.wait()

    async def next_lot(
        self, *, max_events: int, max_bytes: int, behind: Lot | None = None
    ) -> Lot:
        """Return the next frames, at least one; the same until acknowledged.

        Args:
            max_events: in the lot, unless one frame has more.
            max_bytes: in the lot once it is decompressed, unless one frame has more.
            behind: the only lot that is under way; what follows it is meant.

        Raises:
            SpoolError: the file had to be read and could not be.
        """
        await self.wait_frames(behind)
        after = self._end_of(behind)
        frames = self._tail.take(after, max_events=max_events, max_bytes=max_bytes)
        if frames:
            lot = Lot(frames, 0, frames[-1].row, file=self._salvages)
        else:
            lot = await self._read(after, max_events, max_bytes, behind)
        if lot.frames and after == self._position:
            self._oldest_us = lot.frames[0].received_us
        self._handed_out = max(self._handed_out, lot.last_row)
        return lot

    def waiting_behind(self, lot: Lot | None) -> int:
        """Return the committed events that are neither acknowledged nor of the lot."""
        if lot is None or self._end_of(lot) == self._position:
            return self.waiting_events
        return self.waiting_events - lot.events - lot.damaged_events

    def acknowledge(self, lot: Lot, outcome: Outcome) -> None:
        """Move on behind the lot; cursor and counters follow with the next commit.

        Lots are acknowledged in the order in which they were handed out.
        Rows of a file that was salvaged meanwhile have other numbers now: they are
        handed out again.
        """
        if lot.file != self._salvages:
            return
        damaged = Outcome(0, 0, dead_lettered=lot.damaged_events, expired=0)
        self._outcome = plus(plus(self._outcome, outcome), damaged)
        self._position = lot.last_row
        self._done_bytes += lot.bytes
        self._tail.forget(lot.last_row)
        self._oldest_us = self._tail.oldest_us() or self._oldest_us
        self._schedule(self._limits.acknowledge_seconds)

    @property
    def open_gaps(self) -> tuple[Gap, ...]:
        """The gaps that are not closed, oldest first."""
        return self._journal.open_gaps

    @property
    def entities(self) -> AbstractSet[str]:
        """All entities of which a frame is durable; changes with the commits."""
        return self._entities

    @property
    def ended(self) -> str:
        """Why the stream ended; empty if nobody had the time to note it."""
        return self._journal.ended

    async def open_gap(
        self, *, cause: str, from_us: int, opened_us: int, until_us: int | None = None
    ) -> Gap:
        """Return a new gap, which is durable; the end note is used up by it.

        A gap of which the end is known does not come from the end of a stream: it
        leaves the note alone. While the disk fails this waits, like `put`.

        Raises:
            SpoolError: the spool was closed meanwhile.
        """
        await self.wait_open()
        self._last_gap_id += 1
        gap = Gap(
            id=self._last_gap_id,
            cause=cause,
            opened_us=opened_us,
            from_us=from_us,
            until_us=until_us,
        )
        after_end = until_us is None
        await self._change(lambda store: store.save_gap(gap, after_end=after_end))
        return gap

    async def save_gap(self, gap: Gap) -> None:
        """Store the gap in place of the one with its id; durable on return.

        Raises:
            SpoolError: the spool was closed meanwhile.
        """
        await self._change(lambda store: store.save_gap(gap))

    async def note_end(self, cause: str) -> None:
        """Write down why the stream ended; durable on return.

        Raises:
            SpoolError: it could not be stored; there is no second try, so that
                a broken disk does not hold up the end of the service.
        """
        if self._failure is not None:
            raise self._failure
        if not self._opened.is_set():
            raise SpoolError(str(self._path), "CLOSED", "the spool is not open yet")
        await self._change(lambda store: store.note_end(cause), urgent=True)

    async def forget_entities(self, ids: Iterable[str]) -> None:
        """Drop entities from the known ones; durable on return.

        Raises:
            SpoolError: the spool was closed meanwhile.
        """
        names = frozenset(ids)
        await self._change(lambda store: store.forget_entities(names))
        self._entities -= names

    async def gaps(self, limit: int) -> list[Gap]:
        """Return at most so many gaps, the newest first.

        Raises:
            SpoolError: the file cannot be read.
        """
        return await self._ask(lambda store: store.gaps(limit))

    async def recent(self, *, received_since_us: int, max_events: int) -> list[Frame]:
        """Return the newest committed frames, acknowledged or not, oldest first.

        From the last one back until one was received earlier than that (UTC in
        microseconds) or there are more events than that.

        Raises:
            SpoolError: the file cannot be read.
        """
        return await self._ask(
            lambda store: store.recent(
                received_since_us=received_since_us, max_events=max_events
            )
        )

    async def replay(self, since_us: int) -> Replay:
        """Begin to hand frames on once more; they become new arrivals by and by.

        Taken are the frames that were not acknowledged at that time, have been
        handed out since, and are still in the file; when they were received does
        not matter. It goes on after a restart. Frames that have to make room
        meanwhile are left out, and logged.

        Raises:
            ReplayRunning: another replay is not finished.
            SpoolError: the file cannot be read, or was closed meanwhile.
        """
        await self.wait_open()
        async with self._asking_replay:
            if self._copying.rows_left:
                raise ReplayRunning(self._copying.rows_left)
            kept_row = self._counters.cursor - self._prunable + 1
            last = max(self._position, self._handed_out)
            kept_us = self._retained_since_us
            mark = await self._ask(lambda store: store.mark(since_us))
            first, missing_from_us = begin(
                since_us, mark, kept_row=kept_row, kept_us=kept_us
            )
            frames = events = 0
            for at in range(first, last + 1, _SCAN_ROWS):
                until = min(at + _SCAN_ROWS - 1, last)
                some = await self._ask(partial(_count, at, until))
                frames, events = frames + some[0], events + some[1]
            if frames:
                position = ReplayPosition(first, last)
                await self._change(lambda store: store.save_replay(position))
        return Replay(events, frames, since_us, kept_us, missing_from_us)

    def view(self) -> SpoolView:
        """Return the state now; the counters are those of the last commit."""
        age = 0.0
        if self._counters.pending and self._oldest_us is not None:
            age = max(0.0, self._clock() - self._oldest_us / 1e6)
        return SpoolView(
            state=self._state,
            counters=self._counters,
            bytes=self._size,
            limit_bytes=self._limits.disk_bytes,
            oldest_age_seconds=round(age, 3),
            queued_frames=len(self._queue),
            damaged_frames=self._damaged,
            commits=self._commits,
            gaps=self._journal.totals,
            retained_bytes=self._counters.retained_bytes,
            retained_since_us=self._retained_since_us,
        )

    async def flush(self) -> None:
        """Return once everything that was put is committed.

        Raises:
            SpoolError: the last try failed; the frames are still in memory.
        """
        while self._queue:
            if self._failure is not None:
                raise self._failure
            if self._done.is_set():
                raise self._closed()
            self._turn.clear()
            self._wake.set()
            await self._turn.wait()

    async def close(self) -> None:
        """Commit what waits, close the file and end `run`."""
        self._closing.set()
        self._wake.set()
        await self._done.wait()

    async def run(self) -> None:
        """Open the file and commit until `close`; failures are retried for ever."""
        try:
            await self._open()
            while not self._closing.is_set():
                await self._wake.wait()
                self._wake.clear()
                if self._timer is not None:
                    self._timer.cancel()
                    self._timer = None
                await self._commit_everything()
        finally:
            await self._end()

    def _schedule(self, seconds: float) -> None:
        """Wake the task after so many seconds, or earlier if that is due."""
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        if self._timer is None or due < self._due:
            if self._timer is not None:
                self._timer.cancel()
            # What uvloop returns cannot always be asked when it is due: a time that has
            # passed already, as after a pause of the process, gives a plain handle.
            self._timer, self._due = loop.call_at(due, self._wake.set), due

    async def _open(self) -> None:
        waits = self._waits()
        while not self._opened.is_set() and not self._closing.is_set():
            try:
                opened = await self._file.look()
            except SpoolError as error:
                if error.damaged and await self._salvage(error) is None:
                    break
                self._fail(error)
                await pause(self._closing, next(waits))
            else:
                self._take_over(opened)

    def _take_over(self, opened: Opened) -> None:
        """Begin with what is in the file."""
        seen, self._oldest_us, self._journal, self._entities = opened
        self._last_gap_id = max(self._last_gap_id, self._journal.last_gap_id)
        self._copying.take_over(self._journal.replay)
        self._counters = seen.counters
        self._position = self._handed_out = seen.counters.cursor
        self._settle(seen)
        self._opened.set()
        _log.info(
            "spool.opened",
            path=str(self._path),
            bytes=seen.size,
            pending_events=seen.counters.pending,
            pending_frames=seen.counters.frames,
        )

    async def _salvage(self, damage: SpoolError) -> SpoolError | None:
        """Go on with a new file that has all that is readable of the damaged one."""
        self._fail(damage)
        believed = self._counters if self._opened.is_set() else None
        try:
            opened, report = await self._file.salvage(
                damage,
                believed=believed,
                known=self._tail.frames(),
                now_us=int(self._clock() * 1e6),
            )
        except SpoolError as error:
            return error
        _log.error(
            "spool.salvaged",
            cause=report.cause,
            damaged_file=str(report.moved_to),
            kept_frames=report.kept_frames,
            lost_frames=report.lost_frames,
            lost_events=report.lost_events,
            gap=report.gap.id if report.gap else None,
        )
        if believed is not None and report.last_row is not None:
            # A commit of which the end was not heard.
            self._queue.take(max(0, report.last_row - believed.last_row))
        self._damage = None
        self._salvages += 1
        self._tail.clear()
        self._outcome, self._done_bytes = NOTHING, 0
        self._copying.cut("the spool was damaged")
        self._take_over(opened)
        detail = (
            f"{report.cause}; {report.lost_events} events could not be read and count"
            f" as dead-lettered, the file is kept as {report.moved_to.name}"
        )
        self._health.set("spool_damaged", Status.DEGRADED, detail)
        return None

    async def _commit_everything(self) -> None:
        """Commit what waits; a failure is retried until it works or all ends."""
        waits = self._waits()
        while self._opened.is_set() and self._has_work():
            failure = self._damage or await self._queue_copies() or await self._commit()
            if failure is None:
                waits = self._waits()
                if self._can_wait():
                    self._schedule_next()
                    return
                continue
            if failure.damaged and not self._closing.is_set():
                failure = await self._salvage(failure)
            if failure is not None:
                self._fail(failure)
            if self._closing.is_set():
                return
            await pause(self._closing, next(waits))

    def _can_wait(self) -> bool:
        """True if what came during a commit may gather others, like what comes later.

        Without it there would be a commit after the other as fast as the disk allows.
        """
        urgent = self._changes or self._damage or self._closing.is_set()
        full = self._queue.holds_commit
        copies = self._to_copy() is not None
        return not (urgent or full or copies or self._makes_room())

    def _schedule_next(self) -> None:
        """Wake the task for what is left after a commit."""
        if self._queue:
            self._schedule(self._commit_wait)
        elif self._position > self._counters.cursor:
            self._schedule(self._limits.acknowledge_seconds)

    async def _commit(self) -> SpoolError | None:
        """Commit all that waits; return the error if it did not work."""
        failure = await self._commit_frames() if self._has_frames() else None
        return failure or await self._commit_changes()

    async def _commit_changes(self) -> SpoolError | None:
        while self._changes:
            change = self._changes[0]
            try:
                self._journal = await self._file.change(change.work)
            except SpoolError as error:
                return error
            self._copying.take_over(self._journal.replay)
            del self._changes[0]
            if not change.done.done():
                change.done.set_result(None)
        if self._failure is not None:
            self._judge(self._size)
        return None

    async def _commit_frames(self) -> SpoolError | None:
        """Commit the queue and the position; return the error if it did not work."""
        acknowledged = None
        if self._position > self._counters.cursor:
            acknowledged = Acknowledged(self._position, self._outcome, self._done_bytes)
        try:
            with self._queue.offered() as rows:
                seen = await self._file.write(
                    self._counters,
                    rows,
                    acknowledged,
                    self._to_prune(),
                    int(self._clock() * 1e6),
                )
        except SpoolError as error:
            return error
        self._commits += 1
        self._commit_wait = wait_after(
            self._queue.offered_bytes,
            seconds=self._limits.commit_seconds,
            busy_bytes=self._limits.busy_bytes,
            busy_times=self._limits.busy_times,
        )
        self._settle(seen)
        self._turn.set()
        return seen.failure

    def _settle(self, seen: Seen) -> None:
        """Take over what is durable now: it leaves the queue and joins the tail."""
        before, now = self._counters, seen.counters
        stored = self._queue.take(now.last_row - before.last_row)
        if stored and before.pending == 0:
            self._oldest_us = stored[0].received_us
        for row, one in enumerate(stored, before.last_row + 1):
            if one.copy_of:
                self._copying.stored(one.copy_of)
            self._entities.update(one.entities)
            self._tail.push(
                Frame(row, one.origin, one.received_us, one.events, one.payload)
            )
        self._outcome = unsaved(self._outcome, before, now)
        self._done_bytes -= now.forwarded_bytes - before.forwarded_bytes
        self._counters = now
        self._prunable = seen.prunable
        self._retained_since_us = seen.retained_since_us
        self._size = seen.size
        self._room.set()
        self._grown.set()
        if seen.failure is None:
            self._judge(seen.size)

    def _judge(self, size: int) -> None:
        """Accept frames or pause, by the size of the file."""
        limit = self._limits.disk_bytes
        size = max(0, size - self._counters.retained_bytes)
        paused = self._state is SpoolState.PAUSED
        room = room_of(size, limit=limit, paused=paused)
        self._failure = None
        self._health.clear("spool_unwritable")
        used = f"the spool holds {size / MEBIBYTE:.1f} of {limit / MEBIBYTE:.1f} MiB"
        if room is Room.NONE:
            self._state = SpoolState.PAUSED
            self._accepting.clear()
            detail = f"{used}; not reading from Home Assistant until it is below 90 %"
            self._health.set("spool_full", Status.DEGRADED, detail)
        else:
            self._state = SpoolState.ACCEPTING
            self._accepting.set()
            self._health.clear("spool_full")
        if room is Room.LITTLE:
            self._health.set("spool_filling", Status.DEGRADED, used)
        else:
            self._health.clear("spool_filling")

    def _fail(self, error: SpoolError) -> None:
        if self._failure is None:
            _log.error("spool.failed", error=str(error), name=error.name)
        self._failure = error
        self._give_up([one for one in self._changes if one.urgent], error)
        self._state = SpoolState.UNWRITABLE
        self._accepting.clear()
        self._turn.set()
        detail = f"{error}; retrying, nothing is read from Home Assistant meanwhile"
        self._health.set("spool_unwritable", Status.FAILING, detail)

    async def _change(
        self, work: Callable[[Store], JournalView], *, urgent: bool = False
    ) -> None:
        """Have the task change the journal, after the frames that wait now."""
        if self._done.is_set():
            raise self._closed()
        done = asyncio.get_running_loop().create_future()
        self._changes.append(_Change(work, done, urgent))
        self._wake.set()
        await done

    def _give_up(self, changes: list[_Change], error: SpoolError) -> None:
        """Tell those who wait for these changes that they were not made."""
        self._changes = [one for one in self._changes if one not in changes]
        for change in changes:
            if not change.done.done():
                change.done.set_exception(error)

    def _closed(self) -> SpoolError:
        return SpoolError(str(self._path), "CLOSED", "the spool is closed")

    def _has_work(self) -> bool:
        return bool(self._changes or self._damage) or self._has_frames()

    def _has_frames(self) -> bool:
        moved = self._position > self._counters.cursor
        waiting = bool(self._queue) or moved
        return waiting or self._makes_room() or self._to_copy() is not None

    def _makes_room(self) -> bool:
        """True if kept frames should be deleted now."""
        return self._crowded and self._prunable > 0

    @property
    def _crowded(self) -> bool:
        """True while the file is so large that kept frames have to go."""
        large = is_crowded(self._size, limit=self._limits.disk_bytes)
        return large or self._state is SpoolState.PAUSED

    def _to_prune(self) -> Prune:
        """Return what of the acknowledged frames the next commit should delete."""
        return prune_of(
            self._limits,
            size=self._size,
            crowded=self._crowded,
            kept_bytes=self._counters.retained_bytes + self._done_bytes,
            kept_rows=self._prunable + self._position - self._counters.cursor,
            until_row=self._copying.done_with,
        )

    def _to_copy(self) -> ReplayPosition | None:
        """Return which rows of a replay should join the queue now, None if none."""
        rows = self._copying.to_copy
        if rows is None or self._queue.holds_commit or self._crowded:
            return None
        return rows

    async def _queue_copies(self) -> SpoolError | None:
        """Let the next frames of a replay join the queue, if there is one."""
        replay = self._to_copy()
        if replay is None:
            return None
        try:
            chunk, gone = await self._file.ask(
                lambda store: store.copies(replay, max_bytes=self._limits.commit_bytes)
            )
            if gone:
                _log.warning("replay.cut", rows=gone, reason="the spool needs the room")
            for row, events in chunk.damaged:
                _log.error("spool.damaged", row=row, events=events, reason="checksum")
            self._queue_copies_of(chunk)
            if chunk.last_row == replay.until_row and not self._queue.end_copies_at(
                chunk.last_row
            ):
                ended = replay._replace(next_row=replay.until_row + 1)
                self._journal = await self._file.change(
                    lambda store: store.save_replay(ended)
                )
                self._copying.stored(replay.until_row)
        except SpoolError as error:
            return error
        return None

    def _queue_copies_of(self, chunk: Chunk) -> None:
        """Queue the frames as if they came in now; the time is not that of events."""
        now_us = int(self._clock() * 1e6)
        for one in chunk.frames:
            self._queue.push(
                Arrival(now_us, one.origin, one.events, one.payload, copy_of=one.row)
            )
        self._copying.copied(chunk.last_row)

    async def _ask(self, question: Callable[[Store], T]) -> T:
        """Return an answer of the file; damage is for the task to repair."""
        try:
            return await self._file.ask(question)
        except SpoolError as error:
            if error.damaged:
                self._damage = error
                self._wake.set()
            raise

    def _end_of(self, behind: Lot | None) -> int:
        """Return the last row that is acknowledged or of the lot.

        Rows of a lot from before a salvage have other numbers now: all that is not
        acknowledged is handed out again.
        """
        if behind is None or behind.file != self._salvages:
            return self._position
        return max(self._position, behind.last_row)

    async def _read(
        self, after: int, max_events: int, max_bytes: int, behind: Lot | None
    ) -> Lot:
        number = self._salvages
        chunk = await self._ask(
            lambda store: store.read(after, max_events=max_events, max_bytes=max_bytes)
        )
        for row, events in chunk.damaged:
            _log.error("spool.damaged", row=row, events=events, reason="checksum")
        if chunk.damaged:
            self._damaged += len(chunk.damaged)
            detail = (
                f"{self._damaged} frames could not be read back (wrong checksum);"
                " their events count as dead-lettered"
            )
            self._health.set("spool_damaged", Status.DEGRADED, detail)
        lost = sum(events for _, events in chunk.damaged)
        good = sum(frame.events for frame in chunk.frames)
        # A damaged row may claim more events than there were.
        lost = max(0, min(lost, self.waiting_behind(behind) - good))
        damaged_bytes = chunk.bytes - sum(len(one.payload) for one in chunk.frames)
        return Lot(chunk.frames, lost, chunk.last_row, damaged_bytes, number)

    def _waits(self) -> Iterator[float]:
        limits = self._limits
        return delays(limits.retry_first_seconds, limits.retry_most_seconds)

    async def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._queue:
            frames, events = len(self._queue), self._queue.events
            _log.error("spool.not_saved", frames=frames, events=events)
        self._give_up(self._changes, self._closed())
        await self._file.close()
        self._state = SpoolState.CLOSED
        self._accepting.clear()
        self._done.set()
        self._turn.set()


def _count(first: int, last: int, store: Store) -> tuple[int, int]:
    return store.count(first, last)
