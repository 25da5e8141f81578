"""No bytes from Home Assistant make the decoder crash.

benchmarks/fuzz.py runs it for longer.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from servicekit.wire import Frame, Origin
from websocket_ingestion.answers import judge
from websocket_ingestion.errors import ForwardError, FrameUnreadable, SessionError
from websocket_ingestion.frames import halve, inspect, snapshot_parts
from websocket_ingestion.history import parts_of, rows_of, snapshot_times
from websocket_ingestion.session import Live, Phase, Session, Snapshot

TIME = "2026-11-23T14:47:56.311149+00:00"
# With lone surrogates, which JSON can spell and UTF-8 cannot.
texts = st.text(st.characters(exclude_categories=[])) | st.sampled_from(
    ["state_changed", "event", "result", TIME, "0001-01-01T00:00:00+23:59"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
    ),
    max_leaves=8,
)
STATE = {"entity_id": "sensor.a", "state": "1", "last_updated": TIME, "attributes": {}}
EVENT = {
    "type": "event",
    "event": {
        "event_type": "state_changed",
        "data": {"entity_id": "sensor.a", "new_state": STATE},
        "time_fired": TIME,
    },
    "id": 2,
}
GREETING = {"type": "auth_required", "ha_version": "2026.2"}
MESSAGES: list[dict[str, Any]] = [
    EVENT,
    GREETING,
    {"type": "auth_ok", "ha_version": "2026.2"},
    {"type": "auth_invalid", "message": "no"},
    {"id": 1, "type": "result", "success": True, "result": None},
    {"id": 2, "type": "result", "success": True, "result": None},
    {"id": 3, "type": "result", "success": True, "result": [STATE, STATE]},
    {"id": 4, "type": "result", "success": True, "result": {"latitude": 1.5}},
    {"id": 2, "type": "result", "success": False, "error": {"code": "x"}},
    {"id": 5, "type": "pong"},
]


@st.composite
def messages(draw: st.DrawFn) -> Any:
    """A message of Home Assistant, with a part of it replaced now and then."""
    message = json.loads(json.dumps(draw(st.sampled_from(MESSAGES))))
    if draw(st.booleans()):
        place = message
        while draw(st.booleans()):
            inner = [one for one in place.values() if isinstance(one, dict) and one]
            if not inner:
                break
            place = draw(st.sampled_from(inner))
        place[draw(st.sampled_from(sorted(place)))] = draw(values)
    return message


JUNK = [
    b"\xff",
    b"\x00",
    b"NaN",
    b"\\ud800",
    b'"',
    b"[" * 3_000,
    b",",
    b"]",
    b"{",
    b"\n",
]


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """Bytes of a frame, often damaged."""
    document = draw(messages() | st.lists(messages() | values, max_size=4))
    raw = json.dumps(document, ensure_ascii=draw(st.booleans()))
    frame = raw.encode("utf-8", "surrogatepass")
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(frame)))
        gone = draw(st.integers(0, 4))
        junk = draw(st.sampled_from(JUNK) | st.binary(max_size=3))
        frame = frame[:at] + junk + frame[at + gone :]
    return frame


any_bytes = frames() | st.binary()


@given(frame=any_bytes)
def test_frame_is_content_or_unreadable(frame: bytes) -> None:
    """What counts as events is kept, and counts the same when it is read again."""
    try:
        content = inspect(frame)
    except FrameUnreadable:
        return
    assert content.events >= 0
    assert -(2**63) <= content.last_event_us < 2**63
    assert bool(content.payload) is bool(content.events)
    if content.events:
        again = inspect(content.payload)
        assert (again.events, again.control) == (content.events, [])
        assert again.unreadable == 0


@given(payload=any_bytes, origin=st.sampled_from(list(Origin)))
def test_halves_hold_the_events_of_the_whole(payload: bytes, origin: Origin) -> None:
    """A frame that was counted is cut without losing a count."""
    try:
        if origin is Origin.LIVE:
            events = inspect(payload).events
        else:
            events = sum(part.events for part in snapshot_parts(payload))
    except FrameUnreadable:
        return
    try:
        halves = halve(Frame(7, origin, 0, events, payload))
    except FrameUnreadable:
        return
    if halves is not None and events:
        assert sum(half.events for half in halves) == events
        assert all(half.row == 7 for half in halves)
        assert all(half.events >= 0 for half in halves)


@given(states=any_bytes)
def test_parts_hold_the_states_of_the_snapshot(states: bytes) -> None:
    """As many as the array has, or it is no array."""
    try:
        parts = list(snapshot_parts(states))
    except FrameUnreadable:
        return
    assert sum(part.events for part in parts) == len(
        msgspec.json.decode(states, type=list[msgspec.Raw])
    )


rows = st.fixed_dictionaries(
    {"s": texts | values, "lu": st.floats() | values},
    optional={"a": values, "lc": st.floats() | values},
)
answers = st.dictionaries(texts, st.lists(rows, max_size=3) | values, max_size=3)


@given(answer=answers.map(lambda one: json.dumps(one).encode()) | any_bytes)
def test_history_is_rows_or_unreadable(answer: bytes) -> None:
    """Every row of an answer is in a part, with a time that the spool can hold."""
    try:
        found = rows_of(answer)
    except FrameUnreadable:
        return
    parts = list(parts_of(found))
    assert sum(part.events for part in parts) == len(found)
    assert all(-(2**63) <= row.updated_us < 2**63 for row in found)


@given(states=any_bytes)
def test_times_of_a_snapshot_are_found_or_it_is_unreadable(states: bytes) -> None:
    """A state without a usable time is left out."""
    with suppress(FrameUnreadable):
        times = snapshot_times(states)
        assert all(name and -(2**63) <= time < 2**63 for name, time in times.items())


@given(incoming=st.lists(any_bytes, max_size=8), step=st.integers(0, 12))
def test_session_takes_any_conversation(incoming: list[bytes], step: int) -> None:
    """Whatever comes, in whichever phase: notes, or a typed error."""
    session = Session("token")
    usual = [json.dumps(message).encode() for message in (GREETING, MESSAGES[2])]
    said: list[str] = []
    with suppress(SessionError):
        for number, frame in enumerate([*usual[: step % 3], *incoming]):
            for note in session.receive(frame):
                if isinstance(note, Live):
                    assert note.events > 0
                if isinstance(note, Snapshot):
                    assert all(part.events > 0 for part in note.parts)
            said += session.data_to_send()
            if number == step:
                session.ping()
                session.leave()
    assert all(json.loads(one) for one in said)
    assert session.phase in Phase


@given(
    status=st.integers(100, 599),
    body=any_bytes | st.sampled_from([b'{"written":1}', b'{"error":{"code":"x"}}']),
    retry_after=texts,
    events=st.integers(0, 5),
)
def test_answer_is_an_outcome_or_a_refusal(
    status: int, body: bytes, retry_after: str, events: int
) -> None:
    """An outcome always sums up to the batch."""
    judged: Callable[..., Any] = judge
    with suppress(ForwardError):
        found = judged(status, body, retry_after=retry_after, events=events)
        assert found.total == events
