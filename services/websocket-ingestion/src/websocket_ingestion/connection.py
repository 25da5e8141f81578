"""The socket to Home Assistant: connect, listen, come back after a loss.

What is said is the session's business; this module moves frames between the
socket, the session and the spool, and decides when to try again.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, cast

import aiohttp
import structlog

from servicekit.health import STARTING, Health, Status, iso
from servicekit.lifecycle import pause
from servicekit.retry import delays
from servicekit.settings import redact
from servicekit.wire import Origin, Source

from .conversation import Conversation
from .errors import (
    AuthRejected,
    ConnectionLost,
    ProtocolViolation,
    SessionError,
    SpoolError,
)
from .ledger import Arrival
from .session import (
    Answer,
    Described,
    Live,
    Note,
    Notice,
    Phase,
    Session,
    Snapshot,
    Subscribed,
)
from .spool import Spool
from .unread import unread_bytes

__all__ = ["Connection", "ConnectionView", "HomeAssistant"]

_AUTH_HINT: Final = (
    "check HA_ACCESS_TOKEN (or HA_ACCESS_TOKEN_FILE): it must be a long-lived access"
    " token of this Home Assistant"
)

_log = structlog.get_logger(__name__)

Socket = aiohttp.ClientWebSocketResponse[Literal[False]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeAssistant:
    """Where Home Assistant is and how patient to be with it; times in seconds.

    A connection counts as stable after `stable_seconds`: then the delay before
    the next attempt begins small again. `leave_seconds` bounds the good-bye.
    """

    url: str
    token: str
    ping_seconds: float = 20.0
    handshake_seconds: float = 30.0
    reconnect_first_seconds: float = 0.5
    reconnect_max_seconds: float = 30.0
    auth_retry_seconds: float = 60.0
    stable_seconds: float = 30.0
    leave_seconds: float = 0.5


class ConnectionView(NamedTuple):
    """The connection as /v1/stats shows it."""

    phase: str
    url: str
    ha_version: str | None
    since: str
    reconnects: int
    last_event_at: str | None
    last_error: str | None


class Connection:
    """Keeps one conversation with Home Assistant going."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        spool: Spool,
        health: Health,
        options: HomeAssistant,
        *,
        on_subscribed: Callable[[Conversation], Awaitable[None]],
        jitter: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._spool = spool
        self._health = health
        self._options = options
        self._on_subscribed = on_subscribed
        self._jitter = jitter
        self._clock = clock
        self._monotonic = monotonic
        self._shown_url = redact(options.url)
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._socket: Socket | None = None
        self._protocol = Session(options.token)
        self._conversation: Conversation | None = None
        self._sending = asyncio.Lock()
        self._pinged = False
        self._renewing = ""
        self._subscribed_at: float | None = None
        self._subscriptions = 0
        self._state = "disconnected"
        self._since = clock()
        self._last_error: str | None = None
        self._ended_by = ""
        self._ha_version: str | None = None
        self.source = Source()

    def view(self) -> ConnectionView:
        """Return the state of the connection now."""
        talking = self._socket is not None
        last_us = self._spool.view().counters.last_event_us
        return ConnectionView(
            phase=self._protocol.phase.value if talking else self._state,
            url=self._shown_url,
            ha_version=self._ha_version,
            since=iso(self._since),
            reconnects=max(0, self._subscriptions - 1),
            last_event_at=iso(last_us / 1e6) if last_us else None,
            last_error=self._last_error,
        )

    @property
    def unread_bytes(self) -> int:
        """What Home Assistant has sent and nobody has read yet."""
        socket = self._socket
        return unread_bytes(socket.get_extra_info("socket")) if socket else 0

    async def run(self) -> None:
        """Connect, listen and connect again until `stop`."""
        self._task = cast("asyncio.Task[None] | None", asyncio.current_task())
        waits = self._waits()
        while not self._stop.is_set():
            await self._wait_for_spool()
            self._subscribed_at = None
            try:
                await self._converse()
            except AuthRejected as error:
                self._lost("auth_invalid", f"{error}; {_AUTH_HINT}", str(error))
                await pause(self._stop, self._options.auth_retry_seconds)
            except (ConnectionLost, SessionError) as error:
                cause = error if isinstance(error, ConnectionLost) else self._at(error)
                self._lost("ha_unreachable", str(cause), cause.cause)
                if self._was_stable():
                    waits = self._waits()
                await pause(self._stop, next(waits))

    async def renew(self, reason: str) -> None:
        """Leave in order and come back at once, for a new snapshot."""
        if self._socket is not None and self._protocol.phase is Phase.STREAMING:
            _log.info("connection.leaving", reason=reason)
            self._renewing = reason
            self._protocol.leave()
            with suppress(aiohttp.ClientError, OSError):
                await self._send(self._socket)

    async def stop(self) -> None:
        """Say good-bye, store what Home Assistant sent before it, end `run`."""
        self._stop.set()
        if self._task is None or self._task.done():
            return
        if self._socket is not None and self._protocol.phase is Phase.STREAMING:
            self._protocol.leave()
            with suppress(aiohttp.ClientError, OSError):
                await self._send(self._socket)
            await asyncio.wait({self._task}, timeout=self._options.leave_seconds)
        self._task.cancel()
        await asyncio.wait({self._task})

    def _waits(self) -> Iterator[float]:
        first, most = (
            self._options.reconnect_first_seconds,
            self._options.reconnect_max_seconds,
        )
        return delays(first, most, jitter=self._jitter)

    def _was_stable(self) -> bool:
        began = self._subscribed_at
        if began is None:
            return False
        return self._monotonic() - began >= self._options.stable_seconds

    async def _wait_for_spool(self) -> None:
        await self._spool.wait_open()
        if not self._spool.accepting:
            self._become("paused")
            if self._spool.full:
                self._health.clear(STARTING)
            await self._spool.wait_accepting()

    async def _converse(self) -> None:
        """Hold one conversation, from the connection to the good-bye."""
        self._become("connecting")
        self._protocol = Session(self._options.token)
        self._pinged = False
        self._renewing = ""
        try:
            async with (
                asyncio.timeout(self._options.handshake_seconds) as handshake,
                self._connected() as socket,
            ):
                while self._protocol.phase is not Phase.CLOSED:
                    self._leave_if_full()
                    await self._send(socket)
                    frame = await self._receive(socket)
                    for note in self._protocol.receive(frame) if frame else ():
                        await self._take(note)
                    if self._protocol.phase is Phase.STREAMING and handshake.when():
                        handshake.reschedule(None)
        except SpoolError as err:
            cause = f"left, since the gap cannot be written down: {err}"
            raise ConnectionLost(self._shown_url, cause) from err
        except aiohttp.ServerTimeoutError as err:
            raise ConnectionLost(self._shown_url, _cause(err)) from err
        except TimeoutError as err:
            seconds = self._options.handshake_seconds
            cause = f"no subscription within {seconds:g} s ({self._protocol.phase})"
            raise ConnectionLost(self._shown_url, cause) from err
        except (aiohttp.ClientError, OSError) as err:
            raise ConnectionLost(self._shown_url, _cause(err)) from err
        self._ended_by = self._ended_by or self._renewing

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Socket]:
        """Open the socket; frames of any size, as bytes, without compression."""
        async with self._session.ws_connect(
            self._options.url,
            max_msg_size=0,
            compress=0,
            decode_text=False,
            heartbeat=2 * self._options.ping_seconds,
            timeout=aiohttp.ClientWSTimeout(ws_close=self._options.leave_seconds),
        ) as socket:
            self._socket = socket
            try:
                yield socket
            finally:
                self._socket = None
                self._become("disconnected")
                if self._conversation is not None:
                    self._conversation.end()
                    self._conversation = None

    async def _send(self, socket: Socket) -> None:
        if not self._protocol.has_data_to_send:
            return
        # The ids of commands must arrive in order, whoever sends them.
        async with self._sending:
            for text in self._protocol.data_to_send():
                await socket.send_str(text)

    async def _receive(self, socket: Socket) -> bytes | None:
        """Return the next frame; None if nothing came in time.

        Traffic is a sign of life. In silence Home Assistant is asked for one, and
        the connection is given up if there is none in the same time again.
        """
        leaving = self._protocol.phase is Phase.LEAVING
        seconds = self._options.leave_seconds if leaving else self._options.ping_seconds
        try:
            message = await socket.receive(timeout=seconds)
        except TimeoutError as err:
            self._on_silence(seconds, err)
            return None
        self._pinged = False
        match message.type:
            case aiohttp.WSMsgType.TEXT:
                return cast("bytes", message.data)
            case aiohttp.WSMsgType.BINARY:
                raise ProtocolViolation(self._protocol.phase, "a binary frame")
            case aiohttp.WSMsgType.ERROR:
                cause = f"the connection failed: {_cause(message.data)}"
                raise ConnectionLost(self._shown_url, cause)
            case _:
                code = message.data or socket.close_code
                cause = f"Home Assistant closed the connection (code {code})"
                raise ConnectionLost(self._shown_url, cause)

    def _on_silence(self, seconds: float, err: TimeoutError) -> None:
        match self._protocol.phase:
            case Phase.STREAMING if self._pinged:
                cause = f"no answer to a ping within {seconds:g} s"
                raise ConnectionLost(self._shown_url, cause) from err
            case Phase.STREAMING:
                self._pinged = True
                self._protocol.ping()
            case Phase.LEAVING:
                self._protocol.phase = Phase.CLOSED
            case _:
                # The time limit of the handshake decides.
                return

    async def _take(self, note: Note) -> None:
        now_us = int(self._clock() * 1e6)
        match note:
            case Live():
                await self._take_live(note, now_us)
            case Snapshot():
                await self._take_snapshot(note, now_us)
            case Subscribed(ha_version):
                await self._subscribed(ha_version)
            case Described():
                self.source = note.source
                if self._conversation is not None:
                    self._conversation.take_description(note)
            case Answer():
                if self._conversation is not None:
                    self._conversation.take_answer(note)
            case Notice(name, detail):
                _log.warning(name, detail=detail)

    async def _take_live(self, live: Live, now_us: int) -> None:
        if self._conversation is not None:
            self._conversation.take_live(live.first_event_us, live.entity_ids)
        arrival = Arrival(
            now_us,
            Origin.LIVE,
            live.events,
            live.payload,
            live.last_event_us,
            self._new(live.entity_ids),
        )
        await self._spool.put([arrival])

    async def _take_snapshot(self, snapshot: Snapshot, now_us: int) -> None:
        """Store all states; the last part says up to when all is known now."""
        newest_us = max(snapshot.updated_us.values(), default=0)
        arrivals = [
            Arrival(now_us, Origin.SNAPSHOT, part.events, part.payload)
            for part in snapshot.parts
        ]
        if arrivals:
            arrivals[-1] = arrivals[-1]._replace(
                last_event_us=newest_us, entities=self._new(snapshot.updated_us.keys())
            )
        await self._spool.put(arrivals)
        if self._conversation is not None:
            self._conversation.take_snapshot(snapshot.updated_us)

    def _new(self, entity_ids: AbstractSet[str]) -> tuple[str, ...]:
        """Return the entities that the spool does not know yet."""
        return tuple(entity_ids - self._spool.entities)

    async def _subscribed(self, ha_version: str) -> None:
        """Note the gap before anything of the subscription is stored."""
        conversation = Conversation(
            self._protocol, self._send_more, cause=self._ended_by
        )
        self._conversation = conversation
        self._ended_by = ""
        await self._on_subscribed(conversation)
        self._subscriptions += 1
        self._ha_version = ha_version or None
        self._subscribed_at = self._monotonic()
        self._since = self._clock()
        self._health.clear("ha_unreachable")
        self._health.clear("auth_invalid")
        self._health.clear(STARTING)
        _log.info("connection.subscribed", url=self._shown_url, ha_version=ha_version)

    async def _send_more(self) -> None:
        """Send what others than the conversation's own task have to say."""
        if self._socket is not None:
            await self._send(self._socket)

    def _leave_if_full(self) -> None:
        if self._spool.full and self._protocol.phase is Phase.STREAMING:
            self._renewing = "the spool was full"
            _log.warning("connection.leaving", reason=self._renewing)
            self._protocol.leave()

    def _lost(self, code: str, detail: str, cause: str) -> None:
        other = "ha_unreachable" if code == "auth_invalid" else "auth_invalid"
        self._become("disconnected")
        self._last_error = detail
        # What ended the stream, not why the attempts after it failed.
        self._ended_by = self._ended_by or cause
        self._health.clear(other)
        self._health.set(code, Status.DEGRADED, detail)
        self._health.clear(STARTING)
        _log.warning("connection.lost", reason=code, detail=detail)

    def _at(self, error: SessionError) -> ConnectionLost:
        return ConnectionLost(self._shown_url, str(error))

    def _become(self, state: str) -> None:
        if state != self._state:
            self._state, self._since = state, self._clock()


def _cause(error: object) -> str:
    if isinstance(error, aiohttp.ClientResponseError):
        # Its own text repeats the address, with the user's password if it has one.
        return f"the answer to the upgrade was {error.status} {error.message}"
    return str(error) or type(error).__name__
