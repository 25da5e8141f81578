"""Looks after what no batch tells: is InfluxDB there while nothing is written?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from servicekit.errors import InfluxUnreachable
from servicekit.health import STARTING, Health, Status
from servicekit.influx import Answer

from .deadletters import DeadLetters
from .errors import DeadLetterError, Unavailable
from .influx_state import InfluxState

__all__ = ["CHECK_EVERY_SECONDS", "Watch", "Write"]

# An outage while idle is shown within this time.
CHECK_EVERY_SECONDS = 5.0

Write = Callable[[bytes], Awaitable[Answer]]


class Watch:
    """Writes nothing to InfluxDB now and then: the answer tells all but the data.

    An empty body gets the same 204, 401 or 404 as a real one.
    """

    def __init__(
        self,
        *,
        write: Write,
        state: InfluxState,
        dead_letters: DeadLetters,
        health: Health,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._write = write
        self._state = state
        self._dead_letters = dead_letters
        self._health = health
        self._pause = pause

    async def run(self) -> None:
        """Check until cancelled; the service has started after the first check."""
        while True:
            await self.check()
            self._health.clear(STARTING)
            await self._pause(CHECK_EVERY_SECONDS)

    async def check(self) -> None:
        """Bring the health up to date, unless a batch has just done so."""
        await self._check_dead_letters()
        if self._state.seconds_since_success < CHECK_EVERY_SECONDS:
            return
        try:
            self._state.answered(await self._write(b""))
        except InfluxUnreachable as err:
            self._state.unreachable(err)

    async def _check_dead_letters(self) -> None:
        code = Unavailable.DEAD_LETTER_FULL
        try:
            await self._dead_letters.open()
        except DeadLetterError as err:
            self._health.set(code, Status.DEGRADED, str(err))
            return
        if self._dead_letters.has_room:
            self._health.clear(code)
