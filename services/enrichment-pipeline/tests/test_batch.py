"""Frames become points and rejects, and every event is accounted for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrichment_pipeline.batch import Composed, balanced, compose
from enrichment_pipeline.errors import Reason
from enrichment_pipeline.events import Change
from enrichment_pipeline.points import PointBuilder
from servicekit.compression import Compressor
from servicekit.wire import SCHEMA, Batch, Frame, Origin, Outcome, Source

if TYPE_CHECKING:
    from conftest import Maker, ParsedLine


def frame(payload: bytes, events: int, origin: Origin = Origin.LIVE) -> Frame:
    """Return a frame of a batch."""
    return Frame(row=9, origin=origin, received_us=0, events=events, payload=payload)


def composed(*frames: Frame) -> Composed:
    """Return what a batch of these frames becomes."""
    batch = Batch(SCHEMA, Source(), list(frames))
    return compose(batch, PointBuilder(lambda _: ""))


def total(found: Composed) -> int:
    """Return how many events are accounted for, as the sender counts."""
    rejected = sum(reject.events for reject in found.rejects)
    return len(found.points) + found.merged + rejected - found.surplus


def test_events_of_all_frames_become_points(make: Maker) -> None:
    """Live frames, snapshots and history all give points."""
    found = composed(
        frame(make.bytes([make.event("sensor.a"), make.event("sensor.b")]), 2),
        frame(make.bytes([make.state("sensor.c")]), 1, Origin.SNAPSHOT),
        frame(make.bytes([make.state("sensor.d")]), 1, Origin.BACKFILL),
    )

    assert sorted(key[0][-1] for key in found.points) == ["a", "b", "c", "d"]
    assert (found.merged, found.rejects, found.events) == (0, [], 4)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_one_key_of_three_origins_keeps_live_and_recorded(
    make: Maker, parse_line: Callable[[str], ParsedLine], order: int
) -> None:
    """The live event wins, and what history knows is beside it, in any order."""
    frames = [
        frame(make.bytes(make.event("sensor.a", "1", of="live")), 1),
        frame(make.bytes([make.state("sensor.a", "1", of="now")]), 1, Origin.SNAPSHOT),
        frame(make.bytes([make.state("sensor.a", "2", of="db")]), 1, Origin.BACKFILL),
    ]

    found = composed(*frames[order:], *frames[:order])

    (line,) = found.points.values()
    fields = parse_line(line).fields
    assert (fields["attrs"], fields["attrs_recorded"]) == (
        '{"of":"live"}',
        '{"of":"db"}',
    )
    assert (fields["state"], found.merged, found.rejects) == ("1", 2, [])


def test_history_without_attributes_adds_nothing(make: Maker) -> None:
    """A row of history that holds none leaves the live line as it is."""
    bare = make.state("sensor.a")
    del bare["attributes"]
    live = frame(make.bytes(make.event("sensor.a", of="live")), 1)

    found = composed(frame(make.bytes([bare]), 1, Origin.BACKFILL), live)

    assert found.points == composed(live).points
    assert found.merged == 1


def test_same_entity_at_another_microsecond_is_another_point(make: Maker) -> None:
    """Only the whole key makes a duplicate."""
    events = [make.event("sensor.a", at_us=make.now_us + offset) for offset in (0, 1)]

    found = composed(frame(make.bytes(events), 2))

    assert len(found.points) == 2
    assert found.merged == 0


def test_rejects_carry_reason_and_evidence(make: Maker) -> None:
    """What cannot be stored keeps its content, and does not stop its neighbours."""
    bad_time = make.event("sensor.b")
    bad_time["event"]["data"]["new_state"]["last_updated"] = "soon"
    bad_shape = make.event("sensor.c", 5)
    events = [make.event("sensor.a"), bad_time, bad_shape]

    found = composed(frame(make.bytes(events), 3))

    assert len(found.points) == 1
    time, shape = sorted(found.rejects, key=lambda reject: reject.reason, reverse=True)
    assert (time.reason, time.entity_id, time.row) == (
        Reason.BAD_TIMESTAMP,
        "sensor.b",
        9,
    )
    assert json.loads(time.payload)["time"] == "soon"
    assert (shape.reason, json.loads(shape.payload)) == (Reason.BAD_EVENT, bad_shape)


def test_unreadable_frame_rejects_all_its_events(make: Maker) -> None:
    """A frame that is no JSON is one reject for all events in it."""
    found = composed(frame(b"[{", 5), frame(make.bytes(make.event()), 1))

    (reject,) = found.rejects
    assert (reject.reason, reject.events) == (Reason.BAD_JSON, 5)
    assert total(found) == 6


def test_compressed_frames_give_the_same_points(make: Maker) -> None:
    """Of all origins."""
    events = make.bytes([make.event(f"sensor.s{n}") for n in range(50)])
    states = make.bytes([make.state(f"sensor.t{n}") for n in range(50)])
    frames = [
        frame(events, 50),
        frame(states, 50, Origin.SNAPSHOT),
        frame(states, 50, Origin.BACKFILL),
    ]
    compress = Compressor()
    packed = [
        msgspec.structs.replace(one, payload=compress(one.payload)) for one in frames
    ]

    assert all(len(one.payload) < 2000 for one in packed)
    assert composed(*packed) == composed(*frames)


def test_a_damaged_compressed_frame_rejects_all_its_events(make: Maker) -> None:
    """What cannot be decompressed is no JSON, and keeps its place in the sums."""
    events = make.bytes([make.event(f"sensor.s{n}") for n in range(50)])
    found = composed(frame(Compressor()(events)[:-1], 50))

    assert [(one.reason, one.events) for one in found.rejects] == [
        (Reason.BAD_JSON, 50)
    ]
    assert total(found) == 50


def test_fewer_events_than_counted_are_a_reject(make: Maker) -> None:
    """An event that the sender counted and the frame does not hold is not forgotten."""
    found = composed(frame(make.bytes([make.event(), {"type": "pong"}]), 2))

    (reject,) = found.rejects
    assert (reject.reason, reject.events) == (Reason.COUNT_MISMATCH, 1)
    assert total(found) == found.events == 2


def test_more_events_than_counted_are_surplus(make: Maker) -> None:
    """Events that the sender did not count are stored and named."""
    events = [make.event("sensor.a"), make.event("sensor.b")]

    found = composed(frame(make.bytes(events), 1))

    assert len(found.points) == 2
    assert found.surplus == 1
    assert total(found) == found.events == 1


def test_weather_entities_are_told_of_before_they_are_encoded(make: Maker) -> None:
    """Only the weather domain is told of, in every origin."""
    told: list[Change] = []
    batch = Batch(
        SCHEMA,
        Source(),
        [
            frame(make.bytes([make.event("sensor.a"), make.event("weather.x")]), 2),
            frame(make.bytes([make.state("weather.y")]), 1, Origin.SNAPSHOT),
        ],
    )

    compose(batch, PointBuilder(lambda _: str(len(told))), told.append)

    assert sorted(change.entity_id for change in told) == ["weather.x", "weather.y"]


@pytest.mark.parametrize(
    ("surplus", "expected"),
    [
        (0, Outcome(written=3, merged=2, dead_lettered=1, expired=1)),
        (2, Outcome(written=1, merged=2, dead_lettered=1, expired=1)),
        (4, Outcome(written=0, merged=1, dead_lettered=1, expired=1)),
        (7, Outcome(written=0, merged=0, dead_lettered=0, expired=0)),
    ],
)
def test_balance_takes_the_surplus_from_what_went_well(
    surplus: int, expected: Outcome
) -> None:
    """Dead letters are the last to be left out of the answer."""
    outcome = Outcome(written=3, merged=2, dead_lettered=1, expired=1)

    assert balanced(outcome, surplus) == expected


messages = st.sampled_from(["good", "same", "bad", "other", "removal"])


@given(
    frames=st.lists(
        st.tuples(st.lists(messages, max_size=6), st.integers(0, 8), st.booleans()),
        max_size=5,
    )
)
def test_sums_close_whatever_a_batch_holds(
    make: Maker, frames: list[tuple[list[str], int, bool]]
) -> None:
    """Points, duplicates and rejects are the events that the sender counted."""
    number = 0

    def document(kind: str) -> Any:
        nonlocal number
        number += 1
        match kind:
            case "good":
                return make.event(f"sensor.x{number}")
            case "same":
                return make.event("sensor.same")
            case "bad":
                return make.event("sensor.bad", number)
            case "removal":
                return make.removal(f"sensor.x{number}", make.now_us)
            case _:
                return {"type": "pong"}

    found = composed(
        *(
            frame(
                make.bytes([document(kind) for kind in kinds])[: -1 if torn else None],
                counted,
            )
            for kinds, counted, torn in frames
        )
    )

    assert total(found) == found.events
