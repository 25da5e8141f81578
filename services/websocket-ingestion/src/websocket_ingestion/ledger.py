"""The counters of the spool and what moves them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from servicekit.wire import Origin, Outcome

__all__ = ["NOTHING", "Acknowledged", "Arrival", "Counters", "plus", "unsaved"]

NOTHING: Final = Outcome(written=0, merged=0, dead_lettered=0, expired=0)
"""The outcome of no events."""


class Arrival(NamedTuple):
    """A frame on its way into the spool; it has no row yet.

    Times are UTC in microseconds; `last_event_us` is 0 if the frame has no
    event of which the time counts. `entities` are ids seen for the first time:
    they become durable with the frame. A frame of a replay is the copy of the row
    `copy_of`, 0 for all others.
    """

    received_us: int
    origin: Origin
    events: int
    payload: bytes
    last_event_us: int = 0
    entities: tuple[str, ...] = ()
    copy_of: int = 0


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Rows up to `cursor` are done with; `outcome` tells what became of them.

    `bytes` is the size of their payloads.
    """

    cursor: int
    outcome: Outcome
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Counters:
    """The ledger: events since the spool was made, and the position.

    At any moment received = forwarded + pending, and
    forwarded = written + merged + dead_lettered + expired. `last_event_us` is the
    time of the last event in order: a clock that steps back takes it along.
    The bytes are those of payloads: pruned ones are no longer in the file.
    """

    received: int = 0
    forwarded: int = 0
    written: int = 0
    merged: int = 0
    dead_lettered: int = 0
    expired: int = 0
    cursor: int = 0
    last_row: int = 0
    last_event_us: int = 0
    received_bytes: int = 0
    forwarded_bytes: int = 0
    pruned_bytes: int = 0

    @property
    def retained_bytes(self) -> int:
        """Bytes of acknowledged frames that are still in the file."""
        return max(0, self.forwarded_bytes - self.pruned_bytes)

    @property
    def pending(self) -> int:
        """Events that are in the spool and not yet forwarded."""
        return self.received - self.forwarded

    @property
    def frames(self) -> int:
        """Frames that are in the spool and not yet forwarded."""
        return self.last_row - self.cursor

    def after(
        self, arrivals: Sequence[Arrival], acknowledged: Acknowledged | None
    ) -> Counters:
        """Return the counters once both have been committed."""
        then = self
        if arrivals:
            then = replace(
                then,
                received=then.received + sum(one.events for one in arrivals),
                last_row=then.last_row + len(arrivals),
                last_event_us=_last_event(arrivals) or then.last_event_us,
                received_bytes=then.received_bytes
                + sum(len(one.payload) for one in arrivals),
            )
        if acknowledged is not None:
            outcome = acknowledged.outcome
            then = replace(
                then,
                forwarded=then.forwarded + outcome.total,
                written=then.written + outcome.written,
                merged=then.merged + outcome.merged,
                dead_lettered=then.dead_lettered + outcome.dead_lettered,
                expired=then.expired + outcome.expired,
                cursor=acknowledged.cursor,
                forwarded_bytes=then.forwarded_bytes + acknowledged.bytes,
            )
        return then


def _last_event(arrivals: Sequence[Arrival]) -> int:
    """Return the time of the last event of which the time counts, 0 if none."""
    times = (one.last_event_us for one in reversed(arrivals))
    return next((time_us for time_us in times if time_us), 0)


def plus(one: Outcome, other: Outcome) -> Outcome:
    """Return both outcomes together."""
    return Outcome(
        written=one.written + other.written,
        merged=one.merged + other.merged,
        dead_lettered=one.dead_lettered + other.dead_lettered,
        expired=one.expired + other.expired,
    )


def unsaved(outcome: Outcome, before: Counters, now: Counters) -> Outcome:
    """Return the outcome without what the ledger gained from before to now."""
    return Outcome(
        written=outcome.written - (now.written - before.written),
        merged=outcome.merged - (now.merged - before.merged),
        dead_lettered=outcome.dead_lettered
        - (now.dead_lettered - before.dead_lettered),
        expired=outcome.expired - (now.expired - before.expired),
    )
