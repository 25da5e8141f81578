"""End main processes from the host, so that the engine brings them back by itself.

A container that the engine is told to kill counts as stopped by hand; one whose process
is killed from outside, or by the kernel for want of memory, does not.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..drills.hits import Hit, await_deaths, await_restarts, hit_all, later
from ..drills.returning import now_ns, start
from ..events import Event
from ..verify.container import Inspected
from ..verify.stack import Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """What ended some services.

    Attributes:
        since_ns: the engine's stamp before the first of them was hit.
        hits: what was sent to whom.
    """

    since_ns: int
    hits: tuple[Hit, ...]

    def deaths(self, stack: Stack) -> tuple[Event, ...]:
        """Return the first end of each container that was hit, so far."""
        hit = {one.container for one in self.hits}
        found: dict[str, Event] = {}
        for event in later(stack, self.since_ns):
            if event.action == "die" and event.container in hit:
                found.setdefault(event.container, event)
        return tuple(found.values())


@contextmanager
def crashed(stack: Stack, *services: str) -> Iterator[Crash]:
    """Kill the main processes of services at the same moment.

    They are dead inside of the block, or on their way back already: the engine's
    restart policy is at work. What it has not started is started afterwards.

    Raises:
        ProbeError: one of them does not run.
    """
    with _hit(stack, services, number=int(signal.SIGKILL)) as crash:
        yield crash


@contextmanager
def starved(stack: Stack, *services: str) -> Iterator[Crash]:
    """Fill the memory of services until the kernel kills their main processes.

    Raises:
        ProbeError: one of them does not run.
    """
    with _hit(stack, services, number=None) as crash:
        yield crash


@contextmanager
def _hit(
    stack: Stack, services: Iterable[str], *, number: int | None
) -> Iterator[Crash]:
    rows = [stack.running(name) for name in services]
    since = now_ns(stack)

    def same(_row: Inspected) -> int:
        return int(signal.SIGKILL)

    try:
        hits = hit_all(stack, rows, same if number else None)
        await_deaths(stack, hits, since)
        yield Crash(since_ns=since, hits=hits)
        await_restarts(stack, hits, since)
    finally:
        start([row for row in stack.containers() if row.service in services], stack)
