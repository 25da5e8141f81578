"""One subscription, as who wants more from Home Assistant than its events sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

import msgspec

from .errors import CommandRefused, ConversationOver
from .session import Answer, Command, Described, Session

__all__ = ["Conversation"]

_ANSWER_SECONDS: Final = 120.0
"""History of a busy hour takes Home Assistant some seconds; a lost answer is rare."""


class Conversation:
    """Asks over the connection that also carries the events, until that ends.

    Attributes:
        first_live_us: time of the first event that came live, Home Assistant's clock;
            0 before it.
        described: the latest that Home Assistant said about itself.
        live: entities that events were about since the subscription.
    """

    def __init__(
        self, protocol: Session, send: Callable[[], Awaitable[None]], *, cause: str
    ) -> None:
        self.cause = cause
        self.first_live_us = 0
        self.described: Described | None = None
        self.live: set[str] = set()
        self._protocol = protocol
        self._send = send
        self._over = asyncio.Event()
        self._described = asyncio.Event()
        self._present: dict[str, int] = {}
        self._snapshot = asyncio.Event()
        self._asked: dict[int, asyncio.Future[Answer]] = {}

    async def present(self) -> Mapping[str, int]:
        """Return `last_updated` of all entities at the subscription, in µs.

        Raises:
            ConversationOver: it ended before the snapshot came.
        """
        await self._until(self._snapshot)
        return self._present

    async def ask(self, command: Command, fields: dict[str, Any]) -> msgspec.Raw:
        """Return the result of a command.

        Raises:
            CommandRefused: Home Assistant refused it.
            ConversationOver: there was no answer, and there will be none.
        """
        if self._over.is_set():
            raise ConversationOver(command)
        number = self._protocol.ask(command, fields)
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Answer] = loop.create_future()
        self._asked[number] = answered
        try:
            await self._send()
            async with asyncio.timeout(_ANSWER_SECONDS):
                answer = await answered
        except (TimeoutError, ConnectionError) as err:
            raise ConversationOver(command) from err
        finally:
            self._asked.pop(number, None)
        if answer.problem is not None:
            problem = answer.problem
            raise CommandRefused(command, problem.code, problem.message)
        return answer.result

    async def describe(self) -> Described:
        """Ask Home Assistant how far it is, and return what it says.

        Raises:
            ConversationOver: there was no answer.
        """
        self._described.clear()
        if self._over.is_set():
            raise ConversationOver(Command.GET_CONFIG)
        self._protocol.ask(Command.GET_CONFIG, {})
        await self._send()
        await self._until(self._described)
        if self.described is None:
            raise ConversationOver(Command.GET_CONFIG)
        return self.described

    async def pause(self, seconds: float) -> None:
        """Wait so many seconds.

        Raises:
            ConversationOver: it ended meanwhile.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            return
        raise ConversationOver("pause")

    def take_snapshot(self, present: dict[str, int]) -> None:
        """Take the states of the subscription."""
        self._present = present
        self._snapshot.set()

    def take_live(self, first_us: int, entity_ids: AbstractSet[str]) -> None:
        """Take note of events that came live."""
        self.first_live_us = self.first_live_us or first_us
        self.live |= entity_ids

    def take_description(self, described: Described) -> None:
        """Take what Home Assistant said about itself."""
        self.described = described
        self._described.set()

    def take_answer(self, answer: Answer) -> None:
        """Hand an answer to who asked; nobody may be waiting any more."""
        asked = self._asked.get(answer.number)
        if asked is not None and not asked.done():
            asked.set_result(answer)

    def end(self) -> None:
        """Tell everybody who waits that nothing more will come."""
        self._over.set()
        self._snapshot.set()
        self._described.set()
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(ConversationOver("an answer"))

    async def _until(self, event: asyncio.Event) -> None:
        await event.wait()
        if self._over.is_set():
            raise ConversationOver("an answer")
