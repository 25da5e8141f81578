"""A batch of frames becomes points and rejects. Pure.

No event leaves the sums: each one found is a point, a merged duplicate or a reject.
Fewer events than the sender counted become a reject of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import msgspec
from msgspec import Raw, Struct

from servicekit.compression import plain
from servicekit.errors import PayloadDamaged
from servicekit.wire import Batch, Frame, Origin, Outcome

from .errors import PointRefused, Reason
from .events import Change, Malformed, decode_live, decode_states
from .latency import Age
from .points import Key, PointBuilder, with_recorded
from .weather import DOMAIN_PREFIX

__all__ = ["Composed", "Reject", "balanced", "compose"]

# Of one key the live event counts most; what history knows is added to its line.
_ORDER = {Origin.BACKFILL: 0, Origin.SNAPSHOT: 1, Origin.LIVE: 2}
# Stands for no attributes: an empty text would make the event's JSON unreadable.
_NULL = Raw(b"null")


class Reject(Struct, frozen=True, kw_only=True):
    """What becomes a dead letter; `payload` is the event's JSON or the refused line.

    `row` is the spool row of the frame; with `time_us` the event's key is known.
    `origin` is that of the frame, None for a line.
    """

    reason: Reason
    detail: str
    payload: str
    events: int = 1
    entity_id: str = ""
    time_us: int | None = None
    row: int = 0
    origin: Origin | None = None


class Composed(Struct, frozen=True, kw_only=True):
    """What a batch holds; `events` is the sender's count, `surplus` what exceeds it.

    `ages` has one entry for each live frame with points.
    """

    points: dict[Key, str]
    merged: int
    rejects: list[Reject]
    events: int
    surplus: int
    ages: list[Age]


def compose(
    batch: Batch,
    builder: PointBuilder,
    on_weather: Callable[[Change], None] | None = None,
) -> Composed:
    """Decode and encode every event of a batch; never raises because of an event.

    Args:
        batch: the frames as they came from the sender.
        builder: makes the lines.
        on_weather: is told each change of a weather entity before it is encoded.
    """
    points: dict[Key, str] = {}
    recorded: dict[Key, Change] = {}
    rejects: list[Reject] = []
    ages: list[Age] = []
    built = surplus = 0
    for packed in sorted(batch.frames, key=lambda frame: _ORDER[frame.origin]):
        frame = _decompressed(packed)
        before, refused = built, len(rejects)
        from_history = frame.origin is Origin.BACKFILL
        fired_us = 0
        for change in _decode(frame):
            if isinstance(change, Malformed):
                rejects.append(_of_malformed(frame, change))
                continue
            if on_weather is not None and change.entity_id.startswith(DOMAIN_PREFIX):
                on_weather(change)
            try:
                key, text = builder.build(change, recorded=from_history)
                if from_history:
                    recorded[key] = change
                elif key in recorded:
                    text = with_recorded(text, key, recorded[key])
            except PointRefused as err:
                rejects.append(_of_refused(frame, change, err))
            else:
                points[key] = text
                built += 1
                fired_us = fired_us or key[1]
        found = built - before + sum(reject.events for reject in rejects[refused:])
        if found < frame.events:
            rejects.append(_of_missing(frame, found))
        surplus += max(0, found - frame.events)
        if fired_us and frame.origin is Origin.LIVE:
            ages.append(Age(frame.events, fired_us, frame.received_us))
    return Composed(
        points=points,
        merged=built - len(points),
        rejects=rejects,
        events=batch.events,
        surplus=surplus,
        ages=ages,
    )


def balanced(outcome: Outcome, surplus: int) -> Outcome:
    """Return the outcome less the events that the sender did not count.

    The sender's sums must close whatever it has counted; what was stored in addition
    is stored all the same.
    """
    counts = [
        outcome.written,
        outcome.merged,
        outcome.expired,
        outcome.dead_lettered,
    ]
    for index, count in enumerate(counts):
        taken = min(count, surplus)
        counts[index] -= taken
        surplus -= taken
    written, merged, expired, dead_lettered = counts
    return Outcome(
        written=written, merged=merged, dead_lettered=dead_lettered, expired=expired
    )


def _decompressed(frame: Frame) -> Frame:
    """Return the frame with a plain payload; one that is damaged is no JSON either."""
    with suppress(PayloadDamaged):
        payload = plain(frame.payload)
        if payload is not frame.payload:
            return msgspec.structs.replace(frame, payload=payload)
    return frame


def _decode(frame: Frame) -> list[Change | Malformed]:
    match frame.origin:
        case Origin.LIVE:
            return decode_live(frame.payload, frame.events)
        case Origin.SNAPSHOT:
            return decode_states(frame.payload, frame.events)
        case Origin.BACKFILL:
            return decode_states(frame.payload, frame.events, empty_is_removed=True)


def _of_malformed(frame: Frame, malformed: Malformed) -> Reject:
    return Reject(
        reason=malformed.reason,
        detail=malformed.detail,
        payload=malformed.raw.decode("utf-8", "replace"),
        events=malformed.events,
        row=frame.row,
        origin=frame.origin,
    )


def _of_refused(frame: Frame, change: Change, err: PointRefused) -> Reject:
    if not bytes(change.attributes):
        change = msgspec.structs.replace(change, attributes=_NULL)
    return Reject(
        reason=err.reason,
        detail=err.detail,
        payload=msgspec.json.encode(change).decode("utf-8", "replace"),
        entity_id=change.entity_id,
        row=frame.row,
        origin=frame.origin,
    )


def _of_missing(frame: Frame, found: int) -> Reject:
    return Reject(
        reason=Reason.COUNT_MISMATCH,
        detail=f"the sender counted {frame.events} events, the frame holds {found}",
        payload=frame.payload.decode("utf-8", "replace"),
        events=frame.events - found,
        row=frame.row,
        origin=frame.origin,
    )
