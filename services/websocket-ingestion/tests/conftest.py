"""What the tests of this package share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest
import structlog

from servicekit.health import Health, Status


class WatchedHealth(Health):
    """A health register on whose reasons a test can wait."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        super().__init__("test", "0")

    def set(self, code: str, status: Status, detail: str) -> None:
        """Set the reason and wake who waits."""
        super().set(code, status, detail)
        self._changed.set()

    def clear(self, code: str) -> None:
        """Clear the reason and wake who waits."""
        super().clear(code)
        self._changed.set()

    async def until(self, code: str, *, there: bool = True) -> str:
        """Wait until the reason is there, or gone; return its detail."""
        while self.has(code) is not there:
            self._changed.clear()
            await self._changed.wait()
        details = [one.detail for one in self.snapshot().reasons if one.code == code]
        return details[0] if details else ""


@pytest.fixture
def health() -> WatchedHealth:
    """Return the register of a service that is starting."""
    return WatchedHealth()


@pytest.fixture
def until(health: WatchedHealth) -> Callable[..., Awaitable[str]]:
    """Return what waits for a reason to come, or to go (`there=False`)."""
    return health.until


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """Return the names of the events that are logged meanwhile."""
    names: list[str] = []

    def note(_: object, __: str, event: structlog.typing.EventDict) -> str:
        names.append(str(event["event"]))
        raise structlog.DropEvent

    structlog.configure(processors=[note])
    yield names
    structlog.reset_defaults()
