"""The frames of the WebSocket API that are not events: results have their id first."""

from __future__ import annotations

from typing import Final

import msgspec

INVALID_FORMAT: Final = "invalid_format"
ID_REUSE: Final = "id_reuse"
NOT_FOUND: Final = "not_found"
UNKNOWN_COMMAND: Final = "unknown_command"


def auth_required(version: str) -> bytes:
    """Return the greeting of a new connection."""
    return msgspec.json.encode({"type": "auth_required", "ha_version": version})


def auth_ok(version: str) -> bytes:
    """Return the answer to a valid token."""
    return msgspec.json.encode({"type": "auth_ok", "ha_version": version})


def auth_invalid(message: str) -> bytes:
    """Return the answer to everything else in the auth phase."""
    return msgspec.json.encode({"type": "auth_invalid", "message": message})


def result(command_id: int, value: bytes = b"null") -> bytes:
    """Return a success result; *value* is JSON."""
    return b'{"id":%d,"type":"result","success":true,"result":%b}' % (command_id, value)


def error(command_id: object, code: str, message: str) -> bytes:
    """Return an error result; *command_id* is whatever the client sent as id."""
    return msgspec.json.encode(
        {
            "id": command_id,
            "type": "result",
            "success": False,
            "error": {"code": code, "message": message},
        }
    )


def pong(command_id: int) -> bytes:
    """Return the answer to `ping`."""
    return b'{"id":%d,"type":"pong"}' % command_id


def stream_event(command_id: int, event: bytes) -> bytes:
    """Return an event of `history/stream`, which has its id first."""
    return b'{"id":%d,"type":"event","event":%b}' % (command_id, event)


def event_tail(command_id: int) -> bytes:
    """Return what ends a bus event for this subscription: there the id is last."""
    return b',"id":%d}' % command_id
