"""Tests of `servicekit.freed_memory`."""

from __future__ import annotations

import ctypes

import pytest

from servicekit.cgroup import resident_bytes
from servicekit.freed_memory import give_back_freed_memory, trim

MEBIBYTE = 2**20


def test_trim_gives_back_what_lies_below_memory_in_use() -> None:
    """Freed blocks under one that lives stay with the process without it."""
    blocks = [ctypes.create_string_buffer(b"x" * 60_000) for _ in range(1000)]
    full = resident_bytes()
    del blocks[:-1]

    trim()

    assert resident_bytes() < full - 40 * MEBIBYTE
    assert len(blocks) == 1


@pytest.mark.asyncio
async def test_memory_is_given_back_again_and_again() -> None:
    """Also when nothing has grown since."""
    trims = 0

    def count() -> None:
        nonlocal trims
        trims += 1
        if trims == 3:
            raise EOFError

    with pytest.raises(EOFError):
        await give_back_freed_memory(seconds=0, trim=count)

    assert trims == 3
