"""The engine's event stream becomes a record that knows when it has a hole."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from docker.errors import DockerException

from stackproof.errors import EventsLost, ModelError, WaitTimeout
from stackproof.events import (
    Event,
    EventRecorder,
    Timeline,
    engine_time,
    open_stream,
    parse_event,
    to_json_lines,
)
from stackproof.model import Health
from stackproof.testing import FakeClock

LABELS = {
    "com.docker.compose.project": "demo",
    "com.docker.compose.service": "web",
}


def raw(
    action: str, *, time_ns: int = 5, oneoff: str = "False", **attributes: str
) -> dict[str, Any]:
    """Return an event as the engine sends it."""
    labels = LABELS | {"com.docker.compose.oneoff": oneoff} | attributes
    return {
        "Type": "container",
        "Action": action,
        "Actor": {"ID": "abc", "Attributes": labels},
        "timeNano": time_ns,
    }


class FakeStream:
    """A stream that sends what it is given, and stays open until closed or told."""

    def __init__(
        self,
        sent: list[Mapping[str, Any]],
        *,
        ends: bool = False,
        error: Exception | None = None,
    ) -> None:
        self.sent = sent
        self.error = error
        self.open = threading.Event()
        if ends or error:
            self.open.set()

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        yield from self.sent
        self.open.wait(5)
        if self.error:
            raise self.error

    def close(self) -> None:
        """Let the reader come to its end."""
        self.open.set()


def is_die(event: Event) -> bool:
    """Tell whether a container ended."""
    return event.action == "die"


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (
            raw("start"),
            Event(time_ns=5, service="web", container="abc", action="start"),
        ),
        (
            raw("die", exitCode="137"),
            Event(
                time_ns=5, service="web", container="abc", action="die", exit_code=137
            ),
        ),
        (
            raw("kill", signal="15"),
            Event(time_ns=5, service="web", container="abc", action="kill", signal=15),
        ),
        (
            raw("health_status: unhealthy"),
            Event(
                time_ns=5,
                service="web",
                container="abc",
                action="health_status",
                health=Health.UNHEALTHY,
            ),
        ),
        (
            raw("start", oneoff="True"),
            Event(
                time_ns=5, service="web", container="abc", action="start", one_off=True
            ),
        ),
        (raw("exec_create: probe"), None),
        (raw("exec_die"), None),
        ({"Type": "network", "Action": "connect"}, None),
    ],
    ids=lambda value: value.get("Action") if isinstance(value, dict) else "",
)
def test_line_becomes_an_event(line: dict[str, Any], event: Event | None) -> None:
    """Facts are taken from their places; health checks' own commands are left out."""
    assert parse_event(line) == event


@pytest.mark.parametrize(
    "line",
    [
        {"Type": "container", "Action": "start", "Actor": {}},
        raw("die", exitCode="many"),
        raw("health_status: splendid"),
    ],
    ids=["no stamp", "no number", "unknown health"],
)
def test_malformed_line_is_an_error(line: dict[str, Any]) -> None:
    """A line that cannot be understood is not passed over."""
    with pytest.raises(ModelError):
        parse_event(line)


def test_recorder_keeps_what_was_sent() -> None:
    """Everything between enter and exit is in the record, also afterwards."""
    stream = FakeStream([raw("create"), raw("start"), raw("die", exitCode="0")])

    with EventRecorder(lambda: stream) as recorder:
        end = recorder.wait_for(is_die, timeout=5)

    assert end.exit_code == 0
    assert [event.action for event in recorder.events] == ["create", "start", "die"]


def test_waiting_can_pass_over_earlier_events() -> None:
    """With a stamp, only what came later counts."""
    stream = FakeStream(
        [raw("die", time_ns=5, exitCode="1"), raw("die", time_ns=9, exitCode="0")]
    )

    with EventRecorder(lambda: stream) as recorder:
        end = recorder.wait_for(is_die, timeout=5, after_ns=5)

    assert end.time_ns == 9


def test_event_that_does_not_come_is_a_timeout(clock: FakeClock) -> None:
    """The error shows what came instead."""
    stream = FakeStream([raw("start")])

    with EventRecorder(lambda: stream) as recorder:
        recorder.wait_for(lambda event: event.action == "start", timeout=5)
        with pytest.raises(WaitTimeout, match="web start"):
            recorder.wait_for(is_die, timeout=5, clock=clock)


@pytest.mark.parametrize(
    "stream",
    [
        FakeStream([raw("start")], ends=True),
        FakeStream([raw("start")], error=DockerException("engine restarted")),
        FakeStream([raw("start"), raw("health_status: splendid")]),
    ],
    ids=["ended", "broken", "malformed"],
)
def test_record_with_a_hole_cannot_be_judged(stream: FakeStream) -> None:
    """A stream that ends by itself makes the record unusable, and says why."""
    with EventRecorder(lambda: stream) as recorder:
        with pytest.raises(EventsLost):
            recorder.wait_for(is_die, timeout=5)

        assert recorder.timeline.ended

    with pytest.raises(EventsLost):
        _ = recorder.events


def test_event_before_the_end_of_the_stream_counts() -> None:
    """What was recorded before the stream ended was still seen."""
    stream = FakeStream([raw("die", exitCode="0")], ends=True)

    with EventRecorder(lambda: stream) as recorder:
        assert recorder.wait_for(is_die, timeout=5).exit_code == 0


def test_subscription_starts_at_the_engine_s_now() -> None:
    """The engine's own clock is used, and only this project is asked for."""
    asked: dict[str, Any] = {}

    class FakeEngine:
        def info(self) -> dict[str, str]:
            return {"SystemTime": "2026-11-23T16:20:00.123456789Z"}

        def events(self, **options: Any) -> FakeStream:
            asked.update(options)
            return FakeStream([])

    open_stream(FakeEngine(), "demo")  # type: ignore[arg-type]

    assert asked == {
        "since": "1795450800.123456",
        "filters": {
            "type": "container",
            "label": "com.docker.compose.project=demo",
        },
        "decode": True,
    }


def test_engine_time_honours_the_offset() -> None:
    """A time with an offset is the same moment as in UTC."""
    assert engine_time("2026-11-23T17:20:00.5+01:00") == "1795450800.500000"


def test_timeline_is_readable() -> None:
    """The text has seconds since the first event, facts, and the reason of an end."""
    start, end = parse_event(raw("start")), parse_event(raw("die", exitCode="3"))
    assert start is not None
    assert end is not None

    text = str(Timeline(events=(start, end), ended="gone"))

    assert text.splitlines() == [
        "+   0.000 s web start",
        "+   0.000 s web die exit code 3",
        "stream ended: gone",
    ]
    assert str(Timeline(events=())) == "no event"


def test_record_is_saved_as_json_lines() -> None:
    """Each line is one event."""
    event = Event(time_ns=5, service="web", container="abc", action="start")

    (line,) = to_json_lines([event]).splitlines()

    assert json.loads(line)["time_ns"] == 5
