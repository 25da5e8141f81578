"""The commands that answer at once: a table from type to a function.

A function gets the session and the decoded message and returns the reply frame.
`history/*` is in `session`, because it answers later.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import msgspec

from ..errors import CommandError
from ..world.homeassistant import MATCH_ALL, CoreState, HomeAssistant
from . import messages

BASE_COMPONENTS = ("api", "auth", "config", "http", "recorder", "sensor")
MAX_BACKLOG = 65_000
"""Rows the real recorder queues before it gives up (recorder, MAX_QUEUE_BACKLOG)."""

T = TypeVar("T", bound=msgspec.Struct)


class Client(Protocol):
    """What a command may see and change of its session."""

    home: HomeAssistant
    coalesce: bool

    def subscribe(self, command_id: int, event_type: str) -> None:
        """Start a subscription under the command's id."""

    def unsubscribe(self, command_id: int) -> bool:
        """End a subscription; False when there is none."""


class Plain(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A command without parameters."""

    id: int
    type: str


class SupportedFeatures(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`supported_features`."""

    id: int
    type: str
    features: dict[str, int]


class SubscribeEvents(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`subscribe_events`."""

    id: int
    type: str
    event_type: str = MATCH_ALL


class UnsubscribeEvents(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`unsubscribe_events`."""

    id: int
    type: str
    subscription: Any


class GetEntries(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`config/entity_registry/get_entries`."""

    id: int
    type: str
    entity_ids: list[str]


def convert(message: dict[str, Any], kind: type[T]) -> T:
    """Check a message against the command's fields.

    Raises:
        CommandError: invalid_format.
    """
    try:
        return msgspec.convert(message, kind)
    except msgspec.ValidationError as err:
        raise CommandError(messages.INVALID_FORMAT, str(err)) from err


def positive_int(value: Any) -> int:
    """Coerce a number or text as Home Assistant's `positive_int` does; 0 is one.

    Raises:
        CommandError: invalid_format.
    """
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError) as err:
        raise CommandError(messages.INVALID_FORMAT, "expected int") from err
    if number < 0:
        raise CommandError(messages.INVALID_FORMAT, "value must be at least 0")
    return number


def ping(_: Client, message: dict[str, Any]) -> bytes:
    """Answer `ping` with a pong, which is no result."""
    return messages.pong(convert(message, Plain).id)


def supported_features(client: Client, message: dict[str, Any]) -> bytes:
    """Switch coalescing on when the client names it, whatever its number says."""
    command = convert(message, SupportedFeatures)
    client.coalesce = "coalesce_messages" in command.features
    return messages.result(command.id)


def subscribe_events(client: Client, message: dict[str, Any]) -> bytes:
    """Subscribe to one event type, or to all."""
    command = convert(message, SubscribeEvents)
    client.subscribe(command.id, command.event_type)
    return messages.result(command.id)


def unsubscribe_events(client: Client, message: dict[str, Any]) -> bytes:
    """End a subscription of this connection."""
    command = convert(message, UnsubscribeEvents)
    if not client.unsubscribe(positive_int(command.subscription)):
        raise CommandError(messages.NOT_FOUND, "Subscription not found.")
    return messages.result(command.id)


def get_states(client: Client, message: dict[str, Any]) -> bytes:
    """Return all states of this moment."""
    return messages.result(
        convert(message, Plain).id, value=client.home.states.snapshot()
    )


def get_config(client: Client, message: dict[str, Any]) -> bytes:
    """Return the configuration."""
    value = msgspec.json.encode(config(client.home))
    return messages.result(convert(message, Plain).id, value=value)


def config(home: HomeAssistant) -> dict[str, Any]:
    """Return the configuration as the WebSocket and the REST API show it."""
    components = list(BASE_COMPONENTS)
    if home.history_loaded:
        components.append("history")
    identity = home.identity
    return {
        "allowlist_external_dirs": [],
        "allowlist_external_urls": [],
        "components": components,
        "config_dir": "/config",
        "config_source": "storage",
        "country": "NL",
        "currency": "EUR",
        "debug": False,
        "elevation": 0,
        "external_url": None,
        "internal_url": None,
        "language": "en",
        "latitude": identity.latitude,
        "location_name": identity.location_name,
        "longitude": identity.longitude,
        "radius": 100,
        "recovery_mode": False,
        "safe_mode": False,
        "state": str(home.core_state),
        "time_zone": "UTC",
        "unit_system": {
            "length": "km",
            "accumulated_precipitation": "mm",
            "area": "m²",
            "mass": "g",
            "pressure": "Pa",
            "temperature": "°C",
            "volume": "L",
            "wind_speed": "m/s",
        },
        "version": identity.version,
        "whitelist_external_dirs": [],
    }


def recorder_info(client: Client, message: dict[str, Any]) -> bytes:
    """Return the recorder's status; its backlog is 0 while rows wait for a commit."""
    info = {
        "backlog": 0,
        "db_in_default_location": True,
        "max_backlog": MAX_BACKLOG,
        "migration_in_progress": False,
        "migration_is_live": False,
        "recording": client.home.core_state is not CoreState.DOWN,
        "thread_running": True,
    }
    return messages.result(convert(message, Plain).id, value=msgspec.json.encode(info))


def empty_list(_: Client, message: dict[str, Any]) -> bytes:
    """Answer a registry list: this installation has no registry entries."""
    return messages.result(convert(message, Plain).id, value=b"[]")


def list_for_display(_: Client, message: dict[str, Any]) -> bytes:
    """Answer the entity registry in its short form."""
    value = {"entity_categories": {"0": "config", "1": "diagnostic"}, "entities": []}
    return messages.result(convert(message, Plain).id, value=msgspec.json.encode(value))


def get_entries(_: Client, message: dict[str, Any]) -> bytes:
    """Answer registry entries of named entities: there are none."""
    command = convert(message, GetEntries)
    value = dict.fromkeys(command.entity_ids)
    return messages.result(command.id, value=msgspec.json.encode(value))


COMMANDS: dict[str, Callable[[Client, dict[str, Any]], bytes]] = {
    "config/area_registry/list": empty_list,
    "config/device_registry/list": empty_list,
    "config/entity_registry/get_entries": get_entries,
    "config/entity_registry/list": empty_list,
    "config/entity_registry/list_for_display": list_for_display,
    "config/floor_registry/list": empty_list,
    "config/label_registry/list": empty_list,
    "get_config": get_config,
    "get_states": get_states,
    "ping": ping,
    "recorder/info": recorder_info,
    "subscribe_events": subscribe_events,
    "supported_features": supported_features,
    "unsubscribe_events": unsubscribe_events,
}
