"""How long to gather before work that costs about the same whatever it takes. Pure."""

from __future__ import annotations

__all__ = ["wait_after"]


def wait_after(
    size: int, *, seconds: float, busy_bytes: int, busy_times: float
) -> float:
    """Return how many seconds to gather for the next turn of such work.

    What is much in the short time is more in the long one, so load near the bound does
    not go to and fro.

    Args:
        size: bytes that the last turn took.
        seconds: the usual wait.
        busy_bytes: from so many bytes on the wait is longer.
        busy_times: how many times as long.
    """
    return seconds * (busy_times if size >= busy_bytes else 1.0)
