"""The scripted Home Assistant says what the real one says, message by message.

Each chapter is one script. It is played to a Home Assistant and to the simulator, and
the transcripts must be equal, up to the values that `reference_stack.transcript` names.

What is not compared, because it cannot be the same:

- entities, components and registry entries of the real installation: the simulator's
  are its own; the documents they stand in must have the same keys and types
- state and attributes of a burst: each side's test load makes them up
- the texts of `invalid_format` that come out of the schema library
- how soon the recorder commits, within its interval
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
import requests
from docker import DockerClient

from reference_stack import (
    Conversation,
    HomeAssistant,
    Notation,
    ReferenceStack,
    SourceKind,
    Speaker,
    first_difference,
    prepare,
    skeleton,
)
from reference_stack.launch import watched
from stackproof import State, find_free_subnet, wait_until
from stackproof.pytest_plugin import WatchStack

pytestmark = pytest.mark.timeout(180)

Chapter = Callable[[Conversation], None]
Speakers = dict[SourceKind, Speaker]

_FIRST = {
    SourceKind.SIMULATOR: "home-assistant",
    SourceKind.HOME_ASSISTANT: "home-assistant-onboarding",
}
_UP_SECONDS = 90.0
_COMMIT_SECONDS = 15.0
_HISTORY = "history/history_during_period"
_STREAM = "history/stream"
_EVERYTHING = {
    "include_start_time_state": False,
    "significant_changes_only": False,
    "minimal_response": False,
    "no_attributes": False,
}
_BURST_ENTITIES = 10
# Made up by what plays the load on each side, not by Home Assistant.
_MADE_UP = frozenset({"state", "attributes"})

SUBSCRIBE = {"type": "subscribe_events", "event_type": "state_changed"}
COALESCE = {"type": "supported_features", "features": {"coalesce_messages": 1}}


# -- the two that speak ------------------------------------------------------------


@pytest.fixture(scope="module")
def speakers(
    engine: DockerClient,
    watch_stack: WatchStack,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Speakers]:
    """Start both, each alone in a project of its own, until they are RUNNING."""
    with ExitStack() as cleanup:
        stacks: dict[SourceKind, ReferenceStack] = {}
        for kind in SourceKind:
            project = prepare(
                tmp_path_factory.mktemp(kind) / "project",
                source=kind,
                subnet=find_free_subnet(engine),
            )
            recorder = cleanup.enter_context(watched(engine, project, watch_stack))
            stacks[kind] = ReferenceStack(
                project=project,
                model=project.compose.model(),
                engine=engine,
                recorder=recorder,
            )
            project.compose.up(_FIRST[kind])
        await_onboarded(stacks[SourceKind.HOME_ASSISTANT])
        yield {kind: make_speaker(stack) for kind, stack in stacks.items()}


def await_onboarded(stack: ReferenceStack) -> None:
    """Wait until Home Assistant's first user has a token."""

    def ended_well(seen: dict[str, tuple[State, int | None]]) -> bool:
        return seen["home-assistant-onboarding"] == (State.EXITED, 0)

    wait_until(
        lambda: {row.service: (row.state, row.exit_code) for row in stack.compose.ps()},
        ended_well,
        timeout=_UP_SECONDS,
    )


def make_speaker(stack: ReferenceStack) -> Speaker:
    """Wait until a Home Assistant has started; return it with its own burst."""
    home = stack.home_assistant
    wait_until(partial(core_state, home), "RUNNING".__eq__, timeout=_UP_SECONDS)
    if stack.project.source is SourceKind.SIMULATOR:
        simulator = stack.simulator

        def burst(count: int) -> None:
            simulator.burst(count, entities=_BURST_ENTITIES, prefix="sensor.burst")

    else:

        def burst(count: int) -> None:
            body = {"count": count, "entities": _BURST_ENTITIES}
            home.call("/api/services/burst/fire", body)

    return Speaker(home=home, burst=burst)


def core_state(home: HomeAssistant) -> str:
    """Return how far a Home Assistant has started; empty while it does not answer."""
    headers = {"Authorization": f"Bearer {home.token}"}
    url = home.endpoint.url("/api/config")
    try:
        return str(requests.get(url, headers=headers, timeout=5).json()["state"])
    except requests.ConnectionError:
        return ""


# -- chapters: letting in and refusing -----------------------------------------------


def who_may_come_in(talk: Conversation) -> None:
    """Only an auth message of the exact form, with a valid token, is let in."""
    good = {"type": "auth", "access_token": talk.home.token}
    for message in (
        {**good, "id": 1},
        {"type": "auth", "access_token": "wrong"},
        {"type": "auth", "access_token": ""},
        {"type": "auth"},
        {"type": "ping", "id": 1},
        ["auth"],
        {**good, "access_token": 5},
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
        {"id": 3, "type": "supported_features"},
        {"id": 4, "type": "supported_features", "features": {"coalesce_messages": "x"}},
        {"id": 5, "type": "subscribe_events", "event_type": 5},
        {"id": 6, "type": "unsubscribe_events"},
        {"id": 7, "type": "unsubscribe_events", "subscription": "x"},
        {"id": 8, "type": "unsubscribe_events", "subscription": -1},
        {"id": 9, "type": "unsubscribe_events", "subscription": 99},
        {"id": 10, "type": "get_states", "more": 1},
        {"id": 11, "type": _HISTORY, "start_time": "2026-01-01T00:00:00+00:00"},
        {"id": 12, "type": "config/entity_registry/get_entries"},
        {"id": 1_000_000_000, "type": "ping"},
    ):
        talk.ask(message)
    talk.say_raw("{")
    talk.hear_end()


def one_frame_of_commands(talk: Conversation) -> None:
    """An array of commands is one turn; its answers come in one array."""
    talk.rest("POST", "/api/states/sensor.fidelity_array", {"state": "1"})
    talk.sign_in()
    talk.ask([{"id": 1, **COALESCE}, {"id": 2, **SUBSCRIBE}, {"id": 3, "type": "get_states"}])
    talk.ask([{"id": 4, "type": "ping"}, {"id": 4, "type": "ping"}, "x", {"id": 5, "type": "no"}])
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
    talk.ask({"id": 3, **SUBSCRIBE})
    talk.ask({"id": 5, **SUBSCRIBE})
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


# -- chapters: states ------------------------------------------------------------------


def life_of_an_entity(talk: Conversation) -> None:
    """What an entity's events hold from its creation over REST to its removal."""
    state = "/api/states/sensor.fidelity_life"
    talk.sign_in()
    talk.ask({"id": 1, **SUBSCRIBE})
    unit = {"unit_of_measurement": "°C", "friendly_name": "Küche 🌡 \"x\" \\ \n"}
    for body in (
        {"state": "21.5", "attributes": unit},
        {"state": "21.6", "attributes": unit},
        {"state": "21.6", "attributes": {**unit, "list": [1, 2.5, None, True, {"a": {}}]}},
        {"state": "21.6", "force_update": True},
        {"state": "größer 🎉"},
        {"state": ""},
        {"state": "x" * 255},
    ):
        talk.rest("POST", state, body)
        talk.hear()
        talk.rest("GET", state)
    same = {"state": "x" * 255, "attributes": {}}
    talk.rest("POST", state, same)
    talk.ask({"id": 2, "type": "ping"})
    talk.rest("GET", state)
    talk.rest("POST", state, {**same, "attributes": {"k": 1}})
    talk.hear()
    talk.rest("POST", state, {"state": "x" * 256})
    talk.ask({"id": 3, "type": "ping"})
    talk.rest("DELETE", state)
    talk.hear()
    talk.rest("DELETE", state)
    talk.rest("GET", state)
    talk.rest("POST", state, {"state": "back"})
    talk.hear()
    talk.ask({"id": 4, "type": "get_states"})


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
        {},
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
    talk.rest("GET", "/api/states")
    talk.rest("DELETE", "/api/states/sensor.Fidelity_UPPER")


# -- chapters: bursts ------------------------------------------------------------------


def burst_in_one_frame(talk: Conversation) -> None:
    """With coalescing, 50 changes of one turn are one array."""
    talk.burst(_BURST_ENTITIES)
    talk.sign_in()
    talk.ask({"id": 1, **COALESCE})
    talk.ask({"id": 2, **SUBSCRIBE})
    talk.burst(50)
    talk.hear_messages(50)
    talk.ask({"id": 3, "type": "ping"})


def burst_in_many_frames(talk: Conversation) -> None:
    """Without coalescing, each of them is a frame."""
    talk.burst(_BURST_ENTITIES)
    talk.sign_in()
    talk.ask({"id": 2, **SUBSCRIBE})
    talk.burst(50)
    talk.hear_messages(50)
    talk.ask({"id": 3, "type": "ping"})


def burst_that_is_too_long(talk: Conversation) -> None:
    """5,000 changes of one turn end the connection, and none of them arrives."""
    talk.sign_in()
    talk.ask({"id": 1, **COALESCE})
    talk.ask({"id": 2, **SUBSCRIBE})
    talk.burst(5_000)
    talk.hear_end()


# -- chapters: history -----------------------------------------------------------------


def history_of_an_entity(talk: Conversation, past: Past) -> None:
    """Rows, bounds and options of what the recorder has committed."""
    entity = "sensor.fidelity_history"
    times = past[entity]
    first, gone, last = times[0], times[5], times[6]
    before = shifted(first, -1)
    talk.sign_in()
    for number, parameters in enumerate(
        (
            {"start_time": before},
            {"start_time": first},
            {"start_time": before, "end_time": last},
            {"start_time": times[1], "end_time": times[4]},
            {"start_time": shifted(times[1], 1), **START_STATE},
            {"start_time": times[1], **START_STATE},
            {"start_time": first, **START_STATE},
            {"start_time": before, "significant_changes_only": True},
            {"start_time": before, "minimal_response": True},
            {"start_time": before, "no_attributes": True},
            {"start_time": before, "minimal_response": True, "no_attributes": True},
            {"start_time": last, **START_STATE},
            {"start_time": last, "end_time": first},
            {"start_time": shifted(last, -1), "end_time": first, **START_STATE},
            {"start_time": shifted(gone, 1), **START_STATE},
            {"start_time": shifted(times[2], 1), **START_STATE, "minimal_response": True},
        ),
        start=1,
    ):
        ask_history(talk, number, entity_ids=[entity], **parameters)
    defaults = {"start_time": shifted(times[2], 1), "entity_ids": [entity]}
    talk.ask({"id": 99, "type": HISTORY, **defaults})


def history_of_several(talk: Conversation, past: Past) -> None:
    """Several entities, unknown ones, and domains whose attributes are significant."""
    names = ["sensor.fidelity_b", "device_tracker.fidelity_c", "sensor.fidelity_a"]
    unknown = "sensor.fidelity_unknown"
    start = shifted(past[names[0]][0], -1)
    talk.sign_in()
    for number, parameters in enumerate(
        (
            {"entity_ids": names},
            {"entity_ids": [*reversed(names), unknown]},
            {"entity_ids": names, "significant_changes_only": True},
            {"entity_ids": names, "minimal_response": True},
            {"entity_ids": names, "minimal_response": True, "no_attributes": True},
            {"entity_ids": names, "no_attributes": True},
            {"entity_ids": [unknown]},
            {"entity_ids": [unknown], **START_STATE},
            {"entity_ids": ["sensor.FIDELITY_a"]},
            {"entity_ids": names, "start_time": shifted(past[names[2]][0], 1)},
            {
                "entity_ids": names,
                "start_time": shifted(past[names[2]][0], 1),
                **START_STATE,
            },
        ),
        start=1,
    ):
        ask_history(talk, number, **{"start_time": start, **parameters})


def what_history_leaves_out(talk: Conversation, past: Past) -> None:
    """Large attributes and those that are never recorded are missing."""
    entity = "sensor.fidelity_large"
    talk.sign_in()
    start = shifted(past[entity][0], -1)
    ask_history(talk, 1, entity_ids=[entity], start_time=start)


def stream_of_history(talk: Conversation, past: Past) -> None:
    """A stream sends what is recorded, then what happens; one of the past ends."""
    entity = "sensor.fidelity_stream"
    state = f"/api/states/{entity}"
    times = past[entity]
    start = shifted(times[0], -1)
    stream = {"type": STREAM, "entity_ids": [entity], "start_time": start}
    talk.sign_in()
    for number, parameters in enumerate(
        (
            {**EVERYTHING, "end_time": times[-1]},
            {"end_time": times[3]},
            {**EVERYTHING, "end_time": start},
            {**EVERYTHING, **START_STATE, "start_time": shifted(times[-1], 1)},
            {**EVERYTHING},
        ),
        start=1,
    ):
        talk.ask({"id": number, **stream, **parameters})
        talk.hear()
    talk.ask({"id": 6, "type": "unsubscribe_events", "subscription": 4})
    talk.rest("POST", state, {"state": "now"})
    talk.hear()
    talk.rest("POST", state, {"state": "now", "attributes": {"k": 1}})
    talk.hear()
    talk.ask({"id": 7, "type": "unsubscribe_events", "subscription": 5})
    talk.rest("POST", state, {"state": "later"})
    talk.ask({"id": 8, "type": "ping"})


def ask_history(talk: Conversation, number: int, **parameters: Any) -> None:
    """Ask for rows: for all there are unless the parameters say less."""
    talk.ask({"id": number, "type": HISTORY, **EVERYTHING, **parameters})


# -- the comparison --------------------------------------------------------------------


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.__name__)
def test_simulator_says_what_home_assistant_says(
    speakers: Speakers, chapter: Callable[[Conversation], None]
) -> None:
    """A script has the same transcript with both, line by line."""
    difference = compare(speakers, lambda talk, _: chapter(talk))

    assert not difference, difference


