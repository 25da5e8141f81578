"""The protocol of Home Assistant's WebSocket API without a socket.

Frames go in by `receive`, frames to send come out of `data_to_send`. Messages:
Home Assistant, components/websocket_api (http.py, auth.py, messages.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import msgspec

from servicekit.wire import Source

from .errors import AuthRejected, CommandRefused, FrameUnreadable, ProtocolViolation
from .frames import Content, Message, Part, Problem, inspect, snapshot_parts
from .history import snapshot_times

__all__ = [
    "Answer",
    "Command",
    "Described",
    "Live",
    "Note",
    "Notice",
    "Phase",
    "Session",
    "Snapshot",
    "Subscribed",
]


class Phase(StrEnum):
    """How far the conversation is."""

    GREETING = "greeting"
    AUTHENTICATING = "authenticating"
    SUBSCRIBING = "subscribing"
    STREAMING = "streaming"
    LEAVING = "leaving"
    CLOSED = "closed"


class Command(StrEnum):
    """What is asked of Home Assistant."""

    SUPPORTED_FEATURES = "supported_features"
    SUBSCRIBE_EVENTS = "subscribe_events"
    GET_STATES = "get_states"
    GET_CONFIG = "get_config"
    UNSUBSCRIBE_EVENTS = "unsubscribe_events"
    HISTORY = "history/history_during_period"
    PING = "ping"


@dataclass(frozen=True, slots=True)
class Subscribed:
    """From here on every state change is sent to us."""

    ha_version: str


@dataclass(frozen=True, slots=True)
class Live:
    """A frame with state changes, to be stored as it is."""

    events: int
    payload: bytes
    last_event_us: int
    first_event_us: int = 0
    entity_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All present states, in parts; `updated_us` tells when each last changed."""

    parts: tuple[Part, ...]
    updated_us: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Described:
    """What Home Assistant said about itself.

    `running` is False while it starts or stops; `history` tells if its history can
    be asked for.
    """

    source: Source
    running: bool = True
    history: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a command that was sent by `Session.ask`."""

    number: int
    result: msgspec.Raw
    problem: Problem | None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to write to the log that changes nothing."""

    name: str
    detail: str


Note = Subscribed | Live | Snapshot | Described | Answer | Notice


class _Config(msgspec.Struct):
    """The part of get_config's result that is of use."""

    latitude: float | None = None
    longitude: float | None = None
    version: str | None = None
    components: list[str] = []
    state: str = "RUNNING"


_SUBSCRIPTION: Final[tuple[tuple[Command, dict[str, Any]], ...]] = (
    (Command.SUPPORTED_FEATURES, {"features": {"coalesce_messages": 1}}),
    (Command.SUBSCRIBE_EVENTS, {"event_type": "state_changed"}),
    (Command.GET_STATES, {}),
    (Command.GET_CONFIG, {}),
)
"""Sent as one array: Home Assistant runs it without a pause, so that no change
falls between the subscription and the snapshot."""


class Session:
    """What to answer Home Assistant, given what it has said so far. Does no I/O."""

    def __init__(self, token: str) -> None:
        self.phase = Phase.GREETING
        self._token = token
        self._version = ""
        self._last_id = 0
        self._subscription = 0
        self._asked: dict[int, Command] = {}
        self._outbox: list[str] = []

    def receive(self, frame: bytes) -> list[Note]:
        """Take one frame; return what happened, in order.

        Raises:
            AuthRejected: the token is not accepted.
            CommandRefused: the subscription is not granted.
            ProtocolViolation: the frame is no JSON or does not fit the phase.
        """
        try:
            content = inspect(frame)
            live = self._live(content)
            notes: list[Note] = []
            for message in content.control:
                notes += self._step(message)
        except FrameUnreadable as err:
            raise ProtocolViolation(self.phase, err.reason) from err
        if content.unreadable:
            notes.append(Notice("message.unreadable", f"{content.unreadable} ignored"))
        return notes + live

    @property
    def has_data_to_send(self) -> bool:
        """True if `data_to_send` would return something."""
        return bool(self._outbox)

    def data_to_send(self) -> list[str]:
        """Return the text frames to send, in order, and forget them."""
        waiting, self._outbox = self._outbox, []
        return waiting

    def ping(self) -> None:
        """Ask for a sign of life."""
        self._say(self._command(Command.PING))

    def ask(self, command: Command, fields: dict[str, Any]) -> int:
        """Ask for something else; return the number that its answer will have."""
        message = self._command(command, fields)
        self._say(message)
        return int(message["id"])

    def leave(self) -> None:
        """Ask for the end of the stream; everything before its answer is stored."""
        if self.phase is not Phase.STREAMING:
            self.phase = Phase.CLOSED
            return
        self.phase = Phase.LEAVING
        subscription = {"subscription": self._subscription}
        self._say(self._command(Command.UNSUBSCRIBE_EVENTS, subscription))

    def _live(self, content: Content) -> list[Note]:
        if not content.events:
            return []
        if self.phase not in (Phase.SUBSCRIBING, Phase.STREAMING, Phase.LEAVING):
            raise ProtocolViolation(self.phase, "an event before the subscription")
        return [
            Live(
                content.events,
                content.payload,
                content.last_event_us,
                content.first_event_us,
                content.entity_ids,
            )
        ]

    def _step(self, message: Message) -> list[Note]:
        match self.phase, message.type:
            case Phase.GREETING, "auth_required":
                self._version = message.ha_version
                self._say({"type": "auth", "access_token": self._token})
                self.phase = Phase.AUTHENTICATING
                return []
            case Phase.AUTHENTICATING, "auth_invalid":
                self.phase = Phase.CLOSED
                raise AuthRejected(message.message)
            case Phase.AUTHENTICATING, "auth_ok":
                self._version = message.ha_version or self._version
                self._subscribe()
                return []
            case Phase.SUBSCRIBING | Phase.STREAMING | Phase.LEAVING, "result":
                return self._result(message)
            case Phase.SUBSCRIBING | Phase.STREAMING | Phase.LEAVING, "pong":
                self._asked.pop(message.id or 0, None)
                return []
            case Phase.SUBSCRIBING | Phase.STREAMING | Phase.LEAVING, _:
                return [Notice("message.ignored", message.type[:40])]
            case _:
                raise ProtocolViolation(self.phase, f"message {message.type[:40]!r}")

    def _result(self, message: Message) -> list[Note]:
        command = self._asked.pop(message.id or 0, None)
        refused = message.success is not True
        problem = message.error
        reason = f"{problem.code}: {problem.message}" if problem else "no reason"
        match command:
            case Command.UNSUBSCRIBE_EVENTS:
                # Refused or not: what was sent before this answer has arrived.
                self.phase = Phase.CLOSED
                return []
            case Command.SUBSCRIBE_EVENTS if refused:
                self.phase = Phase.CLOSED
                code = problem.code if problem else "refused"
                raise CommandRefused(command, code, problem.message if problem else "")
            case None:
                return [Notice("result.unexpected", f"id {message.id}")]
            case Command.HISTORY:
                answer = problem or Problem("refused") if refused else None
                return [Answer(message.id or 0, message.result, answer)]
            case Command.GET_STATES if refused:
                notice = Notice("command.refused", f"{command}: {reason}")
                return [notice, Snapshot(())]
            case _ if refused:
                return [Notice("command.refused", f"{command}: {reason}")]
            case Command.SUBSCRIBE_EVENTS:
                if self.phase is Phase.SUBSCRIBING:
                    self.phase = Phase.STREAMING
                return [Subscribed(self._version)]
            case Command.GET_STATES:
                states = message.result
                return [Snapshot(tuple(snapshot_parts(states)), snapshot_times(states))]
            case Command.GET_CONFIG:
                return self._describe(message.result)
            case _:
                return []

    def _describe(self, result: msgspec.Raw) -> list[Note]:
        try:
            config = msgspec.json.decode(result, type=_Config)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
            return [Notice("config.unreadable", str(err))]
        version = config.version or self._version or None
        source = Source(config.latitude, config.longitude, version)
        has_history = "history" in config.components
        return [Described(source, config.state == "RUNNING", has_history)]

    def _subscribe(self) -> None:
        commands = [self._command(name, more) for name, more in _SUBSCRIPTION]
        self._subscription = commands[1]["id"]
        self._say(commands)
        self.phase = Phase.SUBSCRIBING

    def _command(
        self, name: Command, more: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return a command with the next id; ids must increase on a connection."""
        self._last_id += 1
        self._asked[self._last_id] = name
        return {"id": self._last_id, "type": name, **(more or {})}

    def _say(self, message: object) -> None:
        self._outbox.append(msgspec.json.encode(message).decode())
