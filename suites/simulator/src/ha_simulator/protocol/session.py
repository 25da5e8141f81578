"""One client's conversation: text in, queued frames out. Does no I/O."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec

from ..errors import AuthRefused, CommandError, Disconnect
from ..world.homeassistant import MATCH_ALL, HomeAssistant
from . import messages
from .commands import COMMANDS, convert
from .history import HISTORY, STREAM, HistoryCommand, HistoryQuery, parse_query
from .outbox import Outbox

AUTH_SECONDS: Final = 10.0
"""Seconds a client has for its auth message (websocket_api, AUTH_MESSAGE_TIMEOUT)."""
_HISTORY_COMMANDS: Final = frozenset({HISTORY, STREAM})


class Phase(StrEnum):
    """Where a connection is."""

    AUTH = "auth"
    COMMAND = "command"
    CLOSED = "closed"


class Session:
    """The server's side of the WebSocket API for one connection.

    Args:
        number: identifies the connection in the ledger and in the status.
        home: the Home Assistant it talks to.
        outbox: where replies and events wait once the client is authenticated.
    """

    def __init__(self, number: int, home: HomeAssistant, outbox: Outbox) -> None:
        self.number = number
        self.home = home
        self.outbox = outbox
        self.phase = Phase.AUTH
        self.coalesce = False
        self.last_id = 0
        self.subscriptions: dict[int, str] = {}

    # -- auth phase --------------------------------------------------------------

    def greeting(self) -> bytes:
        """Return the first frame."""
        return messages.auth_required(self.home.identity.version)

    def authenticate(self, text: str) -> bytes:
        """Take the auth message and return the frame that lets the client in.

        Raises:
            AuthRefused: holds the frame to send before the close.
            Disconnect: it is no JSON.
        """
        try:
            message = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeEncodeError) as err:
            raise Disconnect("Received invalid JSON during auth phase") from err
        problem = _auth_problem(message)
        if problem is not None:
            text = f"Auth message incorrectly formatted: {problem}"
            raise AuthRefused(messages.auth_invalid(text))
        given = message.get("access_token", "")
        if self.home.token is None or not hmac.compare_digest(
            given.encode(), self.home.token.encode()
        ):
            text = "Invalid access token or password"
            raise AuthRefused(messages.auth_invalid(text))
        self.phase = Phase.COMMAND
        self.home.join(self)
        return messages.auth_ok(self.home.identity.version)

    # -- command phase -----------------------------------------------------------

    def receive(self, text: str, now_us: int) -> list[HistoryQuery]:
        """Run one command, or an array of them; return what must be looked up.

        Replies go to the outbox, all within this call, so that an array of
        commands is atomic against events.

        Raises:
            Disconnect: it is no JSON.
        """
        try:
            decoded = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeEncodeError) as err:
            raise Disconnect("Received invalid JSON.") from err
        commands = decoded if isinstance(decoded, list) else [decoded]
        queries: list[HistoryQuery] = []
        for command in commands:
            query = self._run(command, now_us)
            if query is not None:
                queries.append(query)
        return queries

    def close(self) -> None:
        """Leave Home Assistant and drop what is queued; may be called twice."""
        self.phase = Phase.CLOSED
        self.subscriptions.clear()
        self.outbox.close()
        self.home.leave(self)

    # -- what commands and Home Assistant use ------------------------------------

    def subscribe(self, command_id: int, event_type: str) -> None:
        """Start a subscription under the command's id."""
        self.subscriptions[command_id] = event_type
        self.home.reroute()

    def unsubscribe(self, command_id: int) -> bool:
        """End a subscription; False when there is none."""
        if self.subscriptions.pop(command_id, None) is None:
            return False
        self.home.reroute()
        return True

    def wants(self, event_type: str) -> list[bytes]:
        """Return the message tails of the subscriptions that match."""
        return [
            messages.event_tail(command_id)
            for command_id, wanted in self.subscriptions.items()
            if wanted in (event_type, MATCH_ALL)
        ]

    def push(self, message: bytes, now_us: int) -> None:
        """Queue one message that is no journalled event."""
        self.outbox.push(message, now_us)

    def push_events(self, messages: Sequence[bytes], first: int, now_us: int) -> None:
        """Queue the messages of journalled events, whose serials begin at *first*."""
        self.outbox.push_events(messages, first, now_us)

    def streaming(self, command_id: int) -> bool:
        """Tell if the history stream with this id is still wanted."""
        return self.subscriptions.get(command_id) == STREAM

    def _run(self, message: object, now_us: int) -> HistoryQuery | None:
        if (
            not isinstance(message, dict)
            or type(message.get("id")) is not int
            or message["id"] <= 0
            or not isinstance(message.get("type"), str)
            or not message["type"]
        ):
            command_id = message.get("id") if isinstance(message, dict) else 0
            self._fail(
                command_id,
                messages.INVALID_FORMAT,
                "Message incorrectly formatted.",
                now_us,
            )
            return None
        command_id = message["id"]
        if command_id <= self.last_id:
            text = "Identifier values have to increase."
            self._fail(command_id, messages.ID_REUSE, text, now_us)
            return None
        name = message["type"]
        historic = name in _HISTORY_COMMANDS and self.home.history_loaded
        if not historic and name not in COMMANDS:
            text = "Unknown command."
            self._fail(command_id, messages.UNKNOWN_COMMAND, text, now_us)
            return None
        self.last_id = command_id
        try:
            if historic:
                return self._history(message, now_us)
            self.push(COMMANDS[name](self, message), now_us)
        except CommandError as err:
            self._fail(command_id, err.code, err.message, now_us)
        return None

    def _history(self, message: dict[str, Any], now_us: int) -> HistoryQuery | None:
        command = convert(message, HistoryCommand)
        self.home.recorder.advance(now_us)
        query = parse_query(self.home, command, now_us)
        if query is None:
            self.push(messages.result(command.id, value=b"{}"), now_us)
        elif query.stream:
            self.subscriptions[command.id] = STREAM
            self.push(messages.result(command.id), now_us)
        return query

    def _fail(self, command_id: object, code: str, text: str, now_us: int) -> None:
        self.push(messages.error(command_id, code, text), now_us)


def _auth_problem(message: object) -> str | None:
    """Return what is wrong with the form of an auth message, None if nothing is.

    The words and their order are those of Home Assistant's schema library.
    """
    if not isinstance(message, dict):
        return f"expected a dictionary. Got {message!r}"
    problems = [
        f"extra keys not allowed @ data['{key}']. Got {message[key]!r}"
        for key in message
        if key not in ("type", "access_token", "api_password")
    ]
    if "type" not in message:
        problems.append("required key not provided @ data['type']. Got None")
    elif message["type"] != "auth":
        problems.append(_wrong("not a valid value", message, "type"))
    given = [key for key in ("access_token", "api_password") if key in message]
    problems += [
        _wrong("expected str", message, key)
        for key in given
        if not isinstance(message[key], str)
    ]
    if len(given) > 1:
        problems.append(
            "two or more values in the same group of exclusion 'auth' @ data[<auth>]"
        )
    return "\n".join(sorted(problems)) or None


def _wrong(text: str, message: dict[str, Any], key: str) -> str:
    return f"{text} for dictionary value @ data['{key}']. Got {message[key]!r}"
