"""Gives memory that a burst has left behind back to the system.

glibc keeps what was freed: after a backlog of large batches a service would stay as
large as it once was. `malloc_trim(3)` hands the free pages of all its arenas back.
"""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable
from typing import Final

__all__ = ["give_back_freed_memory", "trim"]

_SECONDS: Final = 5.0
_malloc_trim: Final = getattr(ctypes.CDLL(None), "malloc_trim", None)


def trim() -> None:
    """Hand free pages back; nothing happens where the C library cannot do it."""
    if _malloc_trim is not None:
        _malloc_trim(0)


async def give_back_freed_memory(
    *, seconds: float = _SECONDS, trim: Callable[[], None] = trim
) -> None:
    """Trim for ever, every so many seconds.

    There is no condition: what a process has in use at the end of a burst is freed
    after it, when nothing grows any more, and a trim without effect costs little.
    """
    while True:
        await asyncio.sleep(seconds)
        trim()
