"""Tell a service that cannot start from one that waits for another one (pure)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from ..events import Event
from ..model import Health
from .layers import Needs, all_needs

_DEATHS = 3
_HOPELESS_SECONDS = 10.0


def hopeless_loops(
    events: Sequence[Event],
    looping: frozenset[str],
    below: frozenset[str],
    since: int,
    needed: Needs,
) -> frozenset[str]:
    """Return the services that keep ending although all others are up (pure).

    A service that still ends some times and seconds after the last other one came up
    does not wait for it.
    """
    if {name for name in below - looping if not all_needs(needed, name) & looping}:
        return frozenset()
    ready = last_step(events, below, since)
    return frozenset(
        name
        for name in looping
        if not all_needs(needed, name) & looping
        and len(ends := deaths(events, name, ready)) >= _DEATHS
        and max(ends) - ready > _HOPELESS_SECONDS * 1e9
    )


def at_rest(below: Collection[str], given: Collection[str], needed: Needs) -> bool:
    """Tell whether waiting changes nothing (pure).

    Args:
        below: services that do not stand as they should.
        given: those of which nothing better is to be expected.
        needed: what each service depends on.
    """
    return all(
        name in given or not all_needs(needed, name).isdisjoint(given) for name in below
    )


def deaths(events: Iterable[Event], service: str, since: int) -> list[int]:
    """Return when a service ended."""
    return [
        event.time_ns
        for event in events
        if event.service == service and event.action == "die" and event.time_ns > since
    ]


def last_step(events: Iterable[Event], below: frozenset[str], since: int) -> int:
    """Return when something came up last; services in `below` have not."""
    stamps = (
        event.time_ns
        for event in events
        if event.service not in below
        and event.time_ns > since
        and (event.action == "start" or event.health is Health.HEALTHY)
    )
    return max(stamps, default=since)
