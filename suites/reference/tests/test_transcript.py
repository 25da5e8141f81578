"""Tests of the notation in which transcripts are compared."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reference_stack.transcript import (
    Notation,
    first_difference,
    shifted,
    skeleton,
    to_iso,
    to_seconds,
)

EARLY = "2026-11-23T14:47:56.311149+00:00"
LATE = "2026-11-23T14:47:57+00:00"
CONTEXT = "01M84PEBE2GTB558K8SMZNXJ4E"


@pytest.fixture
def notation() -> Notation:
    """Give a notation in which the entities `sensor.own_…` are the script's."""
    return Notation(own="own_")


def written(notation: Notation, document: Any) -> Any:
    """Return a document as it is written down, decoded again."""
    return json.loads(notation.write(document))


def test_equal_times_have_equal_names(notation: Notation) -> None:
    """Names follow the first appearance, in a text as in seconds."""
    first = written(notation, {"last_updated": LATE, "last_changed": EARLY})
    second = written(notation, {"lu": to_seconds(LATE), "time_fired": EARLY})

    assert first == {"last_updated": "<time 1>", "last_changed": "<time 2>"}
    assert second == {"lu": "<time 1> in seconds", "time_fired": "<time 2>"}


@pytest.mark.parametrize(
    "value",
    ["2026-11-23T14:47:56.311+00:00", "2026-11-23T14:47:56", "2026-13-01", 5, None],
)
def test_a_time_in_another_form_stays_visible(notation: Notation, value: Any) -> None:
    """Only the exact form of Home Assistant's times is replaced."""
    assert written(notation, {"time_fired": value}) == {"time_fired": value}


def test_ids_users_versions_and_tokens_are_named(notation: Notation) -> None:
    """Command ids stay, ids of contexts do not."""
    document = {
        "id": 5,
        "context": {"id": CONTEXT, "parent_id": None, "user_id": "a" * 32},
        "ha_version": "2026.2.3",
        "access_token": "secret",
    }

    assert written(notation, document) == {
        "id": 5,
        "context": {"id": "<context 1>", "parent_id": None, "user_id": "<user 1>"},
        "ha_version": "<version>",
        "access_token": "<token>",
    }


def test_order_of_keys_and_shape_of_frames_are_kept(notation: Notation) -> None:
    """An id that comes last stays there, and an array stays an array."""
    assert notation.write({"b": 1, "id": 2}) == '{"b": 1, "id": 2}'
    assert notation.write({"id": 2, "b": 1}) != notation.write({"b": 1, "id": 2})
    assert notation.write([{"id": 2}]) == '[{"id": 2}]'


@pytest.mark.parametrize(
    ("code", "message", "kept"),
    [
        ("invalid_format", "expected str @ data['x']", "<why>"),
        ("invalid_format", "Message incorrectly formatted.", None),
        ("not_found", "Subscription not found.", None),
    ],
)
def test_words_of_the_schema_library_are_left_out(
    notation: Notation, code: str, message: str, kept: str | None
) -> None:
    """Texts that Home Assistant fixes are kept."""
    error = {"code": code, "message": message}

    assert written(notation, error) == {"code": code, "message": kept or message}


def test_states_of_others_are_left_out(notation: Notation) -> None:
    """A list keeps the script's own entities, and whatever is no state."""
    states = [{"entity_id": "zone.home"}, {"entity_id": "sensor.own_a"}, 5]

    assert written(notation, states) == [{"entity_id": "sensor.own_a"}, 5]


def test_masked_values_are_hidden_but_not_missing() -> None:
    """A value that a test made up is named after its key; null stays null."""
    notation = Notation(own="", masked=frozenset({"state"}))

    assert written(notation, {"state": "1"}) == {"state": "<state>"}
    assert written(notation, {"state": None}) == {"state": None}


def test_times_are_exact_to_the_microsecond() -> None:
    """Text, seconds and shifts agree."""
    assert to_iso(to_seconds(EARLY)) == EARLY
    assert shifted(LATE, -1) == "2026-11-23T14:47:56.999999+00:00"
    assert shifted(shifted(LATE, -1), 1) == LATE


def test_skeleton_has_keys_and_types() -> None:
    """The values and what lists hold do not matter; the order of keys does."""
    assert skeleton({"a": 1, "b": {"c": [1]}}) == [".a int", ".b.c list"]
    assert skeleton({"a": 2, "b": {"c": []}}) == [".a int", ".b.c list"]
    assert skeleton({"b": {"c": []}, "a": 2}) == [".b.c list", ".a int"]


def test_equal_transcripts_have_no_difference() -> None:
    """Nothing is said then."""
    assert first_difference(["a", "b"], ["a", "b"]) == ""


@pytest.mark.parametrize(
    ("real", "simulated", "expected"),
    [
        (["a", "b"], ["a", "c"], "line 2"),
        (["a"], ["a", "b"], "Home Assistant: (nothing more)"),
        (["a", "b"], ["a"], "simulator: (nothing more)"),
        (["x" * 100 + "1"], ["x" * 100 + "2"], "line 1, character 40"),
    ],
)
def test_first_difference_is_told(
    real: list[str], simulated: list[str], expected: str
) -> None:
    """The message has the line, the place in it and both sides."""
    assert expected in first_difference(real, simulated)
