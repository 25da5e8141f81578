"""The scripted Home Assistant says what the real one says, message by message.

Each chapter of `reference_stack.chapters` is played to a Home Assistant and to the
simulator, each alone in a project of its own, and the transcripts must be equal.

What differs and may:

- the values of times, ids of contexts and users, and versions. They are named, so it
  still matters which of them are equal (`reference_stack.transcript`).
- the words of `invalid_format` that come out of Home Assistant's schema library.
- states and attributes of a burst: each side's test load makes them up.
- the real installation's own entities, components and registry entries: documents
  that hold them are compared by their keys and types.
- rows at the very bound of a period: the recorder keeps seconds as binary fractions,
  half a microsecond off, the simulator exact ones. The bounds are compared at a row
  that the recorder holds exactly.
- how soon the recorder commits within its interval: history is asked afterwards.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests
from docker import DockerClient

from reference_stack import (
    BURST_ENTITIES,
    BURSTS,
    CHAPTERS,
    Chapter,
    Conversation,
    HomeAssistant,
    Notation,
    ReferenceStack,
    SourceKind,
    Speaker,
    first_difference,
    live_through,
    prepare,
    remember,
    skeleton,
)
from reference_stack.launch import watched
from stackproof import Container, State, find_free_subnet, wait_until
from stackproof.pytest_plugin import WatchStack

pytestmark = pytest.mark.timeout(180)

Speakers = dict[SourceKind, Speaker]

_ONBOARDING = "home-assistant-onboarding"
_FIRST = {
    SourceKind.SIMULATOR: "home-assistant",
    SourceKind.HOME_ASSISTANT: _ONBOARDING,
}
_UP_SECONDS = 90.0
_CALL_SECONDS = 5.0
_OWN = "fidelity_"
# What plays the load makes these up, not Home Assistant.
_MADE_UP = frozenset({"state", "attributes"})
# More than any burst has.
_SERIALS_APART = 100_000


@pytest.fixture(scope="module")
def speakers(
    engine: DockerClient,
    watch_stack: WatchStack,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Speakers]:
    """Start a simulator and a Home Assistant, and give them the same past."""
    with ExitStack() as cleanup:
        stacks: list[ReferenceStack] = []
        for kind in SourceKind:
            folder = tmp_path_factory.mktemp(kind)
            stacks.append(
                cleanup.enter_context(started(kind, folder, engine, watch_stack))
            )
        ready = [speaker_of(stack) for stack in stacks]
        lived = [(speaker, live_through(speaker)) for speaker in ready]
        remembering = [remember(speaker, times) for speaker, times in lived]
        yield dict(zip(SourceKind, remembering, strict=True))


@contextmanager
def started(
    kind: SourceKind, folder: Path, engine: DockerClient, watch_stack: WatchStack
) -> Iterator[ReferenceStack]:
    """Start what plays Home Assistant and nothing else of a project."""
    project = prepare(folder / "project", source=kind, subnet=find_free_subnet(engine))
    with watched(engine, project, watch_stack) as recorder:
        project.compose.up(_FIRST[kind])
        yield ReferenceStack(
            project=project,
            model=project.compose.model(),
            engine=engine,
            recorder=recorder,
        )


def speaker_of(stack: ReferenceStack) -> Speaker:
    """Wait until a Home Assistant is up and has a token; return it with its burst."""
    if stack.project.source is SourceKind.HOME_ASSISTANT:
        wait_until(stack.compose.ps, onboarded, timeout=_UP_SECONDS)
    home = stack.home_assistant
    wait_until(lambda: core_state(home), "RUNNING".__eq__, timeout=_UP_SECONDS)
    return Speaker(home=home, burst=burst_of(stack, home))


def onboarded(rows: tuple[Container, ...]) -> bool:
    """Tell whether Home Assistant's first user has got a token."""
    ends = [(row.state, row.exit_code) for row in rows if row.service == _ONBOARDING]
    return ends == [(State.EXITED, 0)]


def core_state(home: HomeAssistant) -> str:
    """Return how far a Home Assistant has started; empty while it does not answer."""
    headers = {"Authorization": f"Bearer {home.token}"}
    url = home.endpoint.url("/api/config")
    try:
        answer = requests.get(url, headers=headers, timeout=_CALL_SECONDS)
    except requests.ConnectionError:
        return ""
    return str(answer.json()["state"])


def burst_of(stack: ReferenceStack, home: HomeAssistant) -> Callable[[int], None]:
    """Return what sets many states in one turn; no state is set twice."""
    serials = count(step=_SERIALS_APART)

    def by_service(changes: int) -> None:
        home.call(
            "/api/services/burst/fire",
            {
                "count": changes,
                "entities": BURST_ENTITIES,
                "first_serial": next(serials),
                "run_id": secrets.token_hex(4),
            },
        )

    def by_control(changes: int) -> None:
        simulator = stack.simulator
        simulator.burst(changes, entities=BURST_ENTITIES, prefix="sensor.burst")

    if stack.project.source is SourceKind.HOME_ASSISTANT:
        return by_service
    return by_control


def play(
    chapter: Chapter, speaker: Speaker, *, masked: frozenset[str] = frozenset()
) -> list[str]:
    """Return the transcript of a chapter."""
    with Conversation(speaker, Notation(own=_OWN, masked=masked)) as talk:
        chapter(talk)
        return talk.lines


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.__name__)
def test_simulator_says_what_home_assistant_says(
    speakers: Speakers, chapter: Chapter
) -> None:
    """A chapter has the same transcript with both, line by line."""
    real = play(chapter, speakers[SourceKind.HOME_ASSISTANT])
    simulated = play(chapter, speakers[SourceKind.SIMULATOR])
    difference = first_difference(real, simulated)

    assert not difference, difference


@pytest.mark.parametrize("chapter", BURSTS, ids=lambda chapter: chapter.__name__)
def test_simulator_bursts_as_home_assistant_does(
    speakers: Speakers, chapter: Chapter
) -> None:
    """Many changes in one turn come in the same frames, or not at all."""
    real = play(chapter, speakers[SourceKind.HOME_ASSISTANT], masked=_MADE_UP)
    simulated = play(chapter, speakers[SourceKind.SIMULATOR], masked=_MADE_UP)
    difference = first_difference(real, simulated)

    assert not difference, difference


@pytest.mark.parametrize(
    "command",
    [
        "get_config",
        "config/area_registry/list",
        "config/device_registry/list",
        "config/entity_registry/list",
        "config/entity_registry/list_for_display",
        "config/floor_registry/list",
        "config/label_registry/list",
    ],
)
def test_documents_have_the_same_keys_and_types(
    speakers: Speakers, command: str
) -> None:
    """What an installation fills with its own has the same form, in the same order."""
    real = answer_to(command, speakers[SourceKind.HOME_ASSISTANT])
    simulated = answer_to(command, speakers[SourceKind.SIMULATOR])
    difference = first_difference(skeleton(real), skeleton(simulated))

    assert not difference, difference


def test_configurations_agree_in_what_clients_rely_on(speakers: Speakers) -> None:
    """Version, state and history are the same; a component of one is one of both."""
    real = answer_to("get_config", speakers[SourceKind.HOME_ASSISTANT])["result"]
    simulated = answer_to("get_config", speakers[SourceKind.SIMULATOR])["result"]

    assert simulated["version"] == real["version"]
    assert simulated["state"] == real["state"] == "RUNNING"
    assert "history" in simulated["components"]
    assert set(simulated["components"]) <= set(real["components"])


def answer_to(command: str, speaker: Speaker) -> Any:
    """Return the answer to one command without parameters."""
    with Conversation(speaker, Notation(own=_OWN)) as talk:
        talk.sign_in()
        return talk.ask({"id": 1, "type": command})
