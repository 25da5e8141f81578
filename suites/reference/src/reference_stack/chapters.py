"""Scripts of what clients and a Home Assistant say to each other.

A chapter does not judge: it only sees to it that all is said. Whoever plays it to two
of them compares the transcripts.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, Final

from .conversation import Conversation
from .past import EDGE
from .transcript import shifted

Chapter = Callable[[Conversation], None]

BURST_ENTITIES: Final = 10

_SUBSCRIBE: Final = {"type": "subscribe_events", "event_type": "state_changed"}
_COALESCE: Final = {
    "type": "supported_features",
    "features": {"coalesce_messages": 1},
}
_HISTORY: Final = "history/history_during_period"
_STREAM: Final = "history/stream"
_EVERYTHING: Final = {
    "include_start_time_state": False,
    "significant_changes_only": False,
    "minimal_response": False,
    "no_attributes": False,
}
_START_STATE: Final = {"include_start_time_state": True}

# -- who is let in, and which commands are good --------------------------------------


def who_may_come_in(talk: Conversation) -> None:
    """Only an auth message of the exact form with a valid token is let in."""
    good = {"type": "auth", "access_token": talk.home.token}
    for message in (
        {**good, "id": 1},
        {"type": "auth", "access_token": "wrong"},
        {"type": "auth", "access_token": ""},
        {"type": "auth"},
        {"access_token": "wrong"},
        {"type": "ping", "id": 1},
        ["auth"],
        {"type": "auth", "access_token": 5},
    ):
        talk.connect()
        talk.hear()
        talk.say(message)
        talk.hear_end()
    talk.connect()
    talk.hear()
    talk.say_raw("{")
    talk.hear_end()
    talk.sign_in()
    talk.ask({"id": 1, "type": "ping"})


def what_is_no_command(talk: Conversation) -> None:
    """Bad messages get an answer each and change nothing; broken JSON ends it."""
    talk.sign_in()
    for message in (
        {"type": "ping"},
        {"id": 0, "type": "ping"},
        {"id": -1, "type": "ping"},
        {"id": "7", "type": "ping"},
        {"id": True, "type": "ping"},
        {"id": 1.5, "type": "ping"},
        {"id": None, "type": "ping"},
        {"id": 1},
        {"id": 1, "type": 2},
        {"id": 1, "type": ""},
        "ping",
        5,
        None,
        {"id": 1, "type": "no/such/command"},
        {"id": 1, "type": "ping", "more": 1},
        {"id": 1, "type": "ping"},
        {"id": 2, "type": "ping"},
        {"id": 2, "type": "ping"},
        {"id": 1, "type": "ping"},
        {"id": 2, "type": "no/such/command"},
        {"id": 3, "type": "supported_features"},
        {"id": 4, "type": "supported_features", "features": {"coalesce_messages": "x"}},
        {"id": 5, "type": "supported_features", "features": {"x": 1.5}},
        {"id": 6, "type": "subscribe_events", "event_type": 5},
        {"id": 7, "type": "unsubscribe_events"},
        {"id": 8, "type": "unsubscribe_events", "subscription": "x"},
        {"id": 9, "type": "unsubscribe_events", "subscription": -1},
        {"id": 10, "type": "unsubscribe_events", "subscription": "99"},
        {"id": 11, "type": "get_states", "more": 1},
        {"id": 12, "type": _HISTORY, "start_time": "2026-01-01T00:00:00+00:00"},
        {"id": 13, "type": "config/entity_registry/get_entries"},
        {"id": 1_000_000_000, "type": "ping"},
    ):
        talk.ask(message)
    talk.say_raw(b"ping")
    talk.ask({"id": 1_000_000_001, "type": "ping"})
    talk.say_raw("{")
    talk.hear_end()
    talk.sign_in()
    talk.say_raw(b"")
    talk.hear_end()


def one_frame_of_commands(talk: Conversation) -> None:
    """An array of commands is one turn; its answers come in one array if wanted."""
    talk.rest("POST", "/api/states/sensor.fidelity_array", {"state": "1"})
    talk.sign_in()
    talk.ask(
        [
            {"id": 1, **_COALESCE},
            {"id": 2, **_SUBSCRIBE},
            {"id": 3, "type": "get_states"},
        ]
    )
    talk.ask(
        [
            {"id": 4, "type": "ping"},
            {"id": 4, "type": "ping"},
            "ping",
            [{"id": 5, "type": "ping"}],
            {"id": 5, "type": "no/such/command"},
        ]
    )
    talk.say([])
    talk.ask([{"id": 6, "type": "ping"}])
    talk.ask({"id": 7, "type": "ping"})
    talk.sign_in()
    talk.say([{"id": 1, "type": "ping"}, {"id": 2, "type": "ping"}])
    talk.hear_messages(2)


def subscriptions(talk: Conversation) -> None:
    """Each subscription gets its own copy until it ends; a gone one is not found."""
    state = "/api/states/sensor.fidelity_subscribed"
    talk.sign_in()
    talk.ask({"id": 3, **_SUBSCRIBE})
    talk.ask({"id": 5, **_SUBSCRIBE})
    talk.ask({"id": 6, "type": "subscribe_events", "event_type": "no_such_event"})
    talk.rest("POST", state, {"state": "1"})
    talk.hear_messages(2)
    talk.ask({"id": 7, "type": "unsubscribe_events", "subscription": 3})
    talk.rest("POST", state, {"state": "2"})
    talk.hear_messages(1)
    talk.ask({"id": 8, "type": "unsubscribe_events", "subscription": 3})
    talk.ask({"id": 9, "type": "unsubscribe_events", "subscription": 5})
    talk.rest("POST", state, {"state": "3"})
    talk.ask({"id": 10, "type": "ping"})


def recorder_info(talk: Conversation) -> None:
    """The recorder tells how it is."""
    talk.sign_in()
    talk.ask({"id": 1, "type": "recorder/info"})


# -- states ----------------------------------------------------------------------------


def life_of_an_entity(talk: Conversation) -> None:
    """What the events of an entity hold, from its creation over REST to its removal."""
    state = "/api/states/sensor.fidelity_life"
    numbers = count(1)
    talk.sign_in()
    talk.ask({"id": next(numbers), **_SUBSCRIBE})
    unit = {"unit_of_measurement": "°C", "friendly_name": 'Küche 🌡 "x" \\ \n\x7f/'}
    nested: dict[str, Any] = {**unit, "list": [1, 2.5, 1e300, None, True, {"a": {}}]}
    longest = "x" * 255
    for body in (
        {"state": "21.5", "attributes": unit},
        {"state": "21.6", "attributes": unit},
        {"state": "21.6", "attributes": nested},
        {"state": "21.6", "attributes": nested, "force_update": True},
        {"state": "21.6"},
        {"state": "größer 🎉"},
        {"state": ""},
        {"state": longest},
    ):
        talk.rest("POST", state, body)
        talk.hear()
        talk.rest("GET", state)
    for silent in (
        {"state": longest},
        {"state": longest, "attributes": {}},
        {"state": longest + "x"},
    ):
        talk.rest("POST", state, silent)
        talk.ask({"id": next(numbers), "type": "ping"})
        talk.rest("GET", state)
    talk.rest("POST", state, {"state": longest, "attributes": {"k": 1}})
    talk.hear()
    talk.rest("DELETE", state)
    talk.hear()
    talk.rest("GET", state)
    talk.rest("DELETE", state)
    talk.rest("POST", state, {"state": "back"})
    talk.hear()
    talk.rest("DELETE", state)
    talk.hear()
    talk.ask({"id": next(numbers), "type": "ping"})


def what_rest_answers(talk: Conversation) -> None:
    """Status, type and body of REST answers, good and bad."""
    state = "/api/states/sensor.fidelity_rest"
    talk.rest("GET", "/api/")
    talk.rest("GET", "/api/states", authorized=False)
    talk.rest("GET", state, authorized=False)
    talk.rest("POST", state, {"state": "1"}, authorized=False)
    talk.rest("GET", "/api/no_such_path")
    talk.rest("PUT", state, {"state": "1"})
    talk.rest("GET", state)
    for body in (
        "{",
        "",
        "[1]",
        "null",
        "{}",
        {"state": None},
        {"state": 5},
        {"state": 5.50},
        {"state": True},
        {"state": [1, "a"]},
        {"state": {"a": None}},
        {"state": "1", "attributes": None},
        {"state": "1", "more": 1},
    ):
        talk.rest("POST", state, body)
    talk.rest("POST", "/api/states/no_dot", {"state": "1"})
    talk.rest("POST", "/api/states/sensor._fidelity", {"state": "1"})
    talk.rest("POST", "/api/states/SENSOR.Fidelity_Upper", {"state": "1"})
    talk.rest("GET", "/api/states/sensor.FIDELITY_upper")
    talk.rest("DELETE", "/api/states/sensor.Fidelity_UPPER")


# -- bursts ----------------------------------------------------------------------------


def burst_in_one_frame(talk: Conversation) -> None:
    """With coalescing, 50 changes of one turn are one array."""
    talk.burst(BURST_ENTITIES)
    talk.sign_in()
    talk.ask({"id": 1, **_COALESCE})
    talk.ask({"id": 2, **_SUBSCRIBE})
    talk.burst(50)
    talk.hear_messages(50)
    talk.ask({"id": 3, "type": "ping"})


def burst_in_many_frames(talk: Conversation) -> None:
    """Without coalescing, each of them is a frame."""
    talk.burst(BURST_ENTITIES)
    talk.sign_in()
    talk.ask({"id": 2, **_SUBSCRIBE})
    talk.burst(50)
    talk.hear_messages(50)
    talk.ask({"id": 3, "type": "ping"})


def burst_that_is_too_long(talk: Conversation) -> None:
    """5,000 changes of one turn end the connection, and none of them arrives."""
    talk.sign_in()
    talk.ask({"id": 1, **_COALESCE})
    talk.ask({"id": 2, **_SUBSCRIBE})
    talk.burst(5_000)
    talk.hear_end()


# -- history ---------------------------------------------------------------------------


def history_of_an_entity(talk: Conversation) -> None:
    """The rows of all kinds of changes, and what the options make of them."""
    entity_id = "sensor.fidelity_history"
    times = talk.past[entity_id]
    before, after = shifted(times[0], -1), shifted(times[-1], 1)
    attributes_changed, gone = shifted(times[2], 1), shifted(times[5], 1)
    for parameters in (
        {"start_time": before},
        {"start_time": before, "end_time": after},
        {"start_time": shifted(times[0], 1), "end_time": shifted(times[-1], -1)},
        {"start_time": shifted(times[1], 1), **_START_STATE},
        {"start_time": before, **_START_STATE},
        {"start_time": before, "significant_changes_only": True},
        {"start_time": before, "minimal_response": True},
        {"start_time": before, "no_attributes": True},
        {"start_time": before, "minimal_response": True, "no_attributes": True},
        {"start_time": after},
        {"start_time": after, **_START_STATE},
        {"start_time": after, "end_time": before},
        {"start_time": after, "end_time": before, **_START_STATE},
        {"start_time": gone, **_START_STATE},
        {"start_time": attributes_changed, **_START_STATE},
        {"start_time": attributes_changed, **_START_STATE, "minimal_response": True},
    ):
        _ask_history(talk, entity_ids=[entity_id], **parameters)
    talk.ask(
        {
            "id": 99,
            "type": _HISTORY,
            "start_time": attributes_changed,
            "entity_ids": [entity_id],
        }
    )


def bounds_of_history(talk: Conversation) -> None:
    """A row exactly at the start or at the end is left out."""
    before, exact, after = talk.past[EDGE]
    begin, end = shifted(before, -1), shifted(after, 1)
    for parameters in (
        {"start_time": begin, "end_time": end},
        {"start_time": exact, "end_time": end},
        {"start_time": shifted(exact, -1), "end_time": end},
        {"start_time": begin, "end_time": exact},
        {"start_time": begin, "end_time": shifted(exact, 1)},
        {"start_time": exact, "end_time": end, **_START_STATE},
    ):
        _ask_history(talk, entity_ids=[EDGE], **parameters)


def history_of_several(talk: Conversation) -> None:
    """Several entities, unknown ones, and domains whose attributes are significant."""
    names = ["sensor.fidelity_b", "device_tracker.fidelity_c", "sensor.fidelity_a"]
    unknown = "sensor.fidelity_unknown"
    before = shifted(talk.past[names[0]][0], -1)
    third_begins = shifted(talk.past[names[2]][0], 1)
    minimal = {"minimal_response": True}
    for parameters in (
        {"entity_ids": names},
        {"entity_ids": [*reversed(names), unknown]},
        {"entity_ids": names, "significant_changes_only": True},
        {"entity_ids": names, **minimal},
        {"entity_ids": names, **minimal, "no_attributes": True},
        {"entity_ids": names, "no_attributes": True},
        {"entity_ids": [unknown]},
        {"entity_ids": [unknown], **_START_STATE},
        {"entity_ids": ["sensor.FIDELITY_a"]},
        {"entity_ids": names, "start_time": third_begins},
        {"entity_ids": names, "start_time": third_begins, **_START_STATE},
    ):
        _ask_history(talk, **{"start_time": before, **parameters})


def what_history_leaves_out(talk: Conversation) -> None:
    """Large attributes and those that are never recorded are missing."""
    entity_id = "sensor.fidelity_large"
    before = shifted(talk.past[entity_id][0], -1)
    _ask_history(talk, entity_ids=[entity_id], start_time=before)


def what_history_refuses(talk: Conversation) -> None:
    """Errors of both commands, and requests that have nothing to find."""
    good = {
        "start_time": "2026-01-01T00:00:00+00:00",
        "entity_ids": ["sensor.fidelity_never"],
    }
    wrong: tuple[dict[str, Any], ...] = (
        {"start_time": "x"},
        {"start_time": ""},
        {"start_time": "2026-13-01T00:00:00+00:00"},
        {"start_time": 5},
        {"end_time": "x"},
        {"end_time": "2026-01-32"},
        {"end_time": None},
        {"entity_ids": ["sensor"]},
        {"entity_ids": ["sensor.fidelity", "Sensor.B"]},
        {"entity_ids": "sensor.fidelity"},
        {"entity_ids": [5]},
        {"include_start_time_state": "x"},
        {"more": 1},
        {"start_time": "x", "entity_ids": ["sensor"]},
    )
    nothing: tuple[dict[str, Any], ...] = (
        {"start_time": "2999-01-01T00:00:00+00:00"},
        {"end_time": "2026-01-02T00:00:00+00:00"},
        {"end_time": "2025-01-01T00:00:00+00:00"},
        {"end_time": ""},
        {"start_time": "2026-01-01"},
        {"start_time": "2026-01-01 00:00:00"},
        {"entity_ids": []},
    )
    no_stream: tuple[dict[str, Any], ...] = (
        {"start_time": "2999-01-01T00:00:00+00:00"},
        {"end_time": "2025-01-01T00:00:00+00:00"},
    )
    numbers = count(1)
    talk.sign_in()
    for case in (*wrong, *nothing):
        talk.ask({"id": next(numbers), "type": _HISTORY, **good, **case})
    for case in (*wrong, *no_stream):
        talk.ask({"id": next(numbers), "type": _STREAM, **good, **case})


def stream_of_history(talk: Conversation) -> None:
    """A stream sends what is recorded, then what happens; one of the past ends."""
    entity_id = "sensor.fidelity_stream"
    state = f"/api/states/{entity_id}"
    times = talk.past[entity_id]
    start = shifted(times[0], -1)
    stream = {"type": _STREAM, "entity_ids": [entity_id], "start_time": start}
    talk.sign_in()
    talk.ask({"id": 1, **stream, **_EVERYTHING, "end_time": shifted(times[-1], 1)})
    talk.hear()
    talk.ask({"id": 2, **stream, "end_time": shifted(times[3], 1)})
    talk.hear()
    talk.ask({"id": 3, **stream, **_EVERYTHING, "end_time": start})
    talk.hear()
    talk.ask({"id": 4, **stream, **_EVERYTHING})
    talk.hear()
    talk.rest("POST", state, {"state": "now"})
    talk.hear()
    talk.rest("POST", state, {"state": "now", "attributes": {"k": 1}})
    talk.hear()
    talk.ask({"id": 5, "type": "unsubscribe_events", "subscription": 4})
    talk.rest("POST", state, {"state": "later"})
    talk.ask({"id": 6, "type": "ping"})


def stream_without_a_past(talk: Conversation) -> None:
    """A stream of an entity that nobody knows yet says so, twice, and then waits."""
    entity_id = "sensor.fidelity_newborn"
    state = f"/api/states/{entity_id}"
    start = talk.past[EDGE][0]
    talk.sign_in()
    talk.ask({"id": 1, "type": _STREAM, "entity_ids": [entity_id], "start_time": start})
    talk.hear_messages(2)
    talk.rest("POST", state, {"state": "1"})
    talk.rest("POST", state, {"state": "2"})
    talk.hear()
    talk.rest("DELETE", state)
    talk.ask({"id": 2, "type": "ping"})


def _ask_history(talk: Conversation, **parameters: Any) -> None:
    """Ask for rows: for all there are unless the parameters say less."""
    talk.sign_in()
    talk.ask({"id": 1, "type": _HISTORY, **_EVERYTHING, **parameters})


CHAPTERS: Final[tuple[Chapter, ...]] = (
    who_may_come_in,
    what_is_no_command,
    one_frame_of_commands,
    subscriptions,
    recorder_info,
    life_of_an_entity,
    what_rest_answers,
    history_of_an_entity,
    bounds_of_history,
    history_of_several,
    what_history_leaves_out,
    what_history_refuses,
    stream_of_history,
    stream_without_a_past,
)
"""Chapters in which every value is Home Assistant's."""

BURSTS: Final[tuple[Chapter, ...]] = (
    burst_in_one_frame,
    burst_in_many_frames,
    burst_that_is_too_long,
)
"""Chapters in which the events' states and attributes come from the load."""
