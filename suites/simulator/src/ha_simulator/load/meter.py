"""A rate over the last second from samples of a counter that only rises."""

from __future__ import annotations

from collections import deque

from ..world.timestamps import SECOND


class Meter:
    """Keeps samples of about one second; costs nothing on the path that counts."""

    __slots__ = ("_samples",)

    def __init__(self) -> None:
        self._samples: deque[tuple[int, int]] = deque()

    def sample(self, total: int, now_us: int) -> None:
        """Note that the counter read *total* at *now_us*."""
        samples = self._samples
        samples.append((now_us, total))
        while len(samples) > 2 and samples[1][0] <= now_us - SECOND:
            samples.popleft()

    def per_second(self) -> float:
        """Return the mean rate between the oldest and the newest sample."""
        if len(self._samples) < 2:
            return 0.0
        (start_us, start), (end_us, end) = self._samples[0], self._samples[-1]
        if end_us <= start_us:
            return 0.0
        return (end - start) * SECOND / (end_us - start_us)
