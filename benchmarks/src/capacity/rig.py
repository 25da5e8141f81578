"""The edge to the stack that is measured, and to the host that it runs on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from .clocks import Taken
from .database import Database
from .resources import HostLook, Usage
from .store import Store

__all__ = ["Counts", "Reading", "Rig"]

Reading: TypeAlias = Callable[[], Sequence[tuple[float, int]]]
"""Ends a reading; returns how many events had come when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What the services have counted; `at` is the monotonic time of the look.

    `done` are events of which enrichment knows the end, since its own start;
    `rejected` those kept as dead letters or expired, `reconnects` subscriptions after
    the first, and `pending` the events in the spool, as ingestion counts them. What
    belongs to one of the `open_gaps` is still to be read from the source's history.
    """

    at: float
    done: int
    received: int
    written: int
    rejected: int
    merged: int
    pending: int
    reconnects: int
    open_gaps: int
    spool_bytes: int
    spool_limit: int


class Rig(Protocol):
    """The edge to the stack and to the host that it runs on."""

    @property
    def source_url(self) -> str:
        """Where the load's control listens."""
        ...

    @property
    def source_token(self) -> str:
        """What a real Home Assistant wants to see."""
        ...

    @property
    def source(self) -> str:
        """The container that the events leave from."""
        ...

    @property
    def generates(self) -> bool:
        """Whether the source makes events itself, or only passes on what it gets."""
        ...

    def source_cores(self) -> float:
        """Return how many cores the generator may use."""
        ...

    def usage(self, *, fresh: bool = True) -> dict[str, Usage]:
        """Return a look at each container; the engine is asked only if `fresh`."""
        ...

    def host(self) -> HostLook:
        """Return one look at the host."""
        ...

    def counts(self) -> Counts:
        """Return what the services count."""
        ...

    def take(self) -> Taken:
        """Return the latencies since the last take."""
        ...

    def store(self) -> Store:
        """Return a way to what is stored, for one thread."""
        ...

    def compactions(self) -> int:
        """Return how many compactions the database has made."""
        ...

    def series(self) -> int:
        """Return how many series the database holds."""
        ...

    def stored_bytes(self) -> int | None:
        """Return how much the database's data take on the disk."""
        ...

    def database(self) -> Database:
        """Return the way into the database past the services."""
        ...

    def throwaway(self) -> AbstractContextManager[tuple[Database, float]]:
        """Return a new database like the stack's, which is removed at the end.

        With it comes how many days ago the days of the past must end, so that no
        shard of today holds any of them.
        """
        ...

    def reading_alone(self) -> AbstractContextManager[Reading]:
        """Stop ingestion and read the source in its place; afterwards start it again.

        What comes ends the reading and returns how many events had come when.
        """
        ...

    def database_off(self) -> None:
        """Stop the database in order."""
        ...

    def database_on(self) -> None:
        """Start it; it need not serve yet."""
        ...

    def null_source(self) -> str:
        """Return where a source like the stack's listens, of which all is thrown away.

        It is started at the first call; `null_cpu` is what it has used.
        """
        ...

    def null_cpu(self) -> float:
        """Return the CPU seconds of the source without a stack."""
        ...

    def close_null(self) -> None:
        """Remove the source without a stack."""
        ...
