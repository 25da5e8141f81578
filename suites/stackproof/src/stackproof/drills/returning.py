"""Bring services back after they were ended, and tell how each of them came back."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from .. import sdk
from ..errors import ComposeError, WaitTimeout
from ..model import State
from ..verify.container import Inspected
from ..verify.stack import Stack
from ..verify.standing import (
    STEADY_SECONDS,
    Standing,
    Standings,
    settle_budget,
)
from ..wait import wait_until
from .layers import Needs, all_needs, layers, needs
from .loops import at_rest, deaths, hopeless_loops, last_step

# The engine waits 0.1 s before it starts a container again, twice as long each time up
# to a minute: a service that had to try some times comes back this much later.
BACK_OFF_SECONDS = 30.0
_SPARE_SECONDS = 10.0
_EVERY_SECONDS = 0.2
_ENDED = frozenset({State.EXITED, State.DEAD, State.CREATED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """How services came back; one that is in none of the maps did so by itself.

    Each maps a service to how it stood.

    Attributes:
        gave_up: it ended and was not started again by its policy; it was started once
            more when what it depends on was up.
        late: it ran and did not become what it was; it had to be restarted.
        lost: it did not come back though all that it depends on was up; it was made
            anew.
    """

    gave_up: Mapping[str, str] = field(default_factory=dict)
    late: Mapping[str, str] = field(default_factory=dict)
    lost: Mapping[str, str] = field(default_factory=dict)

    @property
    def troubled(self) -> frozenset[str]:
        """All services that did not come back by themselves."""
        return frozenset({*self.gave_up, *self.late, *self.lost})


@dataclass(frozen=True, slots=True)
class _Seen:
    """One look at the services that are awaited."""

    below: Mapping[str, str]
    ended: frozenset[str]
    hopeless: frozenset[str]
    stuck: frozenset[str]


def well(stack: Stack) -> frozenset[str]:
    """Return the services that run and stand as they should."""
    running = {row.service for row in stack.containers() if row.running}
    return stack.look().sound_services & running


def now_ns(stack: Stack) -> int:
    """Return the stamp of the last event so far."""
    return max((event.time_ns for event in stack.events.events), default=0)


def start(rows: Iterable[Inspected], stack: Stack) -> dict[str, str]:
    """Start those containers that are down; return what the engine refused, and why."""
    refused = {}
    for row in rows:
        if row.state in _ENDED:
            try:
                stack.engine.api.start(row.id)
            except sdk.APIError as err:
                refused[row.service] = err.explanation or str(err)
    return refused


def come_back(
    stack: Stack, services: frozenset[str], order: Sequence[tuple[str, ...]] = ()
) -> Return:
    """Start what is down, wait for all, and mend what does not come back.

    Args:
        stack: all of it may be disturbed.
        services: that ran before.
        order: layers in which to start them; by default what they depend on first.
    """
    needed = needs(stack.model)
    since = now_ns(stack)
    for layer in order or layers(services, needed):
        start(_rows(stack, layer), stack)
    gave_up: dict[str, str] = {}
    last = _wait(stack, services, since, gave_up, needed)
    late, lost = _mend(stack, last, gave_up, needed)
    if late or lost:
        stack.expected = (stack.expected or services) & stack.look().sound_services
    return Return(gave_up=gave_up, late=late, lost=lost)


def await_all(stack: Stack, services: frozenset[str], since: int) -> dict[str, str]:
    """Wait until all stand, or nothing better is to be expected of those that do not.

    One that ended for good is not waited for, nor one that was never started.

    Returns:
        how each of those stands that do not stand as they should.
    """
    needed = needs(stack.model)

    def look() -> tuple[_Seen, Standings]:
        return _look(stack, services, since, frozenset(), needed), stack.look()

    def done(both: tuple[_Seen, Standings]) -> bool:
        seen, now = both
        gone = {
            name
            for name in seen.below
            if now.rows[name].final or now.rows[name].standing is Standing.ABSENT
        }
        below = seen.below.keys() - now.sound_services
        return at_rest(below, seen.hopeless | seen.stuck | gone, needed)

    limit = settle_budget(stack.model) + BACK_OFF_SECONDS
    try:
        _, now = wait_until(look, done, timeout=limit, every=_EVERY_SECONDS)
    except WaitTimeout:
        now = stack.look()
    return {name: now.rows[name].reason for name in services - now.sound_services}


def _wait(
    stack: Stack,
    services: frozenset[str],
    since: int,
    gave_up: dict[str, str],
    needed: Needs,
) -> _Seen:
    """Wait until all stand, or nothing better is to be expected."""
    over = time.monotonic() + settle_budget(stack.model) + BACK_OFF_SECONDS

    def look() -> _Seen:
        return _look(stack, services, since, frozenset(gave_up), needed)

    def done(seen: _Seen) -> bool:
        if seen.ended - set(gave_up):
            return True
        return at_rest(seen.below, seen.hopeless | seen.stuck, needed)

    while True:
        left = max(0.0, over - time.monotonic())
        try:
            seen = wait_until(look, done, timeout=left, every=_EVERY_SECONDS)
        except WaitTimeout:
            return look()
        fresh = seen.ended - set(gave_up)
        if not fresh:
            return seen
        gave_up.update({name: seen.below[name] for name in fresh})
        for layer in layers(fresh, needed):
            for name in layer:
                _await_peers(stack, needed[name] & services, over)
            start(_rows(stack, layer), stack)


def _await_peers(stack: Stack, peers: frozenset[str], over: float) -> None:
    def stand(seen: Standings) -> bool:
        return seen.sound_in(peers)

    with suppress(WaitTimeout):
        left = max(0.0, over - time.monotonic())
        wait_until(stack.look, stand, timeout=left, every=_EVERY_SECONDS)


def _mend(
    stack: Stack, seen: _Seen, gave_up: Mapping[str, str], needed: Needs
) -> tuple[dict[str, str], dict[str, str]]:
    """Restart, at last make anew, what does not stand; peers first."""
    late: dict[str, str] = {}
    lost: dict[str, str] = {}
    for layer in layers(seen.below, needed):
        for name in layer:
            reason = seen.below[name]
            if _stands(stack, name, timeout=0.0):
                late[name] = reason  # as soon as its peer was mended
                continue
            if name not in seen.hopeless and name not in gave_up:
                late[name] = reason
                with suppress(sdk.APIError):
                    for row in _rows(stack, (name,)):
                        stack.engine.api.restart(row.id, timeout=1)
                if _stands(stack, name):
                    continue
            lost[name] = reason
            with suppress(ComposeError):
                stack.compose.up(name, options=("--force-recreate", "--no-deps"))
            _stands(stack, name)
    return late, lost


def _stands(stack: Stack, name: str, *, timeout: float | None = None) -> bool:
    own = _own_budget(stack, name) + _SPARE_SECONDS
    limit = own if timeout is None else timeout

    def stands(seen: Standings) -> bool:
        return seen.sound_in((name,))

    try:
        wait_until(stack.look, stands, timeout=limit, every=_EVERY_SECONDS)
    except WaitTimeout:
        return False
    return True


def _rows(stack: Stack, names: Iterable[str]) -> list[Inspected]:
    wanted = frozenset(names)
    return [row for row in stack.containers() if row.service in wanted]


def _look(
    stack: Stack,
    services: frozenset[str],
    since: int,
    started_again: frozenset[str],
    needed: Needs,
) -> _Seen:
    rows = [row for row in stack.containers() if row.service in services]
    seen = stack.look()
    events = stack.events.events
    started = {e.service for e in events if e.action == "start" and e.time_ns > since}
    ended = {
        row.service
        for row in rows
        if row.state in _ENDED
        and not (
            row.service in started
            and seen.rows[row.service].standing is Standing.SOUND  # its work is done
        )
    }
    below = {
        name: seen.rows[name].reason
        for name in sorted(services)
        if name in ended or name not in seen.sound_services
    }
    looping = {row.service for row in rows if row.state is State.RESTARTING} | {
        name for name in below if len(deaths(events, name, since)) > 1
    }
    stuck = frozenset(
        name
        for name in below.keys() - looping - ended
        if not all_needs(needed, name) & below.keys()
        and time.time_ns() - last_step(events, frozenset(below.keys() - {name}), since)
        > (_own_budget(stack, name) + _SPARE_SECONDS) * 1e9
    )
    # What is stuck or has ended will not come up: no loop waits for it.
    awaited = frozenset(below.keys() - stuck - (ended - looping))
    loops = hopeless_loops(
        events, frozenset(looping & below.keys()), awaited, since, needed
    )
    return _Seen(
        below=below,
        ended=frozenset(ended),
        hopeless=loops | (ended & started_again),
        stuck=stuck,
    )


def _own_budget(stack: Stack, name: str) -> float:
    check = stack.model.services[name].healthcheck
    return check.budget if check else STEADY_SECONDS
