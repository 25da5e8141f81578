"""A dead letter becomes points again. Pure.

Its payload is one of three things: the line that InfluxDB refused, the event that
could not become a line, or JSON that could not be read as an event or frame.
"""

from __future__ import annotations

import msgspec

from servicekit.wire import Origin

from .deadletters import DeadLetter
from .errors import PayloadUnusable, Reason
from .events import Change, Malformed, decode_live, decode_states
from .points import Key, PointBuilder

__all__ = ["revive"]

# Stands in a payload for bytes that were no UTF-8: they are not kept.
_REPLACED = "\ufffd"

_change = msgspec.json.Decoder(Change)


def revive(record: DeadLetter, builder: PointBuilder) -> dict[Key, str]:
    """Return the lines of a record's events by their keys; at least one.

    Raises:
        PayloadUnusable: the events cannot be had from the record.
        PointRefused: an event cannot be stored, as before.
    """
    if record.truncated:
        raise PayloadUnusable("the payload is not whole")
    if record.time_us is not None:
        return {(record.entity_id, record.time_us): record.payload}
    if record.reason is Reason.COUNT_MISMATCH:
        raise PayloadUnusable("all events that the frame holds were stored")
    if _REPLACED in record.payload:
        raise PayloadUnusable("the payload held bytes that are no UTF-8")
    recorded = record.origin is Origin.BACKFILL
    changes = [_whole(change) for change in _changes(record)]
    if not changes:
        raise PayloadUnusable("the payload holds no event")
    return dict(builder.build(change, recorded=recorded) for change in changes)


def _changes(record: DeadLetter) -> list[Change | Malformed]:
    payload = record.payload.encode()
    if record.entity_id:
        return [_refused_change(payload)]
    if record.origin in (None, Origin.LIVE):
        found = decode_live(payload, record.events)
        # Older records do not tell where they come from.
        if found or record.origin is Origin.LIVE:
            return found
    array = payload if payload.lstrip()[:1] == b"[" else b"[" + payload + b"]"
    return decode_states(
        array, record.events, empty_is_removed=record.origin is Origin.BACKFILL
    )


def _refused_change(payload: bytes) -> Change:
    try:
        return _change.decode(payload)
    except msgspec.MsgspecError as err:
        raise PayloadUnusable(str(err)) from err


def _whole(change: Change | Malformed) -> Change:
    if isinstance(change, Malformed):
        raise PayloadUnusable(change.detail)
    return change
