"""Send every service signals through the engine: SIGINT, or its own one repeatedly."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from .. import sdk
from ..errors import WaitTimeout
from ..events import Event
from ..verify.container import Inspected
from ..verify.stack import Stack
from ..wait import wait_until
from .crash import staying, stop_number
from .layers import adverse_layers
from .returning import Return, come_back, now_ns

REPEATS = 3
_LONGEST_SECONDS = 12.0
_SPARE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Signalled:
    """What followed the signals.

    Attributes:
        sent: container to the first signal that it was sent.
        waited: service to the seconds that it had to end.
        events: up to the end of that time.
    """

    sent: Mapping[str, int]
    waited: Mapping[str, float]
    events: tuple[Event, ...] = ()
    back: Return = field(default_factory=Return)


def interrupt_all(stack: Stack) -> Signalled:
    """Send SIGINT once, as Ctrl-C does."""
    return stack.once(
        "interrupt", lambda: _drill(stack, repeats=1, number=int(signal.SIGINT))
    )


def repeat_stop(stack: Stack) -> Signalled:
    """Send the stop signal several times in a row, as an impatient operator does."""
    return stack.once("repeat stop", lambda: _drill(stack, repeats=REPEATS))


def _drill(stack: Stack, *, repeats: int, number: int | None = None) -> Signalled:
    services = staying(stack)
    since = now_ns(stack)
    rows = [row for row in stack.containers() if row.service in services]
    sent: dict[str, int] = {}
    for layer in adverse_layers(stack.model, services):
        for row in rows:
            if row.service in layer and row.running:
                chosen = number or stop_number(row)
                sent[row.id] = chosen
                _send(stack, row, chosen, repeats)
    waited = {
        name: min(stack.model.services[name].stop_grace_seconds, _LONGEST_SECONDS)
        + _SPARE_SECONDS
        for name in services
    }

    def ended() -> frozenset[str]:
        return frozenset(
            event.container
            for event in stack.events.events
            if event.time_ns > since and event.action == "die"
        )

    with suppress(WaitTimeout):
        wait_until(
            ended,
            lambda seen: sent.keys() <= seen,
            timeout=max(waited.values(), default=0.0),
            every=0.05,
        )
    events = tuple(e for e in stack.events.events if e.time_ns > since)
    _restart_survivors(stack, sent.keys() - ended())
    return Signalled(
        sent=sent, waited=waited, events=events, back=come_back(stack, services)
    )


def _send(stack: Stack, row: Inspected, number: int, repeats: int) -> None:
    for _ in range(repeats):
        with suppress(sdk.APIError):  # it has ended: as it should
            stack.engine.api.kill(row.id, signal=number)


def _restart_survivors(stack: Stack, containers: set[str]) -> None:
    """Start those anew that still run: the engine takes them for stopped by hand."""
    for container in containers:
        with suppress(sdk.APIError):
            stack.engine.api.restart(container, timeout=1)
