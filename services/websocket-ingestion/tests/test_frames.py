"""Frames: what counts, what is kept, and that no bytes make the parser fail."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicekit.compression import Compressor
from servicekit.wire import Frame, Origin
from websocket_ingestion.errors import FrameUnreadable
from websocket_ingestion.frames import (
    halve,
    inspect,
    snapshot_parts,
)

FIRED = "2026-11-23T14:47:56.311149+00:00"
FIRED_US = 1_795_445_276_311_149


def event(serial: int = 1, *, fired: Any = FIRED, kind: str = "state_changed") -> Any:
    """Return an event message as Home Assistant sends it, the id last."""
    return {
        "type": "event",
        "event": {
            "event_type": kind,
            "data": {"entity_id": f"sensor.s{serial}", "new_state": None},
            "origin": "LOCAL",
            "time_fired": fired,
        },
        "id": 2,
    }


def dump(message: Any) -> bytes:
    """Return a frame."""
    return json.dumps(message).encode()


PONG = {"id": 7, "type": "pong"}


@pytest.mark.parametrize(
    ("message", "events"),
    [
        pytest.param(event(), 1, id="object"),
        pytest.param([event()], 1, id="array-of-one"),
        pytest.param([event(1), event(2), event(3)], 3, id="array"),
    ],
)
def test_a_frame_of_events_is_kept_as_it_is(message: Any, events: int) -> None:
    """Nothing is taken apart: the payload is the frame."""
    frame = dump(message)
    content = inspect(frame)

    assert content.payload is frame
    assert (content.events, content.control) == (events, [])
    assert content.last_event_us == FIRED_US


@pytest.mark.parametrize(
    ("message", "kinds"),
    [
        pytest.param(PONG, ["pong"], id="pong"),
        pytest.param([PONG, {"type": "x"}], ["pong", "x"], id="array"),
        pytest.param([], [], id="empty-array"),
        pytest.param(event(kind="call_service"), ["event"], id="other-event"),
        pytest.param({"type": "event", "event": None}, ["event"], id="null-event"),
        pytest.param({"type": "result", "event": event()["event"]}, ["result"], id="r"),
    ],
)
def test_a_frame_without_events_is_not_kept(message: Any, kinds: list[str]) -> None:
    """Other messages are control messages and leave nothing to store."""
    content = inspect(dump(message))

    assert (content.events, content.payload) == (0, b"")
    assert [one.type for one in content.control] == kinds


def test_a_mixed_frame_is_cut_to_its_events() -> None:
    """Only the event messages stay, byte for byte, as an array."""
    first, second = dump(event(1)), dump(event(2))
    frame = b"[" + first + b" , " + dump(PONG) + b",\n" + second + b"]"
    content = inspect(frame)

    assert content.payload == b"[" + first + b"," + second + b"]"
    assert content.events == 2
    assert [one.type for one in content.control] == ["pong"]


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(5, id="number"),
        pytest.param({"no": "type"}, id="without-type"),
        pytest.param({"type": 5}, id="type-is-a-number"),
        pytest.param({"type": "event", "event": "text"}, id="event-is-text"),
        pytest.param({"type": "result", "id": "seven"}, id="id-is-text"),
    ],
)
def test_a_message_of_no_known_shape_is_left_out(odd: Any) -> None:
    """One odd message does not cost the events beside it."""
    content = inspect(dump([event(), odd]))
    alone = inspect(dump(odd))

    assert (content.events, content.unreadable) == (1, 1)
    assert content.payload == dump([event()])
    assert (alone.events, alone.unreadable) == (0, 1)


@pytest.mark.parametrize(
    "frame",
    [b"", b"{", b"[1,", b"nonsense", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000],
    ids=["empty", "open", "cut", "word", "binary", "deep-array", "deep-object"],
)
def test_bytes_that_are_no_json_are_a_typed_error(frame: bytes) -> None:
    """Everything that cannot be read raises the same error."""
    with pytest.raises(FrameUnreadable):
        inspect(frame)


@pytest.mark.parametrize(
    ("fired", "last"),
    [
        pytest.param("2026-11-23T14:47:56+00:00", 1_795_445_276_000_000, id="no-µs"),
        pytest.param(
            "2026-11-23T15:47:56.000001+01:00", 1_795_445_276_000_001, id="+1"
        ),
        pytest.param("2026-11-23T14:47:56", 0, id="no-zone"),
        pytest.param("yesterday", 0, id="word"),
        pytest.param(None, 0, id="null"),
        pytest.param(5, 0, id="number"),
        pytest.param("Grüße", 0, id="not-ascii"),
    ],
)
def test_the_time_of_the_last_event(fired: Any, last: int) -> None:
    """Times are exact to the microsecond; an odd one costs only the time."""
    content = inspect(dump([event(), event(fired=fired)]))

    assert (content.events, content.last_event_us) == (2, last)


@given(st.binary(max_size=200))
def test_any_bytes_are_content_or_a_typed_error(frame: bytes) -> None:
    """No frame makes the parser fail in another way."""
    with suppress(FrameUnreadable):
        inspect(frame)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "id", "event", "event_type", "result", "error", "x"]
            ),
            inner | st.sampled_from(["event", "state_changed", "result"]),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(st.builds(event, st.integers(0, 9)) | JSON, max_size=5))
def test_the_payload_holds_exactly_the_counted_events(messages: list[Any]) -> None:
    """For any messages: what is stored are the state changes, in order."""

    def is_change(one: Any) -> bool:
        """Tell by the rule in the module's docstring."""
        head = one.get("event") if isinstance(one, dict) else None
        return (
            isinstance(head, dict)
            and one.get("type") == "event"
            and head.get("event_type") == "state_changed"
        )

    content = inspect(dump(messages))
    stored = json.loads(content.payload or b"[]")
    wanted = [one for one in messages if is_change(one)]

    assert [one for one in stored if is_change(one)] == stored
    assert len(stored) == content.events
    # A change with another key of a wrong type counts as unreadable, not as lost.
    assert len(wanted) <= len(stored) + content.unreadable


def test_a_snapshot_is_cut_by_number_and_size() -> None:
    """Parts have at most 1,000 states and about 512 KiB, in order, none missing."""
    small = [{"entity_id": f"sensor.s{n}"} for n in range(2500)]
    large = [{"entity_id": "sensor.l", "attributes": {"a": "x" * 300_000}}] * 3
    by_number = list(snapshot_parts(dump(small)))
    by_size = list(snapshot_parts(dump(large)))

    assert [part.events for part in by_number] == [1000, 1000, 500]
    assert [one for part in by_number for one in json.loads(part.payload)] == small
    assert [part.events for part in by_size] == [1, 1, 1]
    assert list(snapshot_parts(b"[]")) == []


@pytest.mark.parametrize("result", [b"", b"null", b"{}", b"[1"])
def test_a_snapshot_that_is_no_array_is_an_error(result: bytes) -> None:
    """get_states without an array is not taken for an empty house."""
    with pytest.raises(FrameUnreadable):
        list(snapshot_parts(result))


def frame_of(origin: Origin, events: int, payload: bytes) -> Frame:
    """Return a stored frame."""
    return Frame(3, origin, 5, events, payload)


def test_a_live_frame_is_halved_with_its_counts() -> None:
    """Both halves hold what they claim; messages that do not count travel along."""
    messages = [PONG, event(1), event(2), event(3), event(4)]
    halves = halve(frame_of(Origin.LIVE, 4, dump(messages)))
    assert halves is not None
    first, second = halves

    assert (first.events, second.events) == (1, 3)
    assert json.loads(first.payload) + json.loads(second.payload) == messages
    assert {first.row, second.row} == {3}


def test_a_snapshot_is_halved_by_states() -> None:
    """States count one each."""
    halves = halve(frame_of(Origin.SNAPSHOT, 3, b'[{"a":1},{"a":2},{"a":3}]'))
    assert halves is not None

    assert [(one.events, one.payload) for one in halves] == [
        (1, b'[{"a":1}]'),
        (2, b'[{"a":2},{"a":3}]'),
    ]


def test_a_compressed_frame_is_halved() -> None:
    """The halves are plain; one that is damaged cannot be cut."""
    messages = [event(serial) for serial in range(50)]
    packed = Compressor()(dump(messages))
    halves = halve(frame_of(Origin.LIVE, 50, packed))
    assert halves is not None

    assert [one.events for one in halves] == [25, 25]
    assert json.loads(halves[0].payload) == messages[:25]
    with pytest.raises(FrameUnreadable, match="compressed"):
        halve(frame_of(Origin.LIVE, 50, packed[:-1]))


@pytest.mark.parametrize("payload", [dump(event()), dump([event()])])
def test_a_single_event_cannot_be_halved(payload: bytes) -> None:
    """There is nothing left to cut."""
    assert halve(frame_of(Origin.LIVE, 1, payload)) is None


def test_a_damaged_payload_cannot_be_halved() -> None:
    """A payload that is no JSON is a typed error."""
    with pytest.raises(FrameUnreadable):
        halve(frame_of(Origin.LIVE, 2, b"{"))


def test_raw_slices_do_not_keep_the_frame() -> None:
    """A snapshot part is a copy: it must not hold a frame of many megabytes."""
    (part,) = snapshot_parts(msgspec.Raw(b'[{"entity_id": "a.b"}]'))

    assert type(part.payload) is bytes


@pytest.mark.parametrize(
    "bad", [b'{"type":"\xff"}', b'{"type":"pong","message":"\xff"}']
)
def test_a_message_that_is_no_utf8_does_not_take_its_neighbours_along(
    bad: bytes,
) -> None:
    """It is left out and counted; the events beside it are kept."""
    content = inspect(b"[" + dump(event()) + b"," + bad + b"]")

    assert (content.events, content.unreadable) == (1, 1)
    assert json.loads(content.payload) == [event()]
    assert inspect(bad).unreadable == 1
