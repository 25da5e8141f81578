"""The newest committed frames in memory, so that forwarding need not read. Pure."""

from __future__ import annotations

from collections import deque

from servicekit.compression import plain_bytes
from servicekit.wire import Frame

__all__ = ["Tail"]


class Tail:
    """Frames with consecutive rows up to the last one, bounded by bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._frames: deque[Frame] = deque()
        self.bytes = 0

    def push(self, frame: Frame) -> None:
        """Add the next row; over the bound the oldest frames are let go."""
        self._frames.append(frame)
        self.bytes += len(frame.payload)
        while self.bytes > self._most_bytes:
            self._drop()

    def forget(self, row: int) -> None:
        """Let go of all rows up to this one."""
        while self._frames and self._frames[0].row <= row:
            self._drop()

    def take(self, after: int, *, max_events: int, max_bytes: int) -> list[Frame]:
        """Return the rows behind `after`: at least one, then while both limits hold.

        `max_bytes` bounds them as they are once decompressed. Empty if the next row is
        not in memory.
        """
        frames: list[Frame] = []
        if not self._frames or self._frames[0].row > after + 1:
            return frames
        events = size = 0
        for frame in self._frames:
            if frame.row <= after:
                continue
            events, size = events + frame.events, size + plain_bytes(frame.payload)
            if frames and (events > max_events or size > max_bytes):
                break
            frames.append(frame)
        return frames

    def frames(self) -> list[Frame]:
        """Return all frames in memory, oldest first."""
        return list(self._frames)

    def clear(self) -> None:
        """Let go of all frames."""
        self._frames.clear()
        self.bytes = 0

    def oldest_us(self) -> int | None:
        """Return when the oldest frame in memory was received."""
        return self._frames[0].received_us if self._frames else None

    def _drop(self) -> None:
        self.bytes -= len(self._frames.popleft().payload)
