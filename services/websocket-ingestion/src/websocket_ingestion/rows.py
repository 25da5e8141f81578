"""A row of the spool: its checksum, and the frame that it holds if it is intact. Pure.

SQLite has no checksums of its own: a disk that changes a byte can change any column,
or its type, so nothing of a row is believed before the checksum has been compared.
"""

from __future__ import annotations

import zlib
from typing import Any, Final

from servicekit.wire import Frame, Origin

__all__ = ["COLUMNS", "checksum", "lost_events", "read_row"]

COLUMNS: Final = "row, received_us, origin, events, crc32, payload"
"""What `read_row` takes, in this order."""


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


def lost_events(columns: tuple[Any, ...]) -> int:
    """Return how many events a damaged row says that it had, 0 if it makes no sense."""
    events = columns[3]
    return events if isinstance(events, int) and events > 0 else 0
