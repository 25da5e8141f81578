"""What is in a frame of Home Assistant: counted, not unpacked. Pure.

A message counts as an event if it is `{"type": "event"}` with an event_type of
state_changed; enrichment-pipeline counts by the same rule. Live frames stay the
raw bytes that arrived. Message shapes: Home Assistant, components/websocket_api.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from servicekit.compression import plain
from servicekit.errors import PayloadDamaged
from servicekit.wire import Frame, Origin

from .errors import FrameUnreadable
from .times import time_us

__all__ = [
    "UNREADABLE",
    "Content",
    "Message",
    "Part",
    "Problem",
    "cut",
    "halve",
    "inspect",
    "plain_payload",
    "snapshot_parts",
]

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are not the JSON that they should be."""
_PART_STATES: Final = 1000
_PART_BYTES: Final = 512 * 1024
"""A snapshot is stored in parts of this size, so that no single row is huge."""


class Problem(msgspec.Struct, frozen=True):
    """Why Home Assistant refused a command."""

    code: str = ""
    message: str = ""


class Subject(msgspec.Struct, gc=False):
    """Whom a state change is about; the states themselves are skipped."""

    entity_id: str = ""


class EventHead(msgspec.Struct, gc=False):
    """The keys of an event that matter here; the rest is skipped."""

    event_type: str = ""
    time_fired: msgspec.Raw = msgspec.Raw(b"")
    data: Subject | None = None


class Message(msgspec.Struct):
    """Any message of Home Assistant, as far as the session needs it."""

    type: str
    id: int | None = None
    success: bool | None = None
    event: EventHead | None = None
    result: msgspec.Raw = msgspec.Raw(b"")
    error: Problem | None = None
    message: str = ""
    ha_version: str = ""


class _BareHead(msgspec.Struct):
    """An event whose data may be anything."""

    event_type: str = ""
    time_fired: msgspec.Raw = msgspec.Raw(b"")


class _BareMessage(msgspec.Struct):
    """A message that counts as an event whatever its data is."""

    type: str
    event: _BareHead | None = None


class Part(msgspec.Struct, frozen=True):
    """A piece of a snapshot: a JSON array of `events` state objects."""

    events: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Content:
    """What a frame holds.

    `payload` are the bytes to store, empty without events. `control` are the
    other messages. `first_event_us` and `last_event_us` are the times of the first
    and the last event, 0 if none. `entity_ids` are those that the events are about.
    `unreadable` counts messages of no known shape; they are left out.
    """

    events: int
    payload: bytes
    last_event_us: int
    control: list[Message]
    unreadable: int = 0
    first_event_us: int = 0
    entity_ids: frozenset[str] = frozenset()


_messages = msgspec.json.Decoder(list[Message] | Message)
_one_message = msgspec.json.Decoder(Message)
_bare_message = msgspec.json.Decoder(_BareMessage)
_raws = msgspec.json.Decoder(list[msgspec.Raw])
_any_json = msgspec.json.Decoder(msgspec.Raw)


def inspect(frame: bytes) -> Content:
    """Return what a frame holds: one message object or an array of messages.

    Raises:
        FrameUnreadable: the frame is no JSON.
    """
    try:
        found = _messages.decode(frame)
    except (msgspec.ValidationError, UnicodeDecodeError):
        return _inspect_one_by_one(frame)
    except UNREADABLE as err:
        raise FrameUnreadable(str(err)) from err
    messages = found if isinstance(found, list) else [found]
    heads: list[EventHead] = []
    control: list[Message] = []
    for message in messages:
        head = _state_change(message)
        if head is None:
            control.append(message)
        else:
            heads.append(head)
    if not heads:
        return Content(0, b"", 0, control)
    if control:
        return _inspect_one_by_one(frame)
    return _content(heads, frame, [], 0)


def _inspect_one_by_one(frame: bytes) -> Content:
    """Sort the messages of a mixed frame; keep only the events as an array."""
    events: list[bytes] = []
    heads: list[EventHead] = []
    control: list[Message] = []
    unreadable = 0
    for raw in _slices(frame):
        try:
            message = _one_message.decode(raw)
        except UNREADABLE:
            head = _bare_state_change(raw)
            if head is None:
                unreadable += 1
                continue
        else:
            head = _state_change(message)
            if head is None:
                control.append(message)
                continue
        events.append(bytes(raw))
        heads.append(head)
    return _content(heads, _array(events) if events else b"", control, unreadable)


def _content(
    heads: list[EventHead], payload: bytes, control: list[Message], unreadable: int
) -> Content:
    first_us = _microseconds(heads[0].time_fired) if heads else 0
    last_us = _microseconds(heads[-1].time_fired) if len(heads) > 1 else first_us
    return Content(
        events=len(heads),
        payload=payload,
        last_event_us=last_us,
        control=control,
        unreadable=unreadable,
        first_event_us=first_us,
        entity_ids=frozenset([h.data.entity_id for h in heads if h.data is not None]),
    )


def snapshot_parts(states: bytes | msgspec.Raw) -> Iterator[Part]:
    """Cut the result of get_states, a JSON array of state objects, into parts.

    Raises:
        FrameUnreadable: the result is no array.
    """
    return cut(bytes(raw) for raw in _decode_array(states))


def cut(states: Iterable[bytes]) -> Iterator[Part]:
    """Join state objects to JSON arrays of a size that is good to store."""
    part: list[bytes] = []
    size = 0
    for state in states:
        if part and (len(part) >= _PART_STATES or size + len(state) > _PART_BYTES):
            yield Part(len(part), _array(part))
            part, size = [], 0
        part.append(state)
        size += len(state)
    if part:
        yield Part(len(part), _array(part))


def plain_payload(frame: Frame) -> bytes:
    """Return the JSON of a frame that may be compressed.

    Raises:
        FrameUnreadable: it cannot be decompressed.
    """
    try:
        return plain(frame.payload)
    except PayloadDamaged as err:
        raise FrameUnreadable(str(err)) from err


def halve(frame: Frame) -> tuple[Frame, Frame] | None:
    """Cut a frame that is too large to send in two; None if it cannot be cut.

    Both halves keep the row: they are one entry of the spool.

    Raises:
        FrameUnreadable: the payload is no JSON array or object.
    """
    raws = [bytes(raw) for raw in _slices(plain_payload(frame))]
    if len(raws) <= 1:
        return None
    middle = len(raws) // 2
    first, second = _array(raws[:middle]), _array(raws[middle:])
    live = frame.origin is Origin.LIVE
    ahead = inspect(first).events if live else middle
    return (
        msgspec.structs.replace(frame, events=ahead, payload=first),
        msgspec.structs.replace(frame, events=frame.events - ahead, payload=second),
    )


def _state_change(message: Message) -> EventHead | None:
    """Return the head of a state change, None for any other message."""
    head = message.event
    if head is None or message.type != "event" or head.event_type != "state_changed":
        return None
    return head


def _bare_state_change(raw: msgspec.Raw) -> EventHead | None:
    """Return the head of a state change whose data has another shape than usual.

    It is an event all the same: enrichment-pipeline keeps it as a dead letter.
    """
    try:
        message = _bare_message.decode(raw)
    except UNREADABLE:
        return None
    head = message.event
    if head is None or message.type != "event" or head.event_type != "state_changed":
        return None
    return EventHead(head.event_type, head.time_fired)


def _slices(frame: bytes) -> list[msgspec.Raw]:
    """Return the messages of a frame as slices of it."""
    if frame.lstrip()[:1] == b"[":
        return _decode_array(frame)
    try:
        return [_any_json.decode(frame)]
    except UNREADABLE as err:
        raise FrameUnreadable(str(err)) from err


def _decode_array(payload: bytes | msgspec.Raw) -> list[msgspec.Raw]:
    try:
        return _raws.decode(payload)
    except UNREADABLE as err:
        raise FrameUnreadable(str(err)) from err


def _array(raws: list[bytes]) -> bytes:
    return b"[" + b",".join(raws) + b"]"


def _microseconds(text: msgspec.Raw) -> int:
    """Return a time in JSON as microseconds, 0 if it is none."""
    return time_us(bytes(text).decode("ascii", "replace").strip('"'))
