"""Which entities a load has, whoever of its workers sends to them. Pure."""

from __future__ import annotations

import math

from .errors import NotEnoughData
from .load import Sent
from .order import Order

__all__ = ["begun_with", "latest"]

_LEAST_US = 1_000_000
"""Clocks of two hosts may differ by so much."""


def begun_with(order: Order, *, workers: int) -> list[str]:
    """Return the entities of an order's first round, those of all its workers."""
    parts = [order.part(worker, of=workers) for worker in range(workers)]
    return [part.entity(number) for part in parts for number in range(part.entities)]


def latest(
    order: Order, sent: Sent, *, entities: int, events: int
) -> tuple[list[str], int]:
    """Return entities of the last events, and since when they have enough of them.

    Args:
        order: what was to be sent.
        sent: what was sent.
        entities: how many are wanted, of all workers together.
        events: how many of theirs are wanted, of all together.

    Returns:
        The entities, and UTC in microseconds, a second before the end at the latest.

    Raises:
        NotEnoughData: no event was sent.
    """
    names: list[str] = []
    since_us = sent.start_us + round(sent.seconds * 1e6) - _LEAST_US
    workers = len(sent.jobs)
    for job in sent.jobs:
        part = order.part(job.worker, of=workers)
        count = job.emitted + job.skipped
        looked = min(math.ceil(entities / workers), part.entities, count)
        if not looked:
            continue
        names += [part.entity(number) for number in range(count - looked, count)]
        rounds = math.ceil(events / workers / looked)
        first = max(0, count - rounds * part.entities)
        at = part.schedule().at(first)
        since_us = min(since_us, job.start_us + round(at * 1e6))
    if not names:
        raise NotEnoughData("events of the last load", 1, 0)
    return names, since_us
