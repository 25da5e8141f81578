"""Fire state changes at the source and see what it puts on the wire.

The scripted and the real Home Assistant answer the same REST and WebSocket calls, so
a suite need not know which of the two it talks to.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from websockets.sync.client import ClientConnection, connect

from stackproof import Endpoint

from .errors import BadAnswer, SourceSilent

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CALL_SECONDS = 10.0
_EVENT_SECONDS = 10.0
_MAX_FRAME = 64 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A state change to fire."""

    entity_id: str
    state: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A state change as Home Assistant announced it.

    Attributes:
        time_us: `new_state.last_updated` in microseconds since 1970.
        changed_us: `new_state.last_changed`, the same way.
    """

    entity_id: str
    state: str
    attributes: Mapping[str, Any]
    time_us: int
    changed_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeAssistant:
    """One Home Assistant, real or scripted.

    Attributes:
        endpoint: where the host reaches its port.
        token: a long-lived access token.
    """

    endpoint: Endpoint
    token: str = field(repr=False)

    def set_state(self, change: Change) -> Any:
        """Set a state over REST; return it as Home Assistant has it now.

        Raises:
            BadAnswer: Home Assistant did not take it.
        """
        return self.call(
            f"/api/states/{change.entity_id}",
            {"state": change.state, "attributes": dict(change.attributes)},
        )

    def call(self, path: str, body: Mapping[str, Any]) -> Any:
        """POST a JSON body and return the JSON answer.

        Raises:
            BadAnswer: the status was not 2xx.
        """
        answer = requests.post(
            self.endpoint.url(path),
            json=dict(body),
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=_CALL_SECONDS,
        )
        if not answer.ok:
            raise BadAnswer(answer.url, answer.status_code, answer.text)
        return answer.json()

    def announced(self, change: Change) -> Observed:
        """Fire a change and return it as an independent subscriber sees it.

        Raises:
            SourceSilent: it did not come over the wire.
            BadAnswer: the subscription or the change was refused.
        """
        with connect(
            self.endpoint.url("/api/websocket", scheme="ws"),
            compression=None,
            max_size=_MAX_FRAME,
        ) as socket:
            self._subscribe(socket)
            self.set_state(change)
            return _await_event(socket, lambda seen: seen.entity_id == change.entity_id)

    def _subscribe(self, socket: ClientConnection) -> None:
        _expect(socket, "auth_required")
        _send(socket, {"type": "auth", "access_token": self.token})
        _expect(socket, "auth_ok")
        _send(
            socket,
            {"id": 1, "type": "subscribe_events", "event_type": "state_changed"},
        )
        _expect(socket, "result")


def _send(socket: ClientConnection, message: Mapping[str, Any]) -> None:
    socket.send(json.dumps(message))


def _expect(socket: ClientConnection, kind: str) -> None:
    message = json.loads(socket.recv(timeout=_CALL_SECONDS))
    if message["type"] != kind or message.get("success") is False:
        raise BadAnswer(f"websocket, waiting for {kind}", 0, json.dumps(message))


def _await_event(
    socket: ClientConnection, wanted: Callable[[Observed], bool]
) -> Observed:
    deadline = time.monotonic() + _EVENT_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        try:
            message = json.loads(socket.recv(timeout=left))
        except TimeoutError:
            break
        if message.get("type") != "event":
            continue
        seen = _observed(message["event"]["data"]["new_state"])
        if wanted(seen):
            return seen
    raise SourceSilent("the entity", _EVENT_SECONDS)


def _observed(state: Mapping[str, Any]) -> Observed:
    return Observed(
        entity_id=state["entity_id"],
        state=state["state"],
        attributes=state["attributes"],
        time_us=micros(state["last_updated"]),
        changed_us=micros(state["last_changed"]),
    )


def micros(stamp: str) -> int:
    """Return an ISO 8601 stamp as microseconds since 1970, exactly (pure)."""
    return (datetime.fromisoformat(stamp) - _EPOCH) // timedelta(microseconds=1)
