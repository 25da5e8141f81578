"""Tests of the commands that answer at once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ha_simulator.errors import CommandError
from ha_simulator.protocol.commands import COMMANDS
from ha_simulator.world.homeassistant import HomeAssistant


class Caller:
    """The part of a session that commands use."""

    def __init__(self, home: HomeAssistant) -> None:
        self.home = home
        self.coalesce = False
        self.subscribed: list[tuple[int, str]] = []

    def subscribe(self, command_id: int, event_type: str) -> None:
        """Keep it."""
        self.subscribed.append((command_id, event_type))

    def unsubscribe(self, command_id: int) -> bool:
        """Know 3 only."""
        return command_id == 3


@pytest.fixture
def caller(home: HomeAssistant) -> Caller:
    """Give a caller."""
    return Caller(home)


def run(caller: Caller, name: str, **fields: Any) -> Any:
    """Run one command and decode its reply."""
    message = {"id": 6, "type": name, **fields}
    return msgspec.json.decode(COMMANDS[name](caller, message))


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        ("ping", {"id": 6, "type": "pong"}),
        ("get_states", {"id": 6, "type": "result", "success": True, "result": []}),
        (
            "config/entity_registry/list",
            {"id": 6, "type": "result", "success": True, "result": []},
        ),
        (
            "recorder/info",
            {
                "id": 6,
                "type": "result",
                "success": True,
                "result": {
                    "backlog": 0,
                    "db_in_default_location": True,
                    "max_backlog": 65_000,
                    "migration_in_progress": False,
                    "migration_is_live": False,
                    "recording": True,
                    "thread_running": True,
                },
            },
        ),
    ],
)
def test_plain_commands_answer(caller: Caller, name: str, reply: Any) -> None:
    """Commands without parameters have their reply."""
    assert run(caller, name) == reply


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_unknown_fields_are_invalid_format(caller: Caller, name: str) -> None:
    """No command takes a field that it does not know."""
    with pytest.raises(CommandError) as caught:
        run(caller, name, surprise=1)
    assert caught.value.code == "invalid_format"


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("supported_features", {}),
        ("supported_features", {"features": {"coalesce_messages": "yes"}}),
        ("subscribe_events", {"event_type": 5}),
        ("unsubscribe_events", {}),
        ("unsubscribe_events", {"subscription": "x"}),
        ("unsubscribe_events", {"subscription": None}),
        ("unsubscribe_events", {"subscription": -1}),
    ],
)
def test_wrong_fields_are_invalid_format(
    caller: Caller, name: str, fields: dict[str, Any]
) -> None:
    """A missing field or one of a wrong type is refused."""
    with pytest.raises(CommandError) as caught:
        run(caller, name, **fields)
    assert caught.value.code == "invalid_format"


@pytest.mark.parametrize(
    ("features", "coalesce"),
    [
        ({"coalesce_messages": 1}, True),
        ({"coalesce_messages": 0}, True),
        ({"other": 1}, False),
        ({}, False),
    ],
)
def test_naming_the_feature_switches_coalescing(
    caller: Caller, *, features: dict[str, int], coalesce: bool
) -> None:
    """The key counts and not its number; a later command without it switches off."""
    caller.coalesce = True
    run(caller, "supported_features", features=features)

    assert caller.coalesce is coalesce


def test_subscription_defaults_to_all_types(caller: Caller) -> None:
    """Without event_type the subscription matches everything."""
    run(caller, "subscribe_events")

    assert caller.subscribed == [(6, "*")]


def test_config_has_place_version_and_state(caller: Caller) -> None:
    """get_config says where the home is, what runs and in which state."""
    found = run(caller, "get_config")["result"]

    assert found["latitude"] == 52.3731
    assert found["longitude"] == 4.8903
    assert (found["version"], found["state"]) == ("2026.2.3", "RUNNING")
    assert {"recorder", "history"} <= set(found["components"])


def test_components_lack_history_until_it_is_loaded(caller: Caller) -> None:
    """A client can see from get_config that history is not there yet."""
    caller.home.history_loaded = False

    assert "history" not in run(caller, "get_config")["result"]["components"]


def test_entries_of_named_entities_are_null(caller: Caller) -> None:
    """There are no registry entries, so each named entity has none."""
    found = run(caller, "config/entity_registry/get_entries", entity_ids=["a.b"])

    assert found["result"] == {"a.b": None}
