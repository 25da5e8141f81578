"""Hit containers from the host and wait for what the engine makes of it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from ..errors import ProbeError, WaitFailed, WaitTimeout
from ..events import Event
from ..model import State
from ..restarts import Policy, parse_policy
from ..verify.container import Inspected
from ..verify.stack import Stack
from ..wait import wait_until

STAY_DOWN_SECONDS = 2.0
RESTART_SECONDS = 20.0
"""The first restart is due after 0.1 s; the rest is for a busy machine."""
_DEATH_SECONDS = 10.0
_KILL_SECONDS = 30.0
"""Nothing outlives SIGKILL; a busy engine may be late to say so."""
_BACK_OFF_SECONDS = 65.0
"""The engine doubles its pause with each restart of what ran for less than 10 s."""
_STARVING_SECONDS = 90.0
_OOM_SECONDS = 5.0
_LONGEST_GRACE = 30.0
_EVERY_SECONDS = 0.05

Number = Callable[[Inspected], int] | None
"""Chooses the signal; None stands for the kernel's, for want of memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One container whose main process was sent a signal.

    Attributes:
        policy: what the engine holds; None when it is not a known one.
        count: how often the policy had started it before.
        problem: why the signal did not reach it.
    """

    service: str
    container: str
    number: int
    policy: Policy | None
    count: int = 0
    problem: str = ""


def hit_all(stack: Stack, rows: Iterable[Inspected], number: Number) -> tuple[Hit, ...]:
    """Send each its signal; without one, let the kernel send SIGKILL."""

    def one(row: Inspected) -> Hit:
        sent = number(row) if number else int(signal.SIGKILL)
        problem = ""
        try:
            if number:
                stack.vantage.probe("signals", {"pid": row.pid, "signal": sent})
            else:
                _starve(stack, row)
        except ProbeError as err:
            problem = str(err)
        return Hit(
            service=row.service,
            container=row.id,
            number=sent,
            policy=parse_policy(row.host_config.get("RestartPolicy") or {}),
            count=row.restart_count,
            problem=problem,
        )

    with ThreadPoolExecutor(None if number else 1) as pool:
        return tuple(pool.map(one, rows))


def _starve(stack: Stack, row: Inspected) -> None:
    """Fill a container's memory until the kernel kills its main process.

    The kernel's counter goes with the control group, which the engine may have removed
    before the probe reads it: what counts then is the engine's own `oom` event.
    """
    since = max((event.time_ns for event in stack.events.events), default=0)
    limit = int(row.host_config.get("Memory") or 0)
    asked = {"pid": row.pid, "limit": limit, "victim": "container"}
    seen = stack.vantage.probe("memory", asked, timeout=_STARVING_SECONDS)
    if (seen["oom_kill_after"] or 0) > (seen["oom_kill_before"] or 0):
        return
    try:
        stack.events.wait_for(
            lambda event: event.action == "oom" and event.container == row.id,
            timeout=_OOM_SECONDS,
            after_ns=since,
        )
    except WaitTimeout as err:
        why = "the kernel killed nothing at the memory limit"
        raise ProbeError("memory", why) from err


def await_deaths(stack: Stack, hits: Iterable[Hit], since: int) -> None:
    """Wait for the end of each; one that outlives its grace period is killed."""
    waiting = {hit.container: hit for hit in hits if not hit.problem}
    gentle = {hit.service for hit in waiting.values() if hit.number != signal.SIGKILL}
    graces = [stack.model.services[name].stop_grace_seconds for name in gentle]
    limit = _DEATH_SECONDS + min(max(graces), _LONGEST_GRACE) if graces else 0.0
    if len(gentle) < len({hit.service for hit in waiting.values()}):
        limit = max(limit, _KILL_SECONDS)

    def dead(seen: frozenset[str]) -> bool:
        return waiting.keys() <= seen

    try:
        wait_until(
            lambda: _containers(stack, "die", since),
            dead,
            timeout=limit,
            every=_EVERY_SECONDS,
        )
    except WaitTimeout as err:
        alive = waiting.keys() - err.seen if isinstance(err.seen, frozenset) else ()
        for row in stack.containers():
            if row.id in alive and row.running:
                with suppress(ProbeError):
                    stack.vantage.probe("signals", {"pid": row.pid, "signal": 9})


def await_restarts(stack: Stack, hits: Iterable[Hit], since: int) -> None:
    """Wait for the starts that are due, then a moment for those that are not."""
    ends = _deaths(later(stack, since))
    due = frozenset(
        hit.container
        for hit in hits
        if hit.policy
        and hit.container in ends
        and hit.policy.restarts(ends[hit.container], count=hit.count)
    )
    soon = time.monotonic() + RESTART_SECONDS

    def started(seen: frozenset[str]) -> bool:
        return due <= seen

    def overdue(seen: frozenset[str]) -> bool:
        rows = stack.containers() if time.monotonic() > soon else ()
        return gave_up(row.state for row in rows if row.id in due - seen)

    with suppress(WaitTimeout, WaitFailed):
        wait_until(
            lambda: _containers(stack, "start", since),
            started,
            failed=overdue,
            timeout=_BACK_OFF_SECONDS,
            every=_EVERY_SECONDS,
        )
    others = frozenset(ends) - due
    if others:
        with suppress(WaitTimeout):
            stack.events.wait_for(
                lambda event: event.action == "start" and event.container in others,
                timeout=STAY_DOWN_SECONDS,
                after_ns=since,
            )


def gave_up(late: Iterable[State]) -> bool:
    """Tell from the states of what is late that the engine starts none of it (pure)."""
    states = frozenset(late)
    return bool(states) and State.RESTARTING not in states


def _containers(stack: Stack, action: str, since: int) -> frozenset[str]:
    """Return the containers with such an event; a start counts only after an end."""
    ended: set[str] = set()
    found: set[str] = set()
    for event in later(stack, since):
        if event.action == "die":
            ended.add(event.container)
        if event.action == action and event.container in ended:
            found.add(event.container)
    return frozenset(found)


def _deaths(events: Iterable[Event]) -> dict[str, int]:
    """Return container to the exit code of its first end."""
    found: dict[str, int] = {}
    for event in events:
        if event.action == "die":
            found.setdefault(event.container, event.exit_code or 0)
    return found


def later(stack: Stack, since: int) -> tuple[Event, ...]:
    """Return the events after a stamp."""
    return tuple(event for event in stack.events.events if event.time_ns > since)
