"""Home Assistant's events and states, read from raw JSON. Does no I/O.

The shapes are those of the WebSocket API: a live frame is one message or an array
of messages, a snapshot or backfill payload is an array of state objects. Attributes
stay raw JSON; only the few that matter are decoded, by `attributes_of` and friends.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from .errors import PointRefused, Reason
from .salvage import salvage

__all__ = [
    "Change",
    "Event",
    "Malformed",
    "Message",
    "State",
    "StateChange",
    "decode_live",
    "decode_states",
    "parse_time_us",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# InfluxDB keeps int64 nanoseconds and reserves the ends of the range.
_MAX_TIME_US = (2**63 - 2) // 1000
_NO_ATTRIBUTES = Raw(b"")
_NO_ATTRIBUTES_IN_HISTORY = frozenset({b"", b"{}", b"null"})
# What bytes that cannot be read hold if they are an event at all.
_STATE_CHANGED = b'"state_changed"'
# What msgspec raises for bytes that are no JSON of the expected shape.
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class State(Struct, frozen=True, gc=False):
    """A Home Assistant state object; times are the ISO strings as sent."""

    last_updated: str
    state: str | None
    entity_id: str = ""
    attributes: Raw = _NO_ATTRIBUTES
    last_changed: str = ""


class StateChange(Struct, frozen=True, gc=False):
    """The `data` of a state_changed event; `old_state` is not read."""

    entity_id: str = ""
    new_state: State | UnsetType | None = UNSET


class Event(Struct, frozen=True, gc=False):
    """The `event` of an event message."""

    event_type: str = ""
    data: StateChange | None = None
    time_fired: str = ""


class Message(Struct, frozen=True, gc=False):
    """One message of the WebSocket API; other kinds than events are ignored."""

    type: str = ""
    event: Event | None = None

    @property
    def is_state_change(self) -> bool:
        """Whether this message counts as an event."""
        return (
            self.type == "event"
            and self.event is not None
            and self.event.event_type == "state_changed"
        )


class Change(Struct, frozen=True, gc=False):
    """One event ready to be normalised; `state` None means the entity is gone."""

    entity_id: str
    time: str
    state: str | None
    attributes: Raw
    last_changed: str


class Malformed(Struct, frozen=True):
    """An event (or `events` of them) that cannot be read, with its raw bytes."""

    reason: Reason
    detail: str
    raw: bytes
    events: int = 1


class _Envelope(Struct):
    """Just enough of a message to tell whether it counts as an event."""

    type: Raw = _NO_ATTRIBUTES
    event: Raw = _NO_ATTRIBUTES


class _Kind(Struct):
    event_type: Raw = _NO_ATTRIBUTES


_messages = msgspec.json.Decoder(list[Message])
_message = msgspec.json.Decoder(Message)
_states = msgspec.json.Decoder(list[State])
_state = msgspec.json.Decoder(State)
_raws = msgspec.json.Decoder(list[Raw])
_envelope = msgspec.json.Decoder(_Envelope)
_kind = msgspec.json.Decoder(_Kind)


def parse_time_us(text: str) -> int:
    """Return an ISO 8601 time as integer microseconds since 1970, exactly.

    Any offset is taken; the fraction may be missing, as Home Assistant leaves it out
    when it is zero. `datetime.fromisoformat` takes 0.2 µs, so no faster path is kept.

    Raises:
        PointRefused: the text is no time, has no offset, or is outside the range that
            InfluxDB can hold.
    """
    try:
        time_us = (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND
    except (ValueError, TypeError, OverflowError) as err:
        raise PointRefused(Reason.BAD_TIMESTAMP, f"{text[:64]!r}: {err}") from err
    if not -_MAX_TIME_US <= time_us <= _MAX_TIME_US:
        raise PointRefused(Reason.TIME_OUT_OF_RANGE, repr(text[:64]))
    return time_us


def decode_live(payload: bytes, events: int) -> list[Change | Malformed]:
    """Read one live frame; messages that are no state changes are left out.

    Args:
        payload: the frame as Home Assistant sent it.
        events: how many events the sender counted in it, for a frame that is not
            even JSON.
    """
    try:
        if payload.lstrip()[:1] == b"[":
            messages = _messages.decode(payload)
        else:
            messages = [_message.decode(payload)]
        return [_change(message) for message in messages if message.is_state_change]
    except (*_UNREADABLE, PointRefused):
        return _decode_live_one_by_one(payload, events)


def decode_states(
    payload: bytes, events: int, *, empty_is_removed: bool = False
) -> list[Change | Malformed]:
    """Read a snapshot or backfill payload: an array of state objects.

    Args:
        payload: the JSON array.
        events: how many states the sender counted in it, for a payload that is not
            even JSON.
        empty_is_removed: in history an empty state without attributes is the removal
            of the entity; one with attributes is an empty text.
    """
    try:
        states = _states.decode(payload)
    except _UNREADABLE:
        return _decode_states_one_by_one(
            payload, events, empty_is_removed=empty_is_removed
        )
    return [
        _change_of_state(state, empty_is_removed=empty_is_removed) for state in states
    ]


def _change(message: Message) -> Change:
    event = message.event
    if event is None or event.data is None or event.data.new_state is UNSET:
        raise PointRefused(Reason.BAD_EVENT, "the event has no data.new_state")
    data, state = event.data, event.data.new_state
    if state is None:
        if not event.time_fired:
            raise PointRefused(Reason.BAD_EVENT, "a removal without time_fired")
        return Change(data.entity_id, event.time_fired, None, _NO_ATTRIBUTES, "")
    return Change(
        data.entity_id or state.entity_id,
        state.last_updated,
        state.state,
        state.attributes,
        state.last_changed,
    )


def _change_of_state(state: State, *, empty_is_removed: bool) -> Change:
    removed = (
        empty_is_removed
        and state.state == ""
        and bytes(state.attributes) in _NO_ATTRIBUTES_IN_HISTORY
    )
    return Change(
        state.entity_id,
        state.last_updated,
        None if removed else state.state,
        state.attributes,
        state.last_changed,
    )


def _decode_live_one_by_one(payload: bytes, events: int) -> list[Change | Malformed]:
    try:
        is_array = payload.lstrip()[:1] == b"["
        raws = _raws.decode(payload) if is_array else [Raw(payload)]
        if not is_array:
            msgspec.json.decode(payload, type=Raw)
    except _UNREADABLE as err:
        return _salvaged_live(payload, events, err)
    found: list[Change | Malformed] = []
    for raw in raws:
        try:
            message = _message.decode(raw)
            if message.is_state_change:
                found.append(_change(message))
        except PointRefused as err:
            found.append(Malformed(err.reason, err.detail, bytes(raw)))
        except _UNREADABLE as err:
            if _counts_as_event(raw):
                found.append(Malformed(Reason.BAD_EVENT, str(err), bytes(raw)))
    return found


def _decode_states_one_by_one(
    payload: bytes, events: int, *, empty_is_removed: bool
) -> list[Change | Malformed]:
    try:
        raws = _raws.decode(payload)
    except _UNREADABLE as err:
        return _salvaged_states(payload, events, err, empty_is_removed=empty_is_removed)
    found: list[Change | Malformed] = []
    for raw in raws:
        try:
            found.append(
                _change_of_state(_state.decode(raw), empty_is_removed=empty_is_removed)
            )
        except _UNREADABLE as err:
            found.append(Malformed(Reason.BAD_EVENT, str(err), bytes(raw)))
    return found


def _salvaged_live(
    payload: bytes, events: int, err: Exception
) -> list[Change | Malformed]:
    """Read what is whole in a frame that is no JSON; the rest is one reject."""
    found: list[Change | Malformed] = []
    saved = salvage(payload)
    for raw in saved.pieces:
        try:
            message = _message.decode(raw)
            if message.is_state_change:
                found.append(_change(message))
        except PointRefused as refused:
            found.append(Malformed(refused.reason, refused.detail, raw))
        except _UNREADABLE as unreadable:
            if _STATE_CHANGED in raw:
                found.append(Malformed(Reason.BAD_JSON, str(unreadable), raw))
    rest = saved.rest if found else payload
    return [*found, *_lost(rest, events - len(found), err)]


def _salvaged_states(
    payload: bytes, events: int, err: Exception, *, empty_is_removed: bool
) -> list[Change | Malformed]:
    found: list[Change | Malformed] = []
    saved = salvage(payload)
    for raw in saved.pieces:
        try:
            state = _state.decode(raw)
        except _UNREADABLE as unreadable:
            found.append(Malformed(Reason.BAD_JSON, str(unreadable), raw))
        else:
            found.append(_change_of_state(state, empty_is_removed=empty_is_removed))
    rest = saved.rest if found else payload
    return [*found, *_lost(rest, events - len(found), err)]


def _lost(rest: bytes, events: int, err: Exception) -> list[Malformed]:
    """Return the reject of the events that are somewhere in unreadable bytes."""
    return [Malformed(Reason.BAD_JSON, str(err), rest, events)] if events > 0 else []


def _counts_as_event(raw: Raw) -> bool:
    try:
        envelope = _envelope.decode(raw)
        kind = _kind.decode(envelope.event)
    except _UNREADABLE:
        return False
    return (
        bytes(envelope.type) == b'"event"'
        and bytes(kind.event_type) == b'"state_changed"'
    )
