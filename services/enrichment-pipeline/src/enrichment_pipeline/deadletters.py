"""Events that cannot be stored, kept on disk as JSON lines until a person looks.

A record is on disk (fsync) before its event is acknowledged. A batch that is sent
again does not add its records twice. When the file is full nothing is dropped: the
batch is refused, and the sender keeps it.

Records that a person had retried leave by a new file that takes the place of the old
one in one step: a kill at any moment leaves one of both, whole.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog
from msgspec import Struct

from servicekit.health import iso
from servicekit.wire import Origin

from .batch import Reject
from .errors import DeadLetterError, Reason

__all__ = [
    "CHUNK_BYTES",
    "CHUNK_LINES",
    "MAX_PAGE_BYTES",
    "MAX_PAYLOAD_CHARACTERS",
    "MAX_REMEMBERED",
    "DeadLetter",
    "DeadLetterStats",
    "DeadLetters",
    "Judge",
    "Page",
    "line_of",
    "lines_backwards",
    "read_record",
    "record_of",
]

# Longer payloads are cut and flagged: a frame that is no JSON can have many MB.
MAX_PAYLOAD_CHARACTERS = 1024 * 1024
# Ids remembered against doubles: four batches of nothing but dead letters.
MAX_REMEMBERED = 20_000
# A page of the list ends early rather than exceed this.
MAX_PAGE_BYTES = 4 * 1024 * 1024
# A revision holds no more than this of the file in memory, or one record.
CHUNK_BYTES = 4 * 1024 * 1024
CHUNK_LINES = 1_000
_BLOCK_BYTES = 256 * 1024
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC

# Gets lines of the file without newlines, returns those that stay, changed or not.
Judge = Callable[[list[bytes]], Awaitable[list[bytes]]]

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class DeadLetter(Struct, frozen=True, kw_only=True):
    """One record; `id` comes first, so that it can be found without decoding.

    `origin` is None for a line of InfluxDB, and in records of older versions.
    """

    id: str
    at: str
    reason: Reason
    detail: str
    events: int
    entity_id: str
    time_us: int | None
    payload: str
    truncated: bool
    origin: Origin | None = None
    retries: int = 0
    last_retry_at: str | None = None


class Page(Struct, frozen=True, kw_only=True):
    """Records, the newest first; `next` goes into `after` of the next request."""

    deadletters: list[DeadLetter]
    next: str | None


class DeadLetterStats(Struct, frozen=True, kw_only=True):
    """What /v1/stats shows of the dead letters."""

    records: int
    bytes: int
    limit_bytes: int


_record = msgspec.json.Decoder(DeadLetter)
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError)


def record_of(reject: Reject, now: float) -> DeadLetter:
    """Return a reject as a record.

    The id is stable: the event's key where it is known, else the spool row and the
    content.
    """
    if reject.time_us is None:
        identity = f"{reject.row}\n{reject.reason}\n{reject.payload}"
    else:
        identity = f"{reject.entity_id}\n{reject.time_us}"
    digest = blake2b(identity.encode("utf-8", "replace"), digest_size=12)
    return DeadLetter(
        id=digest.hexdigest(),
        at=iso(now),
        reason=reject.reason,
        detail=reject.detail,
        events=reject.events,
        entity_id=reject.entity_id,
        time_us=reject.time_us,
        payload=reject.payload[:MAX_PAYLOAD_CHARACTERS],
        truncated=len(reject.payload) > MAX_PAYLOAD_CHARACTERS,
        origin=reject.origin,
    )


def line_of(record: DeadLetter) -> bytes:
    """Return a record as its line of the file, without the newline."""
    return msgspec.json.encode(record)


def read_record(line: bytes) -> DeadLetter | None:
    """Return the record in a line of the file, None if it holds none."""
    try:
        return _record.decode(line)
    except _UNREADABLE:
        _log.warning("deadletters.unreadable_line", bytes=len(line))
        return None


class _Revision:
    """A new file next to the old one, written while records are added to that."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f"{path.name}.new")
        self.changed = False
        with ExitStack() as opened:
            self._old = opened.enter_context(path.open("rb"))
            fd = os.open(self.path, _NEW_FILE | os.O_CLOEXEC, 0o640)
            self._new = opened.enter_context(os.fdopen(fd, "wb"))
            self.known = os.fstat(self._old.fileno())
            self._files = opened.pop_all()

    def read(self) -> list[bytes]:
        """Return the next lines, none after those that were there at the start."""
        lines: list[bytes] = []
        size = 0
        while size < CHUNK_BYTES and len(lines) < CHUNK_LINES:
            if self._old.tell() >= self.known.st_size:
                break
            line = self._old.readline()
            size += len(line)
            lines.append(line.removesuffix(b"\n"))
        return lines

    def write(self, lines: Iterable[bytes]) -> None:
        """Add lines to the new file."""
        self._new.writelines(line + b"\n" for line in lines)

    def finish(self) -> None:
        """Add what came to the old file meanwhile; then the new one is on disk."""
        at = self.known.st_size
        while block := os.pread(self._old.fileno(), _BLOCK_BYTES, at):
            self._new.write(block)
            at += len(block)
        self._new.flush()
        os.fsync(self._new.fileno())

    def close(self) -> None:
        """Close both files; a new one that was not put in place is removed."""
        try:
            self._files.close()
        finally:
            self.path.unlink(missing_ok=True)


class DeadLetters:
    """The file, opened for each use, so that a person may move it away at any time."""

    def __init__(
        self, path: Path, *, max_bytes: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._clock = clock
        self._one_at_a_time = threading.Lock()
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._records = 0
        self._bytes = 0
        self._inode = 0
        self._refused = False

    async def open(self) -> None:
        """Make the file, mend a torn end, learn the latest ids.

        Raises:
            DeadLetterError: the file cannot be used.
        """
        await asyncio.to_thread(self._add, [])

    async def add(self, rejects: Iterable[Reject]) -> None:
        """Put rejects on disk; known ones are left out.

        Raises:
            DeadLetterError: the file is full or cannot be written.
        """
        records = [record_of(reject, self._clock()) for reject in rejects]
        if records:
            await asyncio.to_thread(self._add, records)

    async def page(self, *, limit: int, after: str | None) -> Page | None:
        """Return up to `limit` records older than `after`; None if that is unknown.

        Raises:
            DeadLetterError: the file cannot be read.
        """
        return await asyncio.to_thread(self._page, limit, after)

    async def revise(self, judge: Judge) -> None:
        """Write the file anew with what `judge` keeps of it, some lines at a time.

        Records that are added meanwhile stay. Nothing changes in the file before
        the last line was judged.

        Raises:
            DeadLetterError: the file cannot be written, or was moved away meanwhile.
        """
        revision = await asyncio.to_thread(self._begin)
        try:
            while lines := await self._at_work(revision.read):
                kept = await judge(lines)
                revision.changed |= kept != lines
                await self._at_work(partial(revision.write, kept))
            if revision.changed:
                await asyncio.to_thread(self._replace, revision)
        finally:
            await self._at_work(revision.close)

    @property
    def has_room(self) -> bool:
        """Whether the last record was taken, or the file was made smaller since."""
        return not self._refused

    def stats(self) -> DeadLetterStats:
        """Return the size of the file as last seen."""
        return DeadLetterStats(
            records=self._records, bytes=self._bytes, limit_bytes=self._max_bytes
        )

    def _add(self, records: list[DeadLetter]) -> None:
        with self._one_at_a_time, self._opened(os.O_RDWR | os.O_APPEND) as fd:
            self._look(fd)
            fresh = {
                record.id: record for record in records if record.id not in self._ids
            }
            if not fresh:
                return
            body = b"".join(line_of(record) + b"\n" for record in fresh.values())
            self._refused = True
            if self._bytes + len(body) > self._max_bytes:
                raise DeadLetterError(
                    str(self._path),
                    f"it is full ({self._bytes} of {self._max_bytes} bytes); move it "
                    "away after looking at it, or raise DEADLETTER_MAX_MB",
                )
            _append(fd, body, self._bytes)
            self._refused = False
            self._bytes += len(body)
            self._records += len(fresh)
            self._remember(fresh)

    def _page(self, limit: int, after: str | None) -> Page | None:
        records: list[DeadLetter] = []
        size = 0
        found = after is None
        with self._one_at_a_time, self._opened(os.O_RDWR) as fd:
            for line in lines_backwards(fd):
                if not found:
                    found = line.startswith(f'{{"id":"{after}"'.encode())
                    continue
                if len(records) >= limit or (records and size > MAX_PAGE_BYTES):
                    return Page(deadletters=records, next=records[-1].id)
                record = read_record(line)
                if record is not None:
                    records.append(record)
                    size += len(line)
        return Page(deadletters=records, next=None) if found else None

    def _begin(self) -> _Revision:
        with self._one_at_a_time, self._opened(os.O_RDWR | os.O_APPEND) as fd:
            self._look(fd)
            return _Revision(self._path)

    def _replace(self, revision: _Revision) -> None:
        with self._one_at_a_time:
            with self._opened(os.O_RDWR) as fd:
                if os.fstat(fd).st_ino != revision.known.st_ino:
                    raise DeadLetterError(str(self._path), "it was moved away")
                revision.finish()
                revision.path.replace(self._path)
                _sync_folder(self._path.parent)
            with self._opened(os.O_RDWR | os.O_APPEND) as fd:
                self._look(fd)

    async def _at_work(self, work: Callable[[], T]) -> T:
        with self._translated():
            return await asyncio.to_thread(work)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as err:
            cause = err.strerror or type(err).__name__
            raise DeadLetterError(str(self._path), cause) from err

    @contextmanager
    def _opened(self, flags: int) -> Iterator[int]:
        with self._translated():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            created = not self._path.exists()
            fd = os.open(self._path, flags | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                if created:
                    _sync_folder(self._path.parent)
                yield fd
            finally:
                os.close(fd)

    def _look(self, fd: int) -> None:
        """Learn the file anew if it is not the one that was written last."""
        now = os.fstat(fd)
        if (now.st_ino, now.st_size) == (self._inode, self._bytes):
            return
        self._refused = False
        _mend(fd)
        self._ids.clear()
        self._records = 0
        newest: list[str] = []
        for line in lines_backwards(fd):
            self._records += 1
            if len(newest) < MAX_REMEMBERED:
                record = read_record(line)
                newest += [record.id] if record is not None else []
        self._remember(reversed(newest))
        self._inode, self._bytes = now.st_ino, os.fstat(fd).st_size

    def _remember(self, ids: Iterable[str]) -> None:
        self._ids.update(dict.fromkeys(ids))
        while len(self._ids) > MAX_REMEMBERED:
            self._ids.popitem(last=False)


def lines_backwards(fd: int) -> Iterator[bytes]:
    """Yield the lines of a file from its end, without newlines and empty ones."""
    position = os.fstat(fd).st_size
    rest = b""
    while position:
        size = min(_BLOCK_BYTES, position)
        position -= size
        lines = (os.pread(fd, size, position) + rest).split(b"\n")
        rest = lines[0]
        yield from (line for line in reversed(lines[1:]) if line)
    if rest:
        yield rest


def _mend(fd: int) -> None:
    """Cut off a last line that was never finished: its event was not acknowledged."""
    size = os.fstat(fd).st_size
    if not size or os.pread(fd, 1, size - 1) == b"\n":
        return
    torn = next(lines_backwards(fd))
    _log.warning("deadletters.torn_line_removed", bytes=len(torn))
    os.ftruncate(fd, size - len(torn))
    os.fsync(fd)


def _append(fd: int, body: bytes, size: int) -> None:
    """Write all of body and sync it, or leave the file as it was."""
    try:
        rest = memoryview(body)
        while rest:
            rest = rest[os.write(fd, rest) :]
        os.fsync(fd)
    except OSError:
        os.ftruncate(fd, size)
        raise


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
