"""Let time pass by the clock that a measurement waits by."""

from __future__ import annotations

from typing import Final

from stackproof import wait_until
from stackproof.wait import Clock

__all__ = ["LEAST", "pause"]

LEAST: Final = 0.001
"""Seconds below which nobody needs to wait."""
_NEAR: Final = LEAST / 10
_SLACK: Final = 1.0


def pause(seconds: float, *, clock: Clock) -> None:
    """Return after so many seconds."""
    end = clock.monotonic() + seconds
    wait_until(
        clock.monotonic,
        lambda now: now >= end - _NEAR,
        timeout=seconds + _SLACK,
        every=max(seconds, LEAST),
        clock=clock,
    )
