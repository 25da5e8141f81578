"""Count what became of a trial's events: the store by key, the rest by counters."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from stackproof import wait_until
from stackproof.errors import WaitTimeout
from stackproof.wait import Clock

from .load import Sent
from .order import Order
from .serials import compare, parts_of
from .store import Row, Store
from .trial import Accounting

__all__ = ["account_of"]

_AGAIN = 0.5


def account_of(
    store: Store,
    order: Order,
    sent: Sent,
    *,
    simulated: bool,
    rejected: int,
    merged: int,
    negative: int,
    patience: float,
    clock: Clock,
) -> tuple[Accounting, list[str]]:
    """Return the account, and sentences about the first events that are not right.

    Args:
        store: what is stored.
        order: what was to be sent.
        sent: what was sent.
        simulated: the keys are the intended times.
        rejected: events that are kept as dead letters, or had expired.
        merged: deliveries of a key again.
        negative: latencies below 0.
        patience: seconds to wait for what is not stored yet.
        clock: the time to wait by.

    Raises:
        BadAnswer: the database does not answer.
    """
    since = sent.start_us
    until = since + round((sent.seconds + 1.0) * 1e6)

    def counted() -> dict[str, int]:
        return store.counts(order.prefix, since_us=since, until_us=until)

    def read(entities: Sequence[str]) -> list[Row]:
        return store.rows(entities, since_us=since, until_us=until)

    counts = counted()
    with suppress(WaitTimeout):
        counts = wait_until(
            counted,
            lambda found: sum(found.values()) + rejected >= sent.emitted,
            timeout=patience,
            every=_AGAIN,
            clock=clock,
        )
    parts = parts_of(order, sent, simulated=simulated)
    if parts is None:
        stored = sum(counts.values())
        account = Accounting(
            sent=sent.emitted,
            stored=stored,
            rejected=rejected,
            lost=max(0, sent.emitted - stored - rejected),
            duplicate=merged,
            negative=negative,
        )
        return account, ["not named: it is not known which events did not leave"]
    found = compare(parts, counts, read)
    account = Accounting(
        sent=sent.emitted,
        stored=found.stored,
        rejected=rejected,
        lost=max(0, found.missing - rejected),
        duplicate=found.duplicate + merged,
        unexpected=found.unexpected,
        out_of_order=found.out_of_order,
        compared=found.compared,
        negative=negative,
    )
    return account, found.named
