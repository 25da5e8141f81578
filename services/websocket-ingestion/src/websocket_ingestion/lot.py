"""What is forwarded together. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from servicekit.compression import plain_bytes
from servicekit.wire import Frame

__all__ = ["Lot"]


@dataclass(frozen=True, slots=True)
class Lot:
    """Frames to forward together; `damaged_events` could not be read back.

    `file` counts the files of which the spool has had to save the rest.
    """

    frames: list[Frame]
    damaged_events: int
    last_row: int
    damaged_bytes: int = 0
    file: int = 0

    @property
    def events(self) -> int:
        """Events in the frames, without the damaged ones."""
        return sum(frame.events for frame in self.frames)

    @property
    def bytes(self) -> int:
        """Bytes in the payloads as they are stored, with the damaged ones."""
        return self.damaged_bytes + sum(len(frame.payload) for frame in self.frames)

    @property
    def plain_bytes(self) -> int:
        """Bytes in the payloads once they are decompressed."""
        return sum(plain_bytes(frame.payload) for frame in self.frames)
