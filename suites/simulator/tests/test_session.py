"""Tests of one client's conversation: text in, frames out, no socket."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ha_simulator.errors import AuthRefused, Disconnect
from ha_simulator.protocol.outbox import Outbox
from ha_simulator.protocol.session import Phase, Session
from ha_simulator.world.homeassistant import HomeAssistant
from ha_simulator.world.states import Wanted

NOW = 1_795_445_276_000_000
LOGIN = '{"type":"auth","access_token":"right-token"}'


def nothing() -> None:
    """Do nothing."""


@pytest.fixture
def guest(home: HomeAssistant) -> Session:
    """Give a session in its auth phase."""
    return Session(4, home, Outbox(wake=nothing, overflow=nothing))


@pytest.fixture
def session(guest: Session) -> Session:
    """Give a session in its command phase."""
    guest.authenticate(LOGIN)
    return guest


def answers(session: Session, *documents: Any) -> list[Any]:
    """Send documents as frames and return all messages that came back."""
    for document in documents:
        session.receive(msgspec.json.encode(document).decode(), NOW)
    return drain(session)


def drain(session: Session) -> list[Any]:
    """Return the waiting messages."""
    found = []
    while len(session.outbox):
        found.append(msgspec.json.decode(session.outbox.take(coalesce=False)[0]))
    return found


def change(home: HomeAssistant, state: str) -> None:
    """Set sensor.a."""
    shape = home.shapes.number("run")
    wanted = Wanted(entity_id="sensor.a", state=state, attributes={}, shape=shape)
    home.set(wanted, NOW)


def test_greeting_and_welcome_name_the_version(guest: Session) -> None:
    """auth_required and auth_ok carry ha_version and nothing more."""
    greeting = msgspec.json.decode(guest.greeting())
    welcome = msgspec.json.decode(guest.authenticate(LOGIN))

    assert greeting == {"type": "auth_required", "ha_version": "2026.2.3"}
    assert welcome == {"type": "auth_ok", "ha_version": "2026.2.3"}
    assert guest.phase is Phase.COMMAND


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ('{"type":"auth","access_token":"wrong"}', "Invalid access token or password"),
        ('{"type":"auth","api_password":"x"}', "Invalid access token or password"),
        ('{"type":"auth"}', "Invalid access token or password"),
        ('{"id":1,"type":"auth","access_token":"right-token"}', "extra keys not"),
        ('{"type":"hello","access_token":"right-token"}', "not a valid value for"),
        ('{"access_token":"x"}', "required key not provided @ data['type']. Got None"),
        ('{"id":1,"type":"x"}', "Got 1\nnot a valid value for dictionary value"),
        ('{"type":"auth","access_token":5}', "expected str"),
        ('{"type":"auth","access_token":"a","api_password":"b"}', "exclusion"),
        ("[1]", "expected a dictionary"),
    ],
)
def test_bad_auth_messages_are_refused(guest: Session, message: str, text: str) -> None:
    """A wrong token and every wrong form, also one with an id, is auth_invalid."""
    with pytest.raises(AuthRefused) as caught:
        guest.authenticate(message)
    reply = msgspec.json.decode(caught.value.reply)

    assert reply["type"] == "auth_invalid"
    assert text in reply["message"]
    assert guest.phase is Phase.AUTH


def test_revoked_token_lets_nobody_in(guest: Session) -> None:
    """Without a valid token every token is wrong."""
    guest.home.token = None

    with pytest.raises(AuthRefused):
        guest.authenticate(LOGIN)


@pytest.mark.parametrize("text", ["", "{", "nonsense", "NaN"])
def test_invalid_json_disconnects(guest: Session, text: str) -> None:
    """What is no JSON ends the connection, before and after the login."""
    with pytest.raises(Disconnect):
        guest.authenticate(text)
    guest.authenticate(LOGIN)
    with pytest.raises(Disconnect):
        guest.receive(text, NOW)


@pytest.mark.parametrize(
    ("message", "answered_id"),
    [
        ({"type": "ping"}, None),
        ({"id": 0, "type": "ping"}, 0),
        ({"id": -1, "type": "ping"}, -1),
        ({"id": True, "type": "ping"}, True),
        ({"id": "1", "type": "ping"}, "1"),
        ({"id": 1.5, "type": "ping"}, 1.5),
        ({"id": 1}, 1),
        ({"id": 1, "type": ""}, 1),
        ({"id": 1, "type": 5}, 1),
        ("ping", 0),
        (7, 0),
    ],
)
def test_malformed_messages_are_invalid_format(
    session: Session, message: Any, answered_id: Any
) -> None:
    """A message without a good id and type is answered with the id it had, if any."""
    assert answers(session, message) == [
        {
            "id": answered_id,
            "type": "result",
            "success": False,
            "error": {
                "code": "invalid_format",
                "message": "Message incorrectly formatted.",
            },
        }
    ]


def test_ids_must_increase(session: Session) -> None:
    """The same or a lower id is refused; gaps are fine."""
    found = answers(
        session,
        {"id": 5, "type": "ping"},
        {"id": 5, "type": "ping"},
        {"id": 4, "type": "ping"},
        {"id": 90, "type": "ping"},
    )

    assert [message.get("error", {}).get("code") for message in found] == [
        None,
        "id_reuse",
        "id_reuse",
        None,
    ]
    assert found[1]["error"]["message"] == "Identifier values have to increase."


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ({"id": 7, "type": "no/such"}, None),
        ({"id": 7, "type": "ping", "extra": 1}, "id_reuse"),
    ],
)
def test_only_known_commands_use_up_an_id(
    session: Session, first: Any, code: str | None
) -> None:
    """An unknown command leaves its id free, a known one in bad form does not."""
    found = answers(session, first, {"id": 7, "type": "ping"})

    assert found[1].get("error", {}).get("code") == code


def test_array_is_run_in_order_and_at_once(session: Session) -> None:
    """Commands of one frame are answered before any event can come between."""
    change(session.home, "1")
    found = answers(
        session,
        [
            {"id": 7, "type": "subscribe_events", "event_type": "state_changed"},
            {"id": 8, "type": "get_states"},
        ],
    )
    change(session.home, "2")
    event = drain(session)[0]["event"]["data"]

    assert [message["id"] for message in found] == [7, 8]
    assert found[1]["result"] == [event["old_state"]]


def test_results_have_their_id_first_and_events_last(session: Session) -> None:
    """The position of `id` is that of Home Assistant's frames."""
    session.receive('{"id":3,"type":"subscribe_events"}', NOW)
    result, _ = session.outbox.take(coalesce=False)
    change(session.home, "1")
    event, serials = session.outbox.take(coalesce=False)

    assert result == b'{"id":3,"type":"result","success":true,"result":null}'
    assert event.endswith(b',"id":3}')
    assert serials == [1]


@pytest.mark.parametrize(
    ("event_type", "heard"),
    [({}, 1), ({"event_type": "state_changed"}, 1), ({"event_type": "x"}, 0)],
)
def test_subscription_filters_by_type(
    session: Session, event_type: dict[str, str], heard: int
) -> None:
    """Without a type everything comes, with one only that."""
    answers(session, {"id": 3, "type": "subscribe_events", **event_type})
    change(session.home, "1")

    assert len(drain(session)) == heard


def test_two_subscriptions_get_two_events(session: Session) -> None:
    """Each subscription gets its own copy under its own id."""
    answers(
        session,
        {"id": 3, "type": "subscribe_events"},
        {"id": 4, "type": "subscribe_events"},
    )
    change(session.home, "1")

    assert [message["id"] for message in drain(session)] == [3, 4]


def test_unsubscribing_ends_the_events(session: Session) -> None:
    """An ended subscription is silent, and cannot be ended again."""
    answers(session, {"id": 3, "type": "subscribe_events"})
    ended = answers(session, {"id": 4, "type": "unsubscribe_events", "subscription": 3})
    again = answers(session, {"id": 5, "type": "unsubscribe_events", "subscription": 3})
    change(session.home, "1")

    assert ended[0]["success"] is True
    assert again[0]["error"] == {
        "code": "not_found",
        "message": "Subscription not found.",
    }
    assert drain(session) == []


def test_closed_session_leaves_home_assistant(session: Session) -> None:
    """After the close nothing is queued, and closing twice is harmless."""
    answers(session, {"id": 3, "type": "subscribe_events"})
    session.close()
    session.close()
    change(session.home, "1")

    assert drain(session) == []
    assert session.phase is Phase.CLOSED


HISTORY = {
    "type": "history/history_during_period",
    "start_time": "2026-11-23T14:00:00+00:00",
    "entity_ids": ["sensor.a"],
}


def test_history_is_unknown_until_it_is_loaded(session: Session) -> None:
    """While Home Assistant starts, the history commands do not exist."""
    session.home.history_loaded = False
    refused = answers(session, {"id": 3, **HISTORY})
    session.home.history_loaded = True
    queries = session.receive(msgspec.json.encode({"id": 3, **HISTORY}).decode(), NOW)

    assert refused[0]["error"] == {
        "code": "unknown_command",
        "message": "Unknown command.",
    }
    assert [query.command_id for query in queries] == [3]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"start_time": "x"}, "invalid_start_time"),
        ({"end_time": "x"}, "invalid_end_time"),
        ({"entity_ids": ["x"]}, "invalid_entity_ids"),
        ({"entity_ids": "sensor.a"}, "invalid_format"),
        ({"wrong": 1}, "invalid_format"),
    ],
)
def test_history_errors_are_answered_at_once(
    session: Session, fields: dict[str, Any], code: str
) -> None:
    """A bad request gets its error code and no look-up."""
    found = answers(session, {"id": 3, **HISTORY, **fields})

    assert found[0]["error"]["code"] == code


def test_history_of_the_future_is_empty(session: Session) -> None:
    """A period that starts later than now is answered with an empty object."""
    found = answers(
        session, {"id": 3, **HISTORY, "start_time": "2027-01-01T00:00:00+00:00"}
    )

    assert found == [{"id": 3, "type": "result", "success": True, "result": {}}]


def test_stream_says_null_first(session: Session) -> None:
    """`history/stream` is a subscription: a null result, events later."""
    found = answers(session, {"id": 3, **HISTORY, "type": "history/stream"})

    assert found == [{"id": 3, "type": "result", "success": True, "result": None}]
    assert session.streaming(3)
    assert answers(session, {"id": 4, "type": "unsubscribe_events", "subscription": 3})
    assert not session.streaming(3)
