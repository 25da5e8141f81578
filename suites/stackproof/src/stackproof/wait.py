"""Wait for a fact. This is the only module that sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from .errors import WaitFailed, WaitTimeout

T = TypeVar("T")


class Clock(Protocol):
    """The two functions of `time` that a wait needs; a fake stands in for them."""

    def monotonic(self) -> float:
        """Return seconds that never go backwards."""
        ...

    def sleep(self, seconds: float, /) -> None:
        """Return after `seconds`."""
        ...


class SystemClock:
    """The clock of this machine."""

    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)


def never(_seen: object) -> bool:
    """Answer False: the condition for waits that cannot fail early."""
    return False


def wait_until(
    observe: Callable[[], T],
    ready: Callable[[T], bool],
    *,
    timeout: float,
    failed: Callable[[T], bool] = never,
    every: float = 0.5,
    clock: Clock | None = None,
) -> T:
    """Return the first observation that is ready.

    There is always one observation, and one more after the time is over, so a slow
    `observe` cannot turn a fact into a time-out.

    Args:
        observe: looks once; it must not change what it looks at.
        ready: tells whether an observation is what was waited for.
        timeout: limit in seconds.
        failed: tells whether an observation means that `ready` cannot come any more.
        every: pause between two observations, in seconds.
        clock: the time to wait by; the machine's own unless a test brings another.

    Raises:
        WaitFailed: `failed` was true; holds the observation.
        WaitTimeout: the time is over; holds the last observation.
    """
    clock = clock or SystemClock()
    deadline = clock.monotonic() + timeout
    while True:
        over = clock.monotonic() >= deadline
        seen = observe()
        if failed(seen):
            raise WaitFailed(_name(ready), _name(failed), seen)
        if ready(seen):
            return seen
        if over:
            raise WaitTimeout(_name(ready), timeout, seen)
        clock.sleep(min(every, max(0.0, deadline - clock.monotonic())))


def _name(condition: Callable[..., object]) -> str:
    return getattr(condition, "__name__", None) or repr(condition)
