"""Rows of the spool: their checksums, and what they hold if they are intact. Pure.

SQLite has no checksums of its own: a disk that changes a byte can change any column,
or its type, so nothing of a row is believed before the checksum has been compared.
"""

from __future__ import annotations

import zlib
from dataclasses import astuple
from typing import Any, Final

from servicekit.wire import Frame, Origin

from .ledger import Counters

__all__ = [
    "COLUMNS",
    "checksum",
    "ledger_checksum",
    "lost_events",
    "payload_bytes",
    "read_ledger",
    "read_row",
]

COLUMNS: Final = "row, received_us, origin, events, crc32, payload"
"""What `read_row` takes, in this order."""

_LEDGER_COLUMNS: Final = 14


def checksum(received_us: int, origin: str, events: int, payload: bytes) -> int:
    """Return the checksum over all that a row holds but its number."""
    head = zlib.crc32(f"{received_us} {origin} {events} ".encode())
    return zlib.crc32(payload, head)


def read_row(columns: tuple[Any, ...]) -> Frame | None:
    """Return the frame in a row, None if the row is damaged.

    Version 1 of the file had the checksum of the payload alone.
    """
    match columns:
        case (
            int(row),
            int(received_us),
            str(origin),
            int(events),
            int(crc),
            bytes(payload),
        ) if crc in (
            checksum(received_us, origin, events, payload),
            zlib.crc32(payload),
        ):
            try:
                return Frame(row, Origin(origin), received_us, events, payload)
            except ValueError:
                return None
        case _:
            return None


def payload_bytes(columns: tuple[Any, ...]) -> int:
    """Return the size of the payload in a row, damaged or not."""
    return len(columns[5]) if isinstance(columns[5], bytes) else 0


def ledger_checksum(counters: Counters) -> int:
    """Return the checksum over all counters, never 0."""
    numbers = " ".join(map(str, astuple(counters)))
    return zlib.crc32(numbers.encode()) or 1


def read_ledger(columns: tuple[Any, ...] | None) -> Counters | None:
    """Return the counters in the row of the ledger, None if they are damaged.

    The first versions of the file had no checksum and fewer counters; 0 stands for
    none.
    """
    if not columns or not all(isinstance(one, int) for one in columns[1:]):
        return None
    checked = len(columns) == _LEDGER_COLUMNS
    numbers = columns[1:-1] if checked else columns[1:]
    crc = columns[-1] if checked else 0
    one = Counters(*numbers)
    parts = one.written + one.merged + one.dead_lettered + one.expired
    sound = one.forwarded == parts and one.pending >= 0 and one.frames >= 0
    return one if sound and crc in (0, ledger_checksum(one)) else None


def lost_events(columns: tuple[Any, ...]) -> int:
    """Return how many events a damaged row says that it had, 0 if it makes no sense."""
    events = columns[3]
    return events if isinstance(events, int) and events > 0 else 0
