"""The wall clock, in the unit that the whole simulator uses."""

from __future__ import annotations

import time


def now_us() -> int:
    """Return microseconds since 1970 UTC."""
    return time.time_ns() // 1_000
