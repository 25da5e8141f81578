"""Raw JSON of Home Assistant becomes changes, or is reported as malformed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrichment_pipeline.errors import PointRefused, Reason
from enrichment_pipeline.events import (
    Change,
    Malformed,
    decode_live,
    decode_states,
    parse_time_us,
)

if TYPE_CHECKING:
    from conftest import Maker

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time_us"),
    [
        ("1970-01-01T00:00:00+00:00", 0),
        ("2026-11-23T14:47:56.311149+00:00", 1_795_445_276_311_149),
        ("2026-11-23T14:47:56+00:00", 1_795_445_276_000_000),
        ("2026-11-23T14:47:56Z", 1_795_445_276_000_000),
        ("2026-11-23T15:47:56.000001+01:00", 1_795_445_276_000_001),
        ("2026-11-23T09:17:56.5-05:30", 1_795_445_276_500_000),
        ("1969-12-31T23:59:59.999999+00:00", -1),
        ("2038-01-19T03:14:08.000001+00:00", 2_147_483_648_000_001),
    ],
)
def test_time_is_exact(text: str, time_us: int) -> None:
    """An ISO time with any offset and fraction becomes exact microseconds."""
    assert parse_time_us(text) == time_us


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.BAD_TIMESTAMP),
        ("yesterday", Reason.BAD_TIMESTAMP),
        ("2026-11-23T14:47:56", Reason.BAD_TIMESTAMP),
        ("2026-02-30T00:00:00+00:00", Reason.BAD_TIMESTAMP),
        ("9999-12-31T00:00:00+00:00", Reason.TIME_OUT_OF_RANGE),
        ("0001-01-01T00:00:00+00:00", Reason.TIME_OUT_OF_RANGE),
    ],
)
def test_unusable_time_has_a_reason(text: str, reason: Reason) -> None:
    """A time that is none, has no offset or does not fit InfluxDB is refused."""
    with pytest.raises(PointRefused) as caught:
        parse_time_us(text)

    assert caught.value.reason is reason


@given(
    moment=st.datetimes(
        min_value=datetime(1700, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
        max_value=datetime(2250, 1, 1),  # noqa: DTZ001
        timezones=st.integers(-1439, 1439).map(
            lambda minutes: timezone(timedelta(minutes=minutes))
        ),
    )
)
def test_time_agrees_with_datetime(moment: datetime) -> None:
    """Whatever datetime writes is read back to the microsecond."""
    expected = (moment - EPOCH) // timedelta(microseconds=1)

    assert parse_time_us(moment.isoformat()) == expected


def test_live_frame_is_an_object_or_an_array(make: Maker) -> None:
    """A single message and an array of messages give the same changes."""
    message = make.event("sensor.a", "1", unit_of_measurement="W")

    single = decode_live(make.bytes(message), 1)
    array = decode_live(make.bytes([message, message]), 2)

    assert array == [*single, *single]
    (change,) = single
    assert isinstance(change, Change)
    assert (change.entity_id, change.state) == ("sensor.a", "1")
    assert bytes(change.attributes) == b'{"unit_of_measurement":"W"}'


@pytest.mark.parametrize(
    "other",
    [
        {"id": 1, "type": "result", "success": True, "result": None},
        {"id": 1, "type": "result", "success": True, "result": [{"state": 5}]},
        {"id": 3, "type": "pong"},
        {"type": "event", "event": {"event_type": "call_service", "data": {}}, "id": 2},
        {"type": "event", "event": {"a": {"sensor.x": {"s": "1"}}}, "id": 2},
        {"type": "event", "event": 5, "id": 2},
    ],
    ids=["result", "states", "pong", "other event", "entities", "odd event"],
)
def test_other_messages_are_ignored(make: Maker, other: object) -> None:
    """Messages that are no state changes count as nothing, alone or among events."""
    event = make.event("sensor.a")

    assert decode_live(make.bytes(other), 0) == []
    assert len(decode_live(make.bytes([event, other, event]), 2)) == 2


def test_removal_takes_the_time_it_was_fired(make: Maker) -> None:
    """A null new state is a removal at time_fired."""
    (change,) = decode_live(make.bytes(make.removal("light.x", make.now_us)), 1)

    assert isinstance(change, Change)
    assert change.state is None
    assert parse_time_us(change.time) == make.now_us


def test_bad_event_leaves_its_neighbours_alone(make: Maker) -> None:
    """Only the malformed event of a frame is reported, with its own bytes."""
    good, bad = make.event("sensor.a"), make.event("sensor.b", 5)

    first, second, third = decode_live(make.bytes([good, bad, good]), 3)

    assert isinstance(first, Change)
    assert isinstance(third, Change)
    assert isinstance(second, Malformed)
    assert second.reason is Reason.BAD_EVENT
    assert second.raw == make.bytes(bad)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("data",), None),
        (("data", "new_state"), "gone"),
        (("data", "new_state", "state"), 5),
        (("data", "new_state", "last_updated"), None),
        (("data", "new_state", "entity_id"), 5),
        (("time_fired",), 7),
    ],
)
def test_malformed_event_counts_once(
    make: Maker, path: tuple[str, ...], value: object
) -> None:
    """Every wrong shape of a state change is one malformed event."""
    message = make.event()
    target = message["event"]
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value

    (found,) = decode_live(make.bytes(message), 1)

    assert isinstance(found, Malformed)
    assert found.reason is Reason.BAD_EVENT


@pytest.mark.parametrize("missing", ["new_state", "time_fired"])
def test_event_without_its_essentials_is_malformed(make: Maker, missing: str) -> None:
    """No new_state at all, and a removal without a time, are malformed."""
    message = make.removal("light.x", make.now_us)
    holder = message["event"] if missing == "time_fired" else message["event"]["data"]
    del holder[missing]

    (found,) = decode_live(make.bytes(message), 1)

    assert isinstance(found, Malformed)


SPOILS = [b'"a":NaN', b'"a":-Infinity', b'"a":"\\ud800"', b'"a":"\x01"']


@pytest.mark.parametrize("spoils", SPOILS)
def test_neighbours_of_what_is_no_json_are_kept(make: Maker, spoils: bytes) -> None:
    """One event that a strict parser refuses is one report, in every kind of frame."""
    for whole, decode in (
        (make.event, decode_live),
        (make.state, decode_states),
    ):
        good = [make.bytes(whole(f"sensor.{name}")) for name in "ac"]
        bad = make.bytes(whole("sensor.b", mark=1)).replace(b'"mark":1', spoils)

        found = decode(b"[" + b",".join([good[0], bad, good[1]]) + b"]", 3)

        first, malformed, last = found
        assert isinstance(malformed, Malformed)
        assert (malformed.reason, malformed.raw) == (Reason.BAD_JSON, bad)
        assert isinstance(first, Change)
        assert isinstance(last, Change)
        assert [first.entity_id, last.entity_id] == ["sensor.a", "sensor.c"]


def test_events_before_a_torn_end_are_kept(make: Maker) -> None:
    """What is cut off is one report for the events that are missing."""
    event = make.bytes(make.event("sensor.a"))
    pong = b'{"type":"pong","n":NaN}'

    change, torn = decode_live(b"[" + b",".join([event, pong, event[:50]]), 3)

    assert isinstance(change, Change)
    assert isinstance(torn, Malformed)
    assert torn == Malformed(Reason.BAD_JSON, torn.detail, event[:50], 2)


def test_change_without_its_data_in_a_frame_that_is_no_json(make: Maker) -> None:
    """It keeps its own reason."""
    empty = b'{"type":"event","event":{"event_type":"state_changed"}}'

    found, rest = decode_live(b"[" + empty + b"]garbage", 7)

    assert isinstance(found, Malformed)
    assert isinstance(rest, Malformed)
    assert found == Malformed(Reason.BAD_EVENT, found.detail, empty)
    assert (rest.raw, rest.events) == (b"garbage", 6)


@pytest.mark.parametrize(
    "payload",
    [
        b'[{"type":"event"',
        b"[1,2",
        b"\xff\xfe",
        b"nonsense",
        b"[" * 100_000,
    ],
)
def test_frame_that_is_no_json_is_one_report(payload: bytes) -> None:
    """All events that the sender counted in an unreadable frame are reported."""
    (found,) = decode_live(payload, 7)

    assert isinstance(found, Malformed)
    assert (found.reason, found.events, found.raw) == (Reason.BAD_JSON, 7, payload)
    assert decode_live(payload, 0) == []


def test_states_are_read_and_bad_ones_reported(make: Maker) -> None:
    """A snapshot gives a change per state; a malformed state is reported alone."""
    states = [make.state("sensor.a"), make.state("sensor.b", 5), make.state("sensor.c")]

    first, second, third = decode_states(make.bytes(states), 3)

    assert isinstance(first, Change)
    assert first.entity_id == "sensor.a"
    assert isinstance(second, Malformed)
    assert isinstance(third, Change)


def test_unreadable_states_are_one_report() -> None:
    """A snapshot that is no JSON array is reported with all its events."""
    (found,) = decode_states(b'{"a":1}', 4)

    assert isinstance(found, Malformed)
    assert (found.reason, found.events) == (Reason.BAD_JSON, 4)


@pytest.mark.parametrize(
    ("empty_is_removed", "state"), [(True, None), (False, "")], ids=["history", "live"]
)
def test_empty_state_is_a_removal_in_history_only(
    make: Maker, *, empty_is_removed: bool, state: str | None
) -> None:
    """History writes a removal as an empty state; elsewhere empty is a state."""
    payload = make.bytes([make.state("sensor.a", "")])

    (found,) = decode_states(payload, 1, empty_is_removed=empty_is_removed)

    assert isinstance(found, Change)
    assert found.state == state


def test_empty_state_with_attributes_is_no_removal(make: Maker) -> None:
    """A text field that somebody has emptied still has its attributes."""
    payload = make.bytes([make.state("input_text.a", "", mode="text")])

    (found,) = decode_states(payload, 1, empty_is_removed=True)

    assert isinstance(found, Change)
    assert found.state == ""


@given(payload=st.binary(max_size=200))
def test_no_bytes_raise(payload: bytes) -> None:
    """Whatever the bytes are, decoding reports and never raises."""
    for found in (decode_live(payload, 1), decode_states(payload, 1)):
        assert isinstance(found, list)
