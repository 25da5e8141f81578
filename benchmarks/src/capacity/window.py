"""Figures of a trial's window, from looks at its two ends. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .clocks import Taken, longest, merged, quantile
from .kept import Slice
from .load import Sent
from .order import Order
from .resources import HostLook, Usage
from .trial import BLOCK_SECONDS, Stage

__all__ = [
    "achieved_of",
    "edges_of",
    "io_of",
    "pressure_of",
    "slice_of",
    "spool_bytes_of",
]


def edges_of(opened: float, end: float) -> list[float]:
    """Return the bounds of blocks of 10 s, the last one up to half as long again."""
    bounds = [opened]
    while end - bounds[-1] > 1.5 * BLOCK_SECONDS:
        bounds.append(bounds[-1] + BLOCK_SECONDS)
    return [*bounds, max(end, opened + 0.1)]


def achieved_of(order: Order, sent: Sent, *, asked: float | None = None) -> float:
    """Return the rate at which events left, what nobody was there to send excluded.

    The number of events in a time varies with the arrival, so what counts is how much
    longer it took than was asked for.
    """
    asked = order.seconds if asked is None else asked
    took = sent.left_after
    all_due = sent.emitted + sent.skipped + sent.behind
    share = sent.emitted / all_due if all_due else 0.0
    return order.rate * share * min(1.0, asked / took if took else 0.0)


def slice_of(taken: Taken, at: float) -> Slice | None:
    """Return a block as it is shown, None where it has no latency."""
    histogram = merged([taken], Stage.TOTAL)
    if not histogram.get_total_count():
        return None
    return Slice(
        at=at,
        count=taken.counts.get(Stage.TOTAL, 0),
        p50=quantile(histogram, 0.5),
        p99=quantile(histogram, 0.99),
        max=longest(histogram),
    )


def io_of(
    before: Mapping[str, Usage], after: Mapping[str, Usage]
) -> dict[str, tuple[int, int]]:
    """Return what each container read and wrote, in bytes, where the kernel tells."""
    found = {}
    for name, now in after.items():
        then = before.get(name)
        if then is None or None in {now.read, now.written, then.read, then.written}:
            continue
        found[name] = (
            max(0, (now.read or 0) - (then.read or 0)),
            max(0, (now.written or 0) - (then.written or 0)),
        )
    return found


def pressure_of(before: HostLook, after: HostLook) -> float | None:
    """Return the CPU pressure between two looks, None where none is kept."""
    if "cpu" not in after.pressure or after.at <= before.at:
        return None
    waited = after.pressure["cpu"] - before.pressure.get("cpu", 0.0)
    return min(1.0, max(0.0, waited / (after.at - before.at)))


def spool_bytes_of(spool: Sequence[tuple[int, int]]) -> float | None:
    """Return the bytes of the spool that an event more takes, from its growth."""
    if len(spool) < 2:
        return None
    least, most = min(spool), max(spool)
    events = most[0] - least[0]
    return (most[1] - least[1]) / events if events > 1_000 else None
