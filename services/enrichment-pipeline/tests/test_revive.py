"""A dead letter becomes points again, or says why it cannot."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from enrichment_pipeline.batch import compose
from enrichment_pipeline.deadletters import DeadLetter, record_of
from enrichment_pipeline.errors import PayloadUnusable, PointRefused, Reason
from enrichment_pipeline.events import Change
from enrichment_pipeline.points import PointBuilder
from enrichment_pipeline.revive import revive
from servicekit.wire import SCHEMA, Batch, Frame, Origin, Source

if TYPE_CHECKING:
    from conftest import Maker, ParsedLine

    Parse = Callable[[str], ParsedLine]


class Picky(PointBuilder):
    """Refuses every event, as an older version might have."""

    def build(self, change: Change, *, recorded: bool = False) -> Any:
        """Refuse."""
        raise PointRefused(Reason.BAD_ATTRIBUTES, "not yet")


def dead(payload: bytes, *, origin: Origin, events: int = 1) -> DeadLetter:
    """Return the record of the only event, as a picky version has written it."""
    frame = Frame(9, origin, 0, events, payload)
    found = compose(Batch(SCHEMA, Source(), [frame]), Picky(lambda _: ""))
    (reject,) = found.rejects
    return record_of(reject, 0.0)


@pytest.fixture
def builder() -> PointBuilder:
    """A builder that has learned more since."""
    return PointBuilder(lambda _: "")


@pytest.mark.parametrize("origin", list(Origin))
def test_event_that_was_refused_becomes_its_point(
    make: Maker, builder: PointBuilder, parse_line: Parse, origin: Origin
) -> None:
    """It is the same point that the event would be today, whatever its origin."""
    state = make.state("light.a", "on", brightness=3)
    document = make.message(state) if origin is Origin.LIVE else [state]

    points = revive(dead(make.bytes(document), origin=origin), builder)

    (line,) = points.values()
    name = "attrs_recorded" if origin is Origin.BACKFILL else "attrs"
    assert list(points) == [("light.a", make.now_us)]
    assert parse_line(line).fields[name] == '{"brightness":3}'


@pytest.mark.parametrize("origin", [Origin.LIVE, Origin.BACKFILL])
def test_removal_that_was_refused_is_a_removal_again(
    make: Maker, builder: PointBuilder, parse_line: Parse, origin: Origin
) -> None:
    """It has no attributes, and is kept as JSON all the same."""
    gone = make.state("light.a", "")
    del gone["attributes"]
    document = make.removal("light.a", make.now_us), [gone]
    live = origin is Origin.LIVE

    record = dead(make.bytes(document[0] if live else document[1]), origin=origin)

    assert json.loads(record.payload)["attributes"] is None
    (line,) = revive(record, builder).values()
    assert parse_line(line).fields["removed"] is True


def record(payload: Any, **changes: Any) -> DeadLetter:
    """Return a record of JSON that could not be read."""
    parts: dict[str, Any] = {
        "id": "0" * 24,
        "at": "",
        "reason": Reason.BAD_EVENT,
        "detail": "",
        "events": 1,
        "entity_id": "",
        "time_us": None,
        "payload": payload if isinstance(payload, str) else json.dumps(payload),
        "truncated": False,
    }
    return DeadLetter(**(parts | changes))


@pytest.mark.parametrize("origin", [None, Origin.LIVE])
def test_message_and_frame_are_read_again(
    make: Maker, builder: PointBuilder, origin: Origin | None
) -> None:
    """A frame gives all its events; older records do not tell their origin."""
    events = [make.event("light.a"), make.event("light.b")]

    one = revive(record(events[0], origin=origin), builder)
    both = revive(record(events, origin=origin, events=2), builder)

    assert [key[0] for key in one] == ["light.a"]
    assert [key[0] for key in both] == ["light.a", "light.b"]


@pytest.mark.parametrize("origin", [None, Origin.SNAPSHOT, Origin.BACKFILL])
def test_state_and_states_are_read_again(
    make: Maker, builder: PointBuilder, origin: Origin | None
) -> None:
    """Alone or as an array, as they were in the payload."""
    state = make.state("light.a")

    for payload in (state, [state]):
        points = revive(record(payload, origin=origin), builder)
        assert [key[0] for key in points] == ["light.a"]


def test_line_is_offered_as_it_is(builder: PointBuilder) -> None:
    """Whatever InfluxDB did not like may be mended there."""
    line = "state,domain=a,entity_id=a.b v=1 7"
    refused = record(
        line, reason=Reason.FIELD_TYPE_CONFLICT, entity_id="a.b", time_us=7
    )

    assert revive(refused, builder) == {("a.b", 7): line}


@pytest.mark.parametrize(
    ("payload", "changes"),
    [
        ("{}", {"truncated": True}),
        ("state v=1 7", {"truncated": True, "time_us": 7}),
        ("[]", {"reason": Reason.COUNT_MISMATCH}),
        ("[]", {"origin": Origin.LIVE}),
        ("[]", {}),
        ('{"type":"pong"}', {"origin": Origin.LIVE}),
        ("nonsense", {}),
        ("nonsense", {"origin": Origin.BACKFILL}),
        ("[" * 5_000, {}),
        ("nonsense", {"entity_id": "a.b"}),
        ({"last_updated": "now", "state": 5}, {"origin": Origin.SNAPSHOT}),
    ],
)
def test_payload_without_its_event_is_unusable(
    builder: PointBuilder, payload: Any, changes: dict[str, Any]
) -> None:
    """Nothing is made up from half a payload."""
    with pytest.raises(PayloadUnusable):
        revive(record(payload, **changes), builder)


def test_bytes_that_were_no_utf8_are_not_made_up(
    make: Maker, builder: PointBuilder
) -> None:
    """What stands in for them in the record is not what Home Assistant has sent."""
    event = make.event("light.a", "on", name="\ufffd")

    with pytest.raises(PayloadUnusable, match="UTF-8"):
        revive(record(make.bytes(event).decode()), builder)


def test_event_that_cannot_be_a_point_is_refused_again(
    make: Maker, builder: PointBuilder
) -> None:
    """The reason is that of today."""
    state = make.state("light.a") | {"last_updated": "soon"}

    with pytest.raises(PointRefused, match="bad_timestamp"):
        revive(record(make.message(state)), builder)
