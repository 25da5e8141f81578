"""Stop the whole stack and start it in the worst order, as a reboot may."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from ..errors import WaitTimeout
from ..model import Health
from ..verify.stack import Stack
from ..wait import wait_until
from .crash import staying
from .layers import adverse_layers
from .returning import Return, come_back, now_ns, start
from .stop_all import stop, unwell

HEAD_START_SECONDS = 12.0
"""So long a service may run alone before what it depends on is started.

It goes on as soon as it is healthy or has ended; the name of a peer that is not there
may take a program ten seconds to give up on.
"""
_EVERY_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Unordered:
    """How services came back from a start in the worst order; `stood` before."""

    stood: frozenset[str]
    back: Return = field(default_factory=Return)


def start_unordered(stack: Stack) -> Unordered:
    """Return what the drill came to; it is done once a run."""
    return stack.once("unordered", lambda: _drill(stack))


def _drill(stack: Stack) -> Unordered:
    services = staying(stack)
    others = unwell(stack, services)
    stop(stack)
    start(others, stack)
    order = adverse_layers(stack.model, services)
    for layer in order[:-1]:
        since = now_ns(stack)
        rows = [row for row in stack.containers() if row.service in layer]
        refused = start(rows, stack)
        started = {row.id for row in rows if row.service not in refused}
        _give_head_start(stack, frozenset(started), since)
    return Unordered(stood=services, back=come_back(stack, services, order[-1:]))


def _give_head_start(stack: Stack, containers: frozenset[str], since: int) -> None:
    """Wait until each container has come up alone or ended, or the time is over."""

    def decided() -> frozenset[str]:
        return frozenset(
            event.container
            for event in stack.events.events
            if event.time_ns > since
            and (event.action == "die" or event.health is Health.HEALTHY)
        )

    with suppress(WaitTimeout):
        wait_until(
            decided,
            lambda seen: containers <= seen,
            timeout=HEAD_START_SECONDS,
            every=_EVERY_SECONDS,
        )
