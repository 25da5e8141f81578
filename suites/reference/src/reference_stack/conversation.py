"""Talk to one Home Assistant over all its ways, and write down what is said."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from .homeassistant import HomeAssistant
from .transcript import Notation

_ANSWER_SECONDS: Final = 15.0
_MAX_FRAME: Final = 64 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """One Home Assistant, real or scripted, and how to make it talk a lot.

    Attributes:
        burst: sets this many states of 10 entities, `sensor.burst_0` and so on, in one
            turn of its event loop.
        past: for some entities, the times of the changes that its recorder knows.
    """

    home: HomeAssistant
    burst: Callable[[int], None]
    past: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Conversation:
    """A transcript in the making.

    Each call waits for what it names, so the order of the lines is the script's. A
    speaker that stays silent ends the script with `TimeoutError`.

    Attributes:
        lines: what was said so far, one frame or answer a line.
    """

    def __init__(self, speaker: Speaker, notation: Notation) -> None:
        self.lines: list[str] = []
        self.home = speaker.home
        self.burst = speaker.burst
        self.past = speaker.past
        self._notation = notation
        self._cleanup = ExitStack()
        self._socket: ClientConnection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up."""
        self._cleanup.close()

    def connect(self) -> None:
        """Open a WebSocket, instead of the one before if there is one."""
        self._cleanup.close()
        self._socket = self._cleanup.enter_context(
            connect(
                self.home.endpoint.url("/api/websocket", scheme="ws"),
                compression=None,
                max_size=_MAX_FRAME,
                proxy=None,
            )
        )
        self.lines.append("-- connected")

    def sign_in(self) -> None:
        """Connect and get through the auth phase."""
        self.connect()
        self.hear()
        self.ask({"type": "auth", "access_token": self.home.token})

    def say(self, document: Any) -> None:
        """Send one frame: a message, or a list of them."""
        self.lines.append(f"-> {self._notation.write(document)}")
        self._socket.send(json.dumps(document))

    def say_raw(self, text: str | bytes) -> None:
        """Send one frame that is no JSON."""
        self.lines.append(f"-> raw {text!r}")
        self._socket.send(text)

    def hear(self) -> Any:
        """Wait for one frame and return it decoded.

        Raises:
            TimeoutError: none came.
            ConnectionClosed: the other side ended the connection.
        """
        frame = json.loads(self._socket.recv(timeout=_ANSWER_SECONDS))
        self.lines.append(f"<- {self._notation.write(frame)}")
        return frame

    def hear_messages(self, count: int) -> None:
        """Wait for so many messages, in however many frames."""
        heard = 0
        while heard < count:
            frame = self.hear()
            heard += len(frame) if isinstance(frame, list) else 1

    def hear_end(self) -> None:
        """Wait until the other side ends the connection."""
        try:
            while True:
                self.hear()
        except ConnectionClosed as end:
            told = end.rcvd
        how = f"{told.code} {told.reason!r}" if told else "1006, no close frame"
        self.lines.append(f"-- closed: {how}")

    def ask(self, document: Any) -> Any:
        """Send one frame and return the one that answers."""
        self.say(document)
        return self.hear()

    def rest(
        self, method: str, path: str, body: Any = None, *, authorized: bool = True
    ) -> Any:
        """Call the REST API and return the JSON answer, None if it is no JSON.

        Args:
            method: GET, POST and so on.
            path: below the root of the server.
            body: sent as JSON; a text is sent as it is.
            authorized: send the token.
        """
        text = body if isinstance(body, str) or body is None else json.dumps(body)
        self.lines.append(f"-> {method} {path} {text}")
        token = self.home.token if authorized else "wrong"
        answer = requests.request(
            method,
            self.home.endpoint.url(path),
            data=text,
            headers={"Authorization": f"Bearer {token}"},
            timeout=_ANSWER_SECONDS,
        )
        kind = answer.headers["Content-Type"]
        place = answer.headers.get("Location")
        told = answer.json() if kind == "application/json" else answer.text
        self.lines.append(
            f"<- {answer.status_code} {kind} {place} {self._notation.write(told)}"
        )
        return told
