"""What a source sends to a reader that does nothing else, and what is stored of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from stackproof.wait import Clock

from .errors import BadAnswer
from .load import Load
from .order import Order
from .pause import pause
from .rig import Rig

__all__ = ["emission_of", "rate_between", "storing_of"]

_EVERY: Final = 0.5


def emission_of(
    rig: Rig, load: Load, order: Order, *, settle: float, clock: Clock
) -> float:
    """Return the events a second that a reader alone got while more were asked for.

    Ingestion is stopped meanwhile: what it would cost the source is not of the source.

    Raises:
        BadAnswer: nothing was read.
        LoadFailed: the load's process does not do what it should.
    """
    with rig.reading_alone() as read:
        with _sent(load, order):
            began = clock.monotonic()
            end = began + order.seconds
            pause(order.seconds, clock=clock)
        counts = read()
    return rate_between(counts, began + settle, end)


def storing_of(
    rig: Rig, load: Load, order: Order, *, settle: float, clock: Clock
) -> float:
    """Return the events a second that the stack stored while more were asked for.

    Raises:
        BadAnswer: the stack does not tell.
        LoadFailed: the load's process does not do what it should.
    """
    looks = []
    with _sent(load, order):
        began = clock.monotonic()
        end = began + order.seconds
        while clock.monotonic() < end:
            counts = rig.counts()
            looks.append((counts.at, counts.done))
            pause(_EVERY, clock=clock)
    return rate_between(looks, began + settle, end)


@contextmanager
def _sent(load: Load, order: Order) -> Iterator[None]:
    """Send an order until the context is left, however it is left."""
    load.begin(order)
    try:
        yield
    finally:
        load.end()


def rate_between(
    counts: Sequence[tuple[float, int]], start: float, end: float
) -> float:
    """Return the growth a second of a count between two moments (pure).

    Args:
        counts: looks at it, each with its moment; they need not be regular.
        start: from the first look at or after it.
        end: to the last look at or before it.

    Raises:
        BadAnswer: there are no two looks.
    """
    inside = [(at, count) for at, count in counts if start <= at <= end]
    if len(inside) < 2 or inside[-1][0] <= inside[0][0]:
        raise BadAnswer("the source", "nothing was heard of it")
    (first_at, first), (last_at, last) = inside[0], inside[-1]
    return (last - first) / (last_at - first_at)
