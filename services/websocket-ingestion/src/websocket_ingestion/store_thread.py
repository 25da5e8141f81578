"""The one thread that owns the spool's file; everything with SQLite happens there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

from servicekit.wire import Frame

from .errors import SpoolError
from .journal import JournalView
from .ledger import Acknowledged, Arrival, Counters
from .reserve import Reserve
from .room import MOST
from .salvage import Salvaged, finish_salvage, salvage
from .store import Chunk, Prune, Store, translated

__all__ = ["Opened", "Seen", "StoreThread"]

T = TypeVar("T")


class Seen(NamedTuple):
    """The file as it was after some work: what of it is durable, and its size.

    `retained_since_us` is when the oldest acknowledged frame was received that is
    still there. `failure` is set if new frames could not be stored but the rest could.
    """

    counters: Counters
    size: int
    prunable: int
    retained_since_us: int | None = None
    failure: SpoolError | None = None


class Opened(NamedTuple):
    """The file as it was when it was opened.

    `oldest_us` is when the oldest frame that is not forwarded was received.
    """

    seen: Seen
    oldest_us: int | None
    journal: JournalView
    entities: set[str]


class StoreThread:
    """Asynchronous face of the store; opens it when needed, also after a failure."""

    def __init__(self, path: Path, open_store: Callable[[Path], Store]) -> None:
        self._path = path
        self._open_store = open_store
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._reserve = Reserve(path)
        self._store: Store | None = None
        self._closed = False

    async def look(self) -> Opened:
        """Return what is in the file.

        Raises:
            SpoolError: it cannot be opened or read.
        """
        return await self.ask(_opened)

    async def salvage(
        self,
        error: SpoolError,
        *,
        believed: Counters | None,
        known: Sequence[Frame],
        now_us: int,
    ) -> tuple[Opened, Salvaged]:
        """Put a new file in the place of the damaged one and return what is in it.

        Raises:
            SpoolError: there is no room for it, or it cannot be opened.
        """

        def work() -> tuple[Opened, Salvaged]:
            self._drop()
            with translated(self._path):
                self._reserve.release()
            report = salvage(
                self._path, str(error), believed=believed, known=known, now_us=now_us
            )
            return _opened(self._ensure()), report

        return await self._call(work)

    async def ask(self, question: Callable[[Store], T]) -> T:
        """Return what a reading function of the store gives.

        Raises:
            SpoolError: the file cannot be read.
        """
        return await self._call(lambda: question(self._ensure()))

    async def change(self, work: Callable[[Store], T]) -> T:
        """Return what a writing function of the store gives; it is durable then.

        Raises:
            SpoolError: nothing was stored as far as is known; the file is closed
                and the next call opens it again.
        """
        try:
            return await self.ask(work)
        except SpoolError:
            await self._call(self._drop)
            raise

    async def write(
        self,
        believed: Counters,
        arrivals: Sequence[Arrival],
        acknowledged: Acknowledged | None,
        prune: Prune,
        now_us: int,
    ) -> Seen:
        """Commit; return what is durable then. The acknowledgement is not after now.

        Counters other than `believed` mean that an earlier commit took effect
        although it reported a failure: then nothing is done. If the disk is full,
        the reserve is given up, rows are deleted and the position is saved, so
        that the backlog can drain; new frames are taken when the reserve is back.

        Raises:
            SpoolError: nothing was stored as far as is known; the file is closed
                and the next call opens it again.
        """

        def work(store: Store) -> Seen:
            if store.counters != believed:
                return _seen(store)
            try:
                self._need_reserve()
                store.commit(arrivals, acknowledged, prune=prune, now_us=now_us)
            except SpoolError as error:
                if not error.disk_full:
                    raise
                self._make_room(store, acknowledged)
                return _seen(store)._replace(failure=error)
            return _seen(store)

        return await self.change(work)

    async def read(self, after: int, *, max_events: int, max_bytes: int) -> Chunk:
        """Return the frames behind a row.

        Raises:
            SpoolError: the file cannot be read.
        """
        return await self.ask(
            lambda store: store.read(after, max_events=max_events, max_bytes=max_bytes)
        )

    async def close(self) -> None:
        """Close the file and end the thread."""
        await self._call(self._drop)
        self._closed = True
        self._executor.shutdown(wait=False)

    async def _call(self, work: Callable[[], T]) -> T:
        if self._closed:
            raise SpoolError(str(self._path), "CLOSED", "the spool is closed")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, work)

    def _need_reserve(self) -> None:
        with translated(self._path):
            held = self._reserve.hold()
        if not held:
            cause = "not enough room on the disk, not even for the reserve"
            raise SpoolError(str(self._path), "SQLITE_FULL", cause)

    def _make_room(self, store: Store, acknowledged: Acknowledged | None) -> None:
        with translated(self._path):
            self._reserve.release()
        store.commit((), acknowledged, prune=MOST)
        store.shrink()

    def _ensure(self) -> Store:
        if self._store is None:
            finish_salvage(self._path)
            self._store = self._open_store(self._path)
        return self._store

    def _drop(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            # It may be the broken one; what was committed is safe without it.
            with suppress(SpoolError):
                store.close()


def _opened(store: Store) -> Opened:
    return Opened(_seen(store), store.oldest_us(), store.journal(), store.entities())


def _seen(store: Store) -> Seen:
    return Seen(
        store.counters, store.size_bytes(), store.prunable, store.retained_since_us()
    )
