"""All WebSocket connections: who is there, who is dropped, how they ended."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from ..errors import ControlError
from ..protocol.session import Phase, Session
from ..world.homeassistant import HomeAssistant
from .connection import CLOSED_BY_CORE, Connection, Ending
from .halfopen import HalfOpen

ATTEMPTS_KEPT: Final = 200


class Connections:
    """Accepts, finds and drops connections.

    Args:
        auth_seconds: how long a client may take for its auth message.
        peak_us: how long a client may stay above 1,024 pending messages.
    """

    def __init__(
        self,
        home: HomeAssistant,
        *,
        clock: Callable[[], int],
        auth_seconds: float,
        peak_us: int,
    ) -> None:
        self._home = home
        self._clock = clock
        self._auth_seconds = auth_seconds
        self._peak_us = peak_us
        self._open: dict[int, Connection] = {}
        self._opened = 0
        self._endings: Counter[str] = Counter()
        self._attempts: deque[tuple[int, bool]] = deque(maxlen=ATTEMPTS_KEPT)
        self._pending_peak = 0
        self._half_open = HalfOpen()

    async def accept(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one client until its connection is over."""
        self._opened += 1
        connection = Connection(
            self._opened,
            self._home,
            clock=self._clock,
            auth_seconds=self._auth_seconds,
            peak_us=self._peak_us,
            attempted=self._attempted,
        )
        self._open[connection.number] = connection
        try:
            return await connection.serve(request)
        finally:
            del self._open[connection.number]
            self._endings[str(connection.ending or Ending.CLIENT)] += 1
            peak = connection.session.outbox.peak
            self._pending_peak = max(self._pending_peak, peak)

    def drop(self, ending: Ending, *, number: int | None = None) -> list[int]:
        """Drop one connection, or all; return which.

        Raises:
            ControlError: there is no such connection (status 404).
        """
        chosen = self._choose(number)
        for connection in chosen:
            if ending is Ending.HALF_OPEN and connection.transport is not None:
                self._half_open.keep(connection.transport)
            connection.drop(ending)
        return [connection.number for connection in chosen]

    def abort_closing(self) -> None:
        """Close the sockets whose clients have not answered the close frame."""
        for connection in self._open.values():
            if connection.ending in CLOSED_BY_CORE:
                connection.abort()

    def release_half_open(self) -> int:
        """Close the sockets of half-open connections; return how many."""
        return self._half_open.release()

    def drop_stalled(self, now_us: int) -> None:
        """Drop the clients that stayed above the peak of pending messages."""
        for connection in self._alive():
            if connection.session.outbox.stalled(now_us):
                connection.drop(Ending.STALLED)

    def settle(self) -> None:
        """Bring the wire log up to date and forget what the journal dropped."""
        for connection in self._open.values():
            connection.settle()
        self._home.wire.forget(self._home.journal.first)

    def status(self) -> dict[str, Any]:
        """Return the connections' part of the status document."""
        peaks = [connection.session.outbox.peak for connection in self._open.values()]
        endings = self._endings + Counter(
            str(connection.ending)
            for connection in self._open.values()
            if connection.ending is not None
        )
        return {
            "connections": [connection.status() for connection in self._alive()],
            "connections_opened": self._opened,
            "connections_ended": dict(endings),
            "half_open": len(self._half_open),
            "pending_peak": max([self._pending_peak, *peaks]),
            "auth_attempts": [
                {"at_us": at_us, "accepted": accepted}
                for at_us, accepted in self._attempts
            ],
        }

    def _choose(self, number: int | None) -> list[Connection]:
        alive = self._alive()
        if number is None:
            return alive
        chosen = [connection for connection in alive if connection.number == number]
        if not chosen:
            raise ControlError(404, "no_connection", f"no open connection {number}")
        return chosen

    def _alive(self) -> list[Connection]:
        """Return the connections that nobody has ended yet."""
        return [found for found in self._open.values() if found.ending is None]

    def _attempted(self, session: Session) -> None:
        self._attempts.append((self._clock(), session.phase is Phase.COMMAND))
