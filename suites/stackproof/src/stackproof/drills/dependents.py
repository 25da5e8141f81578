"""Restart what others depend on, as `docker compose restart` does."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..events import Event
from ..verify.stack import Stack
from .crash import staying
from .returning import Return, come_back, now_ns

_SPARE_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted:
    """One `docker compose restart` of one service, and all that it led to."""

    service: str
    stood: frozenset[str]
    events: tuple[Event, ...] = ()
    back: Return = field(default_factory=Return)


def restart_service(stack: Stack, service: str) -> Restarted:
    """Return what the drill recorded; it is done once a service."""
    return stack.once(f"restart {service}", lambda: _drill(stack, service))


def _drill(stack: Stack, service: str) -> Restarted:
    services = staying(stack)
    since = now_ns(stack)
    graces = sum(stack.model.services[name].stop_grace_seconds for name in services)
    stack.compose("restart", service, timeout=graces + _SPARE_SECONDS)
    begun = stack.events.events
    back = come_back(stack, services)
    return Restarted(
        service=service,
        stood=services,
        events=tuple(event for event in begun if event.time_ns > since),
        back=back,
    )
