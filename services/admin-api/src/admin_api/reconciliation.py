"""Do the event counts add up? Pure.

The counts of websocket-ingestion move in one transaction with the rows they count, so
both equations hold at any moment; if one does not, events are lost or counted twice.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

__all__ = ["EventCounts", "Reconciliation", "reconcile"]


class EventCounts(Struct, frozen=True):
    """The `events` of websocket-ingestion's /v1/stats."""

    received: int
    forwarded: int
    pending: int
    written: int
    merged: int
    dead_lettered: int
    expired: int


class Reconciliation(Struct, frozen=True, kw_only=True):
    """Both equations with their difference; 0 and 0 is what must be."""

    reconciled: bool
    received: int
    forwarded: int
    pending: int
    accounted: int
    received_less_forwarded_and_pending: int
    forwarded_less_accounted: int


def reconcile(events: Any) -> Reconciliation | None:
    """Judge the `events` of websocket-ingestion; None when they are no such counts."""
    try:
        counts = msgspec.convert(events, EventCounts)
    except msgspec.ValidationError:
        return None
    accounted = counts.written + counts.merged + counts.dead_lettered + counts.expired
    unforwarded = counts.received - counts.forwarded - counts.pending
    unaccounted = counts.forwarded - accounted
    return Reconciliation(
        reconciled=unforwarded == 0 and unaccounted == 0,
        received=counts.received,
        forwarded=counts.forwarded,
        pending=counts.pending,
        accounted=accounted,
        received_less_forwarded_and_pending=unforwarded,
        forwarded_less_accounted=unaccounted,
    )
