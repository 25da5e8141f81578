"""End main processes from the host, so that the engine applies its restart policy.

A container that the engine is told to kill counts as stopped by hand. Services are hit
together, each once; one that has trouble coming back is hit again alone, so that a
fault of a peer is not taken for its own.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from ..errors import WaitTimeout
from ..events import Event
from ..restarts import Policy, declared_policy, long_running
from ..verify.container import Inspected
from ..verify.stack import Stack
from .hits import Hit, Number, await_deaths, await_restarts, hit_all, later
from .layers import joined
from .returning import Return, come_back, now_ns, well
from .signals import number_of

_ARRIVAL_SECONDS = 10.0
_MOST_RETRIES = 5
_KILLED = 128 + int(signal.SIGKILL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """What became of one service.

    Attributes:
        since: stamp before the signal.
        hands_off: stamp up to which nothing but the engine has started a container.
        events: of all services, from then on.
        back: how services came back.
    """

    hits: tuple[Hit, ...]
    since: int
    hands_off: int
    events: tuple[Event, ...] = ()
    back: Return = field(default_factory=Return)


Crashes = Mapping[str, Crash]


def kill_all(stack: Stack) -> Crashes:
    """Hit every long-running service with SIGKILL."""
    return stack.once("crash", lambda: _waves(stack, lambda _row: int(signal.SIGKILL)))


def end_all(stack: Stack) -> Crashes:
    """Have every long-running service end by its own stop signal, sent by the host."""
    return stack.once("end", lambda: _waves(stack, stop_number))


def starve_all(stack: Stack) -> Crashes:
    """Have the kernel kill every service that has a memory limit, for want of memory.

    One after the other: each fills the memory that its limit allows.
    """

    def limited(row: Inspected) -> bool:
        return bool(row.host_config.get("Memory"))

    return stack.once("starve", lambda: _waves(stack, None, limited))


def exhaust(stack: Stack) -> Crashes:
    """Hit services with a limit of restarts until they are started no more."""
    return stack.once("exhaust", lambda: _exhaust(stack))


def exhaustible(policy: Policy | None) -> bool:
    """Tell whether a limit is low enough to be reached in some seconds."""
    return policy is not None and 0 < policy.retries <= _MOST_RETRIES


def stop_number(row: Inspected) -> int:
    """Return the signal that the engine stops a container with."""
    return number_of(str(row.config.get("StopSignal") or "")) or int(signal.SIGTERM)


def staying(stack: Stack) -> frozenset[str]:
    """Return the long-running services that are well."""
    return frozenset(s.name for s in long_running(stack.model)) & well(stack)


def _everyone(_row: Inspected) -> bool:
    return True


def _waves(
    stack: Stack, number: Number, wanted: Callable[[Inspected], bool] = _everyone
) -> Crashes:
    services = staying(stack)
    guests = frozenset(name for name in services if joined(stack.model.services[name]))
    chosen = services & {row.service for row in stack.containers() if wanted(row)}
    found: dict[str, Crash] = {}
    for wave in (chosen - guests, chosen & guests):
        if not wave:
            continue
        found.update(_wave(stack, wave, services, number))
        suspects = _suspects(found, wave) | forestalled(found, wave)
        for name in sorted(suspects) if len(wave) > 1 else ():
            found.update(_wave(stack, frozenset({name}), services, number))
    return found


def _suspects(found: Crashes, wave: frozenset[str]) -> frozenset[str]:
    """Return those whose trouble may be a peer's: all but a lone lost one."""
    back = next((found[name].back for name in sorted(wave)), Return())
    if len(back.lost) == 1 and not (back.late or back.gave_up):
        return frozenset()
    return back.troubled & wave


def forestalled(found: Crashes, wave: frozenset[str]) -> frozenset[str]:
    """Return services that ended by themselves, for want of a peer, before the hit."""
    return frozenset(
        name
        for name in wave
        if any(_too_late(found[name], h) for h in found[name].hits)
    )


def _too_late(crash: Crash, hit: Hit) -> bool:
    ends = (e for e in crash.events if e.container == hit.container)
    end = next((e for e in ends if e.action == "die" and e.time_ns > crash.since), None)
    by_kill = end is not None and end.exit_code == _KILLED
    return bool(hit.problem) or (hit.number == signal.SIGKILL and not by_kill)


def _wave(
    stack: Stack,
    wave: frozenset[str],
    services: frozenset[str],
    number: Number,
) -> dict[str, Crash]:
    rows = [row for row in stack.containers() if row.service in wave and row.running]
    since = now_ns(stack)
    hits = hit_all(stack, rows, number)
    await_deaths(stack, hits, since)
    await_restarts(stack, hits, since)
    hands_off = now_ns(stack) + 1
    _free_guests(stack, wave)
    back = come_back(stack, services)
    events = later(stack, since)
    return {
        name: Crash(
            hits=tuple(hit for hit in hits if hit.service == name),
            since=since,
            hands_off=hands_off,
            events=events,
            back=back,
        )
        for name in wave
    }


def _exhaust(stack: Stack) -> Crashes:
    services = staying(stack)
    found: dict[str, Crash] = {}
    for name in sorted(services):
        rows = [row for row in stack.containers(name) if row.running]
        policy = declared_policy(stack.model.services[name])
        if policy is None or not exhaustible(policy):
            continue
        _forget_restarts(stack, name)
        since = now_ns(stack)
        first: tuple[Hit, ...] = ()
        for _ in range(policy.retries + 1):
            begun = now_ns(stack)
            rows = [row for row in stack.containers(name) if row.running]
            if not rows:
                break
            hits = hit_all(stack, rows, lambda _row: int(signal.SIGKILL))
            first = first or hits
            await_deaths(stack, hits, begun)
            await_restarts(stack, hits, begun)
        hands_off = now_ns(stack) + 1
        events = later(stack, since)
        _free_guests(stack, frozenset({name}))
        back = come_back(stack, services)
        found[name] = Crash(
            hits=first, since=since, hands_off=hands_off, events=events, back=back
        )
    return found


def _forget_restarts(stack: Stack, name: str) -> None:
    """Restart by hand what was started by its policy: its count begins again."""
    grace = int(stack.model.services[name].stop_grace_seconds)
    for row in stack.containers(name):
        if row.restart_count:
            since = now_ns(stack)
            stack.engine.api.restart(row.id, timeout=grace)
            _await_start(stack, row.id, since)


def _await_start(stack: Stack, container: str, since: int) -> None:
    """Wait for the record of a start, which else would count as one after a crash."""
    with suppress(WaitTimeout):
        stack.events.wait_for(
            lambda event: event.action == "start" and event.container == container,
            timeout=_ARRIVAL_SECONDS,
            after_ns=since,
        )


def _free_guests(stack: Stack, hosts: frozenset[str]) -> None:
    """Restart what has lost the namespace that it had joined."""
    for row in stack.containers():
        service = stack.model.services.get(row.service)
        if service and joined(service) & hosts and row.running:
            stack.engine.api.restart(row.id, timeout=1)
