"""Payloads rest in the spool and travel compressed, where that saves much.

Zstandard frames (RFC 8878) with the size of their content. They are told apart by
their magic number, which no JSON text begins with. Pure: no I/O.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import zstandard

from .errors import PayloadDamaged

__all__ = ["MIN_BYTES", "MOST_BYTES", "Compressor", "plain", "plain_bytes"]

MIN_BYTES: Final = 4096
"""Smaller payloads stay as they are: the work costs more than the bytes."""
MOST_BYTES: Final = 8 * 1024 * 1024
"""Larger payloads stay as they are, so that nobody has to make room for more."""
_MAGIC: Final = zstandard.FRAME_HEADER
_LEVEL: Final = 1


class Compressor:
    """Compresses payloads; to be used by one thread at a time."""

    def __init__(self) -> None:
        self._compress = zstandard.ZstdCompressor(level=_LEVEL).compress

    def __call__(self, payload: bytes) -> bytes:
        """Return the payload compressed, or as it is if that is not worth it."""
        if not MIN_BYTES <= len(payload) <= MOST_BYTES or payload.startswith(_MAGIC):
            return payload
        found = self._compress(payload)
        # A copy: behind the library's own there is room for the worst case, which stays
        # taken for as long as the payload is kept.
        return bytes(memoryview(found)) if len(found) < len(payload) else payload


def plain(payload: bytes) -> bytes:
    """Return what was given to the compressor, or the payload if it is plain.

    Raises:
        PayloadDamaged: it begins like a compressed one, and is none of ours.
    """
    if not payload.startswith(_MAGIC):
        return payload
    _content_bytes(payload)
    try:
        return zstandard.ZstdDecompressor().decompress(payload)
    except zstandard.ZstdError as err:
        raise PayloadDamaged(str(err)) from err


def plain_bytes(payload: bytes) -> int:
    """Return how large the payload is once it is decompressed, from its head.

    One that is damaged is as large as it is: it will be handed on like that.
    """
    if payload.startswith(_MAGIC):
        with suppress(PayloadDamaged):
            return _content_bytes(payload)
    return len(payload)


def _content_bytes(payload: bytes) -> int:
    """Return the size that the head of a compressed payload tells of."""
    try:
        size = zstandard.frame_content_size(payload)
    except zstandard.ZstdError as err:
        raise PayloadDamaged(str(err)) from err
    if not 0 <= size <= MOST_BYTES:
        raise PayloadDamaged(f"its head tells of {size} bytes")
    return size
