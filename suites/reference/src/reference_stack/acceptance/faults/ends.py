"""End services: by their own signal, by SIGKILL, by the kernel for want of memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager

from stackproof import stops, wait_until
from stackproof.drills.returning import now_ns
from stackproof.faults.crash import Crash, crashed, starved

from ...project import LONG_RUNNING
from ..scenario import Fault
from ..world import World

_ARRIVAL_SECONDS = 5.0
_EVERY_SECONDS = 0.1
_KILLED = 137


@contextmanager
def nothing(world: World) -> Iterator[None]:
    """Do no harm; let a while pass."""
    with world.fault("nothing", "nobody", "traffic") as note:
        before = world.traffic.emitted()
        world.await_emitted(3.0)
        yield
        made = world.traffic.emitted() - before
        note.saw(made, f"{made} events without any fault")


def sigterm(*services: str) -> Fault:
    """Return a fault that stops services together, each by its own signal."""

    @contextmanager
    def stop(world: World) -> Iterator[None]:
        since = now_ns(world.proof)
        with world.fault("SIGTERM", _names(services), "each ends by itself") as note:
            stop_together(world, services)
            ends = stops(world.proof.events.events, after_ns=since)
            note.saw(
                {end.service for end in ends} == set(services),
                "; ".join(map(str, ends)),
            )
            try:
                world.await_emitted(1.0)
                yield
            finally:
                start_together(world, services)

    return stop


def sigkill(*services: str) -> Fault:
    """Return a fault that kills main processes at the same moment."""
    return _crash("SIGKILL", services, crashed)


def out_of_memory(*services: str) -> Fault:
    """Return a fault that makes the kernel kill main processes."""
    return _crash("OOM kill", services, starved)


def _crash(
    kind: str,
    services: tuple[str, ...],
    crash: Callable[..., AbstractContextManager[Crash]],
) -> Fault:
    @contextmanager
    def kill(world: World) -> Iterator[None]:
        with ExitStack() as cure:
            with world.fault(kind, _names(services), "exit code 137 of each") as note:
                # What is dead comes back by itself: the fault is over at once.
                note.heal()
                seen = cure.enter_context(crash(world.proof, *services))
                deaths = seen.deaths(world.proof)
                problems = [hit.problem for hit in seen.hits if hit.problem]
                note.saw(
                    not problems
                    and {event.service for event in deaths} == set(services)
                    and all(event.exit_code == _KILLED for event in deaths),
                    "; ".join([*map(str, deaths), *problems]),
                )
            yield

    return kill


def stop_together(world: World, services: tuple[str, ...]) -> None:
    """Stop containers at the same moment and wait for the record of their ends."""
    since = now_ns(world.proof)
    rows = [row for row in world.proof.containers() if row.service in services]

    def stop(container: str) -> None:
        world.stack.engine.containers.get(container).stop()

    with ThreadPoolExecutor() as pool:
        list(pool.map(stop, [row.id for row in rows]))

    def ended() -> frozenset[str]:
        events = world.proof.events.events
        return frozenset(
            event.container
            for event in events
            if event.action == "die" and event.time_ns > since
        )

    wait_until(
        ended,
        frozenset(row.id for row in rows if row.running).issubset,
        timeout=_ARRIVAL_SECONDS,
        every=_EVERY_SECONDS,
    )


def start_together(world: World, services: tuple[str, ...] = LONG_RUNNING) -> None:
    """Start the containers of services, in no order."""
    rows = [row for row in world.proof.containers() if row.service in services]

    def start(container: str) -> None:
        world.stack.engine.containers.get(container).start()

    with ThreadPoolExecutor() as pool:
        list(pool.map(start, [row.id for row in rows if not row.running]))


def _names(services: tuple[str, ...]) -> str:
    return "all" if set(services) == set(LONG_RUNNING) else ", ".join(services)
