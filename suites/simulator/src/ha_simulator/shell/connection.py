"""One WebSocket connection: moves frames between a socket and a `Session`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

from aiohttp import WSCloseCode, WSMsgType, web

from ..errors import AuthRefused, Disconnect
from ..protocol import messages
from ..protocol.history import HistoryAnswer, HistoryQuery
from ..protocol.outbox import Outbox
from ..protocol.session import Phase, Session
from ..world.homeassistant import HomeAssistant
from .streams import read_entities, stream_history

HEARTBEAT_SECONDS: Final = 55.0
"""Home Assistant pings its clients this often."""
WRITER_LIMIT: Final = 1 << 20
"""Bytes written before the writer waits for the socket, as in Home Assistant."""
_CLOSING: Final = frozenset({WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING})


class Ending(StrEnum):
    """Why a connection ended."""

    AUTH = "auth"
    CLIENT = "client"
    CUT = "cut"
    HALF_OPEN = "half_open"
    KILL = "kill"
    OVERFLOW = "overflow"
    PROTOCOL = "protocol"
    RESTART = "restart"
    REVOKED = "revoked"
    SHUTDOWN = "shutdown"
    STALLED = "stalled"


CLOSED_BY_CORE: Final = frozenset(
    {Ending.OVERFLOW, Ending.RESTART, Ending.REVOKED, Ending.STALLED}
)
"""Where Home Assistant cancels its handler, which then closes with code 1000."""
_ORDERLY: Final = frozenset({Ending.AUTH, Ending.CLIENT, Ending.PROTOCOL})


class Connection:
    """Serves one client until either side ends it.

    Args:
        number: identifies the connection in the ledger.
        clock: returns the wall-clock time in µs.
        auth_seconds: how long the client may take for its auth message.
        peak_us: how long it may stay above 1,024 pending messages.
        attempted: told of each auth attempt; the session's phase tells if it was good.
    """

    def __init__(
        self,
        number: int,
        home: HomeAssistant,
        *,
        clock: Callable[[], int],
        auth_seconds: float,
        peak_us: int,
        attempted: Callable[[Session], None],
    ) -> None:
        self.number = number
        self.peer = ""
        self.ending: Ending | None = None
        self._home = home
        self._clock = clock
        self._auth_seconds = auth_seconds
        self._attempted = attempted
        self._ready = asyncio.Event()
        outbox = Outbox(
            wake=self._ready.set,
            overflow=lambda: self.drop(Ending.OVERFLOW),
            peak_us=peak_us,
        )
        self.session = Session(number, home, outbox)
        self._socket = web.WebSocketResponse(
            heartbeat=HEARTBEAT_SECONDS, writer_limit=WRITER_LIMIT
        )
        self._transport: asyncio.Transport | None = None
        self._service = asyncio.timeout(None)
        self._lookups: set[asyncio.Task[None]] = set()
        self._flight: deque[tuple[int, list[int]]] = deque()
        self._queued_bytes = 0
        self.frames = 0

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Talk to the client; return when the connection is over."""
        await self._socket.prepare(request)
        transport = request.transport
        if transport is None:
            return self._socket
        self._transport = transport
        self.peer = str(request.remote)
        try:
            async with self._service:
                if await self._authenticate():
                    await self._converse()
        except ConnectionResetError:
            self._end(Ending.CLIENT)
        except TimeoutError:
            if not self._service.expired():
                raise
        finally:
            self.settle()
            self.session.close()
        if self.ending in _ORDERLY | CLOSED_BY_CORE:
            await self._close()
        return self._socket

    def drop(self, ending: Ending) -> None:
        """End the connection from this side; what is queued is gone.

        What Home Assistant ends by itself gets a close frame, behind what the socket
        has taken already; everything else is abrupt.
        """
        if self.ending is None:
            self.ending = ending
        self.session.outbox.close()
        self.session.close()
        if self._transport is None:
            return
        if self.ending in CLOSED_BY_CORE:
            self._service.reschedule(0.0)
            return
        self.abort()

    def abort(self) -> None:
        """Close the socket at once: no close frame, what is not sent is gone."""
        if self._transport is not None:
            self.settle()
            self._transport.abort()

    @property
    def transport(self) -> asyncio.Transport | None:
        """The socket below, None before the handshake is done."""
        return self._transport

    def settle(self) -> None:
        """Note in the wire log what the kernel has taken by now.

        Frames that are not taken when the connection ends stay out of the log.
        """
        transport = self._transport
        if not self._flight or transport is None or transport.is_closing():
            return
        unsent = transport.get_write_buffer_size()
        if unsent and self._socket.compress:
            return
        taken = self._queued_bytes - unsent
        while self._flight and self._flight[0][0] <= taken:
            _, serials = self._flight.popleft()
            self._home.wire.add(self.number, serials)

    def status(self) -> dict[str, Any]:
        """Return the connection's part of the status document."""
        self.settle()
        return {
            "id": self.number,
            "peer": self.peer,
            "phase": str(self.session.phase),
            "coalesce": self.session.coalesce,
            "subscriptions": list(self.session.subscriptions.values()),
            "pending": len(self.session.outbox),
            "pending_peak": self.session.outbox.peak,
            "frames": self.frames,
            "events_on_wire": self._home.wire.count(self.number),
        }

    async def _close(self) -> None:
        """Close with code 1000; a client that answers has read all before that."""
        await self._socket.close()
        if self._socket.close_code != WSCloseCode.ABNORMAL_CLOSURE:
            for _, serials in self._flight:
                self._home.wire.add(self.number, serials)
            self._flight.clear()

    def _end(self, ending: Ending) -> None:
        if self.ending is None:
            self.ending = ending

    async def _authenticate(self) -> bool:
        await self._socket.send_frame(self.session.greeting(), WSMsgType.TEXT)
        try:
            message = await self._socket.receive(timeout=self._auth_seconds)
        except TimeoutError:
            self._end(Ending.AUTH)
            return False
        if message.type is not WSMsgType.TEXT:
            self._end(Ending.CLIENT if message.type in _CLOSING else Ending.PROTOCOL)
            return False
        try:
            reply = self.session.authenticate(message.data)
        except AuthRefused as err:
            self._attempted(self.session)
            self._end(Ending.AUTH)
            await self._socket.send_frame(err.reply, WSMsgType.TEXT)
            return False
        except Disconnect:
            self._end(Ending.PROTOCOL)
            return False
        self._attempted(self.session)
        await self._socket.send_frame(reply, WSMsgType.TEXT)
        return True

    async def _converse(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            writer = tasks.create_task(self._write())
            try:
                self._end(await self._read(tasks))
            finally:
                writer.cancel()
                for lookup in self._lookups:
                    lookup.cancel()

    async def _read(self, tasks: asyncio.TaskGroup) -> Ending:
        while self.session.phase is Phase.COMMAND:
            message = await self._socket.receive()
            if message.type in _CLOSING or message.type is WSMsgType.ERROR:
                return Ending.CLIENT
            if message.type is WSMsgType.BINARY and message.data:
                continue
            if message.type is not WSMsgType.TEXT:
                return Ending.PROTOCOL
            try:
                queries = self.session.receive(message.data, self._clock())
            except Disconnect:
                return Ending.PROTOCOL
            for query in queries:
                lookup = tasks.create_task(self._look_up(query))
                self._lookups.add(lookup)
                lookup.add_done_callback(self._lookups.discard)
        return Ending.CLIENT

    async def _write(self) -> None:
        outbox = self.session.outbox
        loop = asyncio.get_running_loop()
        while True:
            text, serials = outbox.take(coalesce=self.session.coalesce)
            if not text:
                self._ready.clear()
                await self._ready.wait()
                continue
            self.frames += 1
            compressed = bool(self._socket.compress)
            if not compressed:
                self._note(text, serials)
            try:
                await self._socket.send_frame(text, WSMsgType.TEXT)
            except ConnectionResetError:
                return
            if compressed:
                self._note(text, serials)
            loop.call_soon(self.settle)

    def _note(self, text: bytes, serials: list[int]) -> None:
        size = len(text)
        header = 2 if size < 126 else 4 if size < 65_536 else 10
        self._queued_bytes += header + size
        if serials:
            self._flight.append((self._queued_bytes, serials))

    async def _look_up(self, query: HistoryQuery) -> None:
        if query.stream:
            await stream_history(self.session, query, self._clock)
            return
        answer = HistoryAnswer(self._home, query.period)
        await read_entities(answer, query.entity_ids)
        text = messages.result(query.command_id, value=answer.states())
        self.session.push(text, self._clock())
