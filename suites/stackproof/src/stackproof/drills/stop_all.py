"""Stop the whole stack, watch that it stays down, and start it again."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from ..errors import ProbeError, WaitTimeout
from ..events import Event
from ..model import State
from ..restarts import long_running
from ..verify.container import Inspected
from ..verify.stack import Stack
from ..wait import wait_until
from .returning import Return, come_back, now_ns, start, well

STAY_DOWN_SECONDS = 2.0
"""A policy that fires by mistake does so after 0.1 s."""
_SPARE_SECONDS = 60.0
_ARRIVAL_SECONDS = 10.0
_EVERY_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstProcess:
    """What the kernel knows of a container's PID 1."""

    command: tuple[str, ...]
    caught: frozenset[int]
    ignored: frozenset[int]
    others: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAll:
    """One stop and one start of the whole stack.

    Attributes:
        events: from the stop to the end of the time in which nothing may start.
        stood: services that were well before.
        first: container to its PID 1 before the stop, where it could be seen.
        back: how services came back.
    """

    events: tuple[Event, ...]
    stood: frozenset[str]
    first: Mapping[str, FirstProcess] = field(default_factory=dict)
    back: Return = field(default_factory=Return)


def stop_all(stack: Stack) -> StopAll:
    """Return what the drill recorded; it is done once a run."""
    return stack.once("stop all", lambda: _drill(stack))


def first_process(stack: Stack, row: Inspected) -> FirstProcess | None:
    """Return PID 1 of a container, or None when it cannot be seen from here."""
    try:
        answer = stack.vantage.probe("process", {"pid": row.pid})
    except ProbeError:
        return None
    main, *others = answer["processes"]
    return FirstProcess(
        command=tuple(main.get("command") or ()),
        caught=frozenset(main.get("caught") or ()),
        ignored=frozenset(main.get("ignored") or ()),
        others=len(others),
    )


def _drill(stack: Stack) -> StopAll:
    stood = well(stack)
    staying = frozenset(service.name for service in long_running(stack.model)) & stood
    running = [row for row in stack.containers() if row.running]
    processes = {
        row.id: seen
        for row in running
        if row.service in staying and (seen := first_process(stack, row)) is not None
    }
    others = unwell(stack, staying)
    since = now_ns(stack)
    stop(stack)
    with suppress(WaitTimeout):
        stack.events.wait_for(
            lambda event: event.action == "start",
            timeout=STAY_DOWN_SECONDS,
            after_ns=now_ns(stack),
        )
    recorded = _later(stack, since)
    start(others, stack)
    return StopAll(
        events=recorded,
        stood=stood,
        first=processes,
        back=come_back(stack, staying),
    )


def unwell(stack: Stack, staying: frozenset[str]) -> tuple[Inspected, ...]:
    """Return the containers that run besides those of the services that are well.

    Nothing is judged of them by a stop, and they have to be there again after it: what
    is well may need them, and they may become well. Each reads as it will be: down.
    """
    rows = (row for row in stack.containers() if row.running)
    return tuple(
        replace(row, state=State.EXITED) for row in rows if row.service not in staying
    )


def stop(stack: Stack) -> None:
    """Stop all services and wait until the record holds the end of each."""
    graces = (s.stop_grace_seconds * s.replicas for s in stack.model.services.values())
    running = frozenset(row.id for row in stack.containers() if row.running)
    since = now_ns(stack)
    stack.compose.stop(timeout=sum(graces) + _SPARE_SECONDS)
    _await_ends(stack, running, since)


def _later(stack: Stack, since: int) -> tuple[Event, ...]:
    return tuple(event for event in stack.events.events if event.time_ns > since)


def _await_ends(stack: Stack, containers: frozenset[str], since: int) -> None:
    """Wait until the record holds the end of each container."""

    def ended() -> frozenset[str]:
        return frozenset(e.container for e in _later(stack, since) if e.action == "die")

    with suppress(WaitTimeout):
        wait_until(
            ended,
            lambda seen: containers <= seen,
            timeout=_ARRIVAL_SECONDS,
            every=_EVERY_SECONDS,
        )
