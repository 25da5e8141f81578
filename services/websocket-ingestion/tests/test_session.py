"""The protocol as a table: phase and message give frames to send, notes, errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from servicekit.wire import Source
from websocket_ingestion.errors import (
    AuthRejected,
    CommandRefused,
    ProtocolViolation,
)
from websocket_ingestion.session import (
    Answer,
    Command,
    Described,
    Live,
    Note,
    Notice,
    Phase,
    Session,
    Snapshot,
    Subscribed,
)

REQUIRED = {"type": "auth_required", "ha_version": "2026.2.3"}
OK = {"type": "auth_ok", "ha_version": "2026.2.3"}
FEATURES = {"id": 1, "type": "result", "success": True, "result": None}
SUBSCRIBED = {"id": 2, "type": "result", "success": True, "result": None}
STATES = {"id": 3, "type": "result", "success": True, "result": [{"entity_id": "a.b"}]}
CONFIG = {
    "id": 4,
    "type": "result",
    "success": True,
    "result": {"latitude": 52.5, "longitude": 13.4, "version": "2026.2.3", "x": []},
}
EVENT = {"type": "event", "event": {"event_type": "state_changed"}, "id": 2}


def dump(message: Any) -> bytes:
    """Return a frame."""
    return json.dumps(message).encode()


def at(phase: Phase) -> Session:
    """Return a session that got as far as the phase; what it said is forgotten."""
    session = Session("t0ken")
    order = [Phase.GREETING, Phase.AUTHENTICATING, Phase.SUBSCRIBING, Phase.STREAMING]
    frames = [REQUIRED, OK, [FEATURES, SUBSCRIBED]]
    reached = order.index(Phase.STREAMING if phase is Phase.LEAVING else phase)
    for message in frames[:reached]:
        session.receive(dump(message))
    if phase is Phase.LEAVING:
        session.leave()
    session.data_to_send()
    return session


def refusal(number: int, code: str = "unauthorized") -> dict[str, Any]:
    """Return Home Assistant's refusal of a command."""
    error = {"code": code, "message": "no"}
    return {"id": number, "type": "result", "success": False, "error": error}


def test_the_token_is_sent_with_exactly_two_keys() -> None:
    """An id beside the token would be answered with auth_invalid."""
    session = Session("t0ken")
    notes = session.receive(dump(REQUIRED))

    assert notes == []
    assert [json.loads(text) for text in session.data_to_send()] == [
        {"type": "auth", "access_token": "t0ken"}
    ]
    assert session.phase is Phase.AUTHENTICATING


def test_one_array_subscribes_and_asks_for_the_snapshot() -> None:
    """After auth_ok one frame holds all four commands with ids from 1."""
    session = at(Phase.AUTHENTICATING)
    session.receive(dump(OK))
    (text,) = session.data_to_send()

    assert json.loads(text) == [
        {"id": 1, "type": "supported_features", "features": {"coalesce_messages": 1}},
        {"id": 2, "type": "subscribe_events", "event_type": "state_changed"},
        {"id": 3, "type": "get_states"},
        {"id": 4, "type": "get_config"},
    ]
    assert session.phase is Phase.SUBSCRIBING


ALL = [
    Subscribed("2026.2.3"),
    Snapshot,
    Described(Source(52.5, 13.4, "2026.2.3"), running=True, history=False),
]


@pytest.mark.parametrize(
    ("phase", "message", "notes", "then"),
    [
        pytest.param(Phase.SUBSCRIBING, FEATURES, [], Phase.SUBSCRIBING, id="features"),
        pytest.param(
            Phase.SUBSCRIBING, SUBSCRIBED, [ALL[0]], Phase.STREAMING, id="subscribed"
        ),
        pytest.param(
            Phase.SUBSCRIBING,
            [FEATURES, SUBSCRIBED, STATES, CONFIG],
            ALL,
            Phase.STREAMING,
            id="all-in-one-array",
        ),
        pytest.param(
            Phase.SUBSCRIBING, STATES, [Snapshot], Phase.SUBSCRIBING, id="states-first"
        ),
        pytest.param(Phase.STREAMING, EVENT, [Live], Phase.STREAMING, id="event"),
        pytest.param(Phase.SUBSCRIBING, EVENT, [Live], Phase.SUBSCRIBING, id="early"),
        pytest.param(Phase.LEAVING, EVENT, [Live], Phase.LEAVING, id="late-event"),
        pytest.param(
            Phase.SUBSCRIBING,
            [SUBSCRIBED, EVENT, EVENT],
            [Subscribed, Live],
            Phase.STREAMING,
            id="result-and-events",
        ),
        pytest.param(
            Phase.LEAVING,
            [EVENT, {"id": 5, "type": "result", "success": True, "result": None}],
            [Live],
            Phase.CLOSED,
            id="last-events-with-the-good-bye",
        ),
        pytest.param(Phase.LEAVING, refusal(5), [], Phase.CLOSED, id="refused-bye"),
        pytest.param(
            Phase.STREAMING, {"id": 9, "type": "pong"}, [], Phase.STREAMING, id="pong"
        ),
        pytest.param(
            Phase.STREAMING, {"type": "news"}, [Notice], Phase.STREAMING, id="unknown"
        ),
        pytest.param(
            Phase.STREAMING, {"type": 3}, [Notice], Phase.STREAMING, id="unreadable"
        ),
        pytest.param(
            Phase.STREAMING,
            {"id": None, "type": "result", "success": False, "error": {"code": "x"}},
            [Notice],
            Phase.STREAMING,
            id="result-without-id",
        ),
        pytest.param(
            Phase.SUBSCRIBING,
            refusal(1, "unknown_command"),
            [Notice("command.refused", "supported_features: unknown_command: no")],
            Phase.SUBSCRIBING,
            id="old-home-assistant",
        ),
        pytest.param(
            Phase.SUBSCRIBING,
            refusal(3),
            [Notice, Snapshot(())],
            Phase.SUBSCRIBING,
            id="no-states",
        ),
        pytest.param(
            Phase.SUBSCRIBING,
            {**CONFIG, "result": 5},
            [Notice],
            Phase.SUBSCRIBING,
            id="odd-config",
        ),
        pytest.param(
            Phase.SUBSCRIBING,
            {**CONFIG, "result": {}},
            [Described(Source(None, None, "2026.2.3"), running=True, history=False)],
            Phase.SUBSCRIBING,
            id="config-without-place",
        ),
    ],
)
def test_step(
    phase: Phase, message: Any, notes: list[Note | type[Note]], then: Phase
) -> None:
    """Each message in each phase has its notes, in order, and the next phase."""
    session = at(phase)
    found = session.receive(dump(message))

    assert len(found) == len(notes)
    for one, wanted in zip(found, notes, strict=True):
        assert (type(one) if isinstance(wanted, type) else one) == wanted
    assert session.phase is then


@pytest.mark.parametrize(
    ("phase", "frame", "error"),
    [
        pytest.param(
            Phase.AUTHENTICATING,
            {"type": "auth_invalid", "message": "Invalid access token or password"},
            AuthRejected,
            id="auth-invalid",
        ),
        pytest.param(Phase.SUBSCRIBING, refusal(2), CommandRefused, id="refused"),
        pytest.param(Phase.GREETING, OK, ProtocolViolation, id="ok-first"),
        pytest.param(Phase.GREETING, EVENT, ProtocolViolation, id="event-first"),
        pytest.param(Phase.AUTHENTICATING, EVENT, ProtocolViolation, id="no-auth"),
        pytest.param(Phase.AUTHENTICATING, REQUIRED, ProtocolViolation, id="twice"),
        pytest.param(
            Phase.SUBSCRIBING,
            {**STATES, "result": {}},
            ProtocolViolation,
            id="states-no-array",
        ),
        pytest.param(Phase.STREAMING, b"{", ProtocolViolation, id="no-json"),
    ],
)
def test_what_ends_the_session(
    phase: Phase, frame: Any, error: type[Exception]
) -> None:
    """What cannot go on raises the error that says why."""
    session = at(phase)

    with pytest.raises(error):
        session.receive(frame if isinstance(frame, bytes) else dump(frame))


def test_errors_say_what_home_assistant_said() -> None:
    """The sentences hold the reason, never the token."""
    rejected = pytest.raises(AuthRejected, match=r"access token: Invalid token$")
    refused = pytest.raises(CommandRefused, match="subscribe_events was refused: unau")
    with rejected as first:
        at(Phase.AUTHENTICATING).receive(
            dump({"type": "auth_invalid", "message": "Invalid token"})
        )
    with refused:
        at(Phase.SUBSCRIBING).receive(dump(refusal(2)))

    assert "t0ken" not in str(first.value)


def test_a_live_note_holds_the_raw_frame() -> None:
    """The payload of an event frame is the frame itself."""
    frame = dump([EVENT, EVENT])
    (note,) = at(Phase.STREAMING).receive(frame)

    assert note == Live(2, frame, 0)


def test_ids_increase_over_all_commands() -> None:
    """Pings and the good-bye go on counting; Home Assistant refuses a reused id."""
    session = at(Phase.STREAMING)
    session.ping()
    session.ping()
    session.leave()
    said = [json.loads(text) for text in session.data_to_send()]

    assert said == [
        {"id": 5, "type": "ping"},
        {"id": 6, "type": "ping"},
        {"id": 7, "type": "unsubscribe_events", "subscription": 2},
    ]
    assert session.phase is Phase.LEAVING
    assert session.data_to_send() == []


@pytest.mark.parametrize("phase", [Phase.GREETING, Phase.SUBSCRIBING])
def test_leaving_before_the_stream_is_immediate(phase: Phase) -> None:
    """Without a subscription there is nothing to wait for."""
    session = at(phase)
    session.leave()

    assert (session.phase, session.data_to_send()) == (Phase.CLOSED, [])


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({"success": True, "result": {"a.b": []}}, None),
        ({"success": False, "error": {"code": "unknown_command"}}, "unknown_command"),
        ({"success": False}, "refused"),
    ],
    ids=["answered", "refused", "refused-without-a-reason"],
)
def test_questions_are_answered_by_their_number(
    answer: dict[str, Any], problem: str | None
) -> None:
    """Answers may come in any order; a refusal is an answer too."""
    session = at(Phase.STREAMING)
    number = session.ask(Command.HISTORY, {"entity_ids": ["a.b"]})
    (said,) = [json.loads(text) for text in session.data_to_send()]

    (note,) = session.receive(dump({"id": number, "type": "result", **answer}))

    assert said == {
        "id": number,
        "type": "history/history_during_period",
        "entity_ids": ["a.b"],
    }
    assert isinstance(note, Answer)
    assert note.number == number
    assert (note.problem and note.problem.code) == problem


@pytest.mark.parametrize(
    ("config", "progress"),
    [
        ({"state": "RUNNING", "components": ["history", "api"]}, (True, True)),
        ({"state": "STARTING", "components": ["api"]}, (False, False)),
        ({}, (True, False)),
    ],
    ids=["running", "starting", "old"],
)
def test_home_assistant_says_how_far_it_is(
    config: dict[str, Any], progress: tuple[bool, bool]
) -> None:
    """The backfill waits for history while Home Assistant starts."""
    session = at(Phase.STREAMING)
    (note,) = session.receive(dump({**CONFIG, "result": config}))

    assert isinstance(note, Described)
    assert (note.running, note.history) == progress
