"""Cut the network between two services: packets vanish, nobody is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from ..errors import ProbeError
from ..verify.container import Inspected
from ..verify.stack import Stack


@dataclass(slots=True, kw_only=True)
class Cut:
    """A cut between two services.

    Attributes:
        one: the service whose network namespace holds the rules.
        other: the service that it cannot reach, nor be reached from.
        addresses: those of the other.
        dropped: packets that vanished, known once the cut is over.
    """

    one: str
    other: str
    addresses: tuple[str, ...]
    dropped: int = 0
    _ask: dict[str, Any] = field(default_factory=dict)


@contextmanager
def cut_between(stack: Stack, one: str, other: str) -> Iterator[Cut]:
    """Drop all packets between two running services, in both directions.

    Afterwards the rules go, and `dropped` tells how many packets they have met. One
    that was restarted meanwhile has a new namespace without them.

    Raises:
        ProbeError: one of the two does not run, or the rules cannot be set.
    """
    here, there = stack.running(one), stack.running(other)
    cut = Cut(one=one, other=other, addresses=_addresses(here, there))
    if not cut.addresses:
        raise ProbeError("partition", f"{one} and {other} share no network")
    asked = {"pid": here.pid, "peers": list(cut.addresses)}
    try:
        stack.vantage.probe("partition", {**asked, "cut": True})
        yield cut
    finally:
        with suppress(ProbeError):  # its namespace is gone, and the rules with it
            answer: Mapping[str, Any]
            answer = stack.vantage.probe("partition", {**asked, "cut": False})
            cut.dropped = int(answer["dropped"])


def _addresses(here: Inspected, there: Inspected) -> tuple[str, ...]:
    """Return the addresses of a container on the networks that both are in."""
    return tuple(
        str(place["IPAddress"])
        for name, place in there.networks.items()
        if name in here.networks and place.get("IPAddress")
    )
