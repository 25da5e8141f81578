"""What waits for one client, and Home Assistant's rule for a client that is too slow.

Source of the rule: websocket_api, constants MAX_PENDING_MSG, PENDING_MSG_PEAK and
PENDING_MSG_PEAK_TIME. A client that breaks it loses everything that is queued.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from ..world.timestamps import SECOND

MAX_PENDING: Final = 4_096
"""Messages; reaching this number ends the connection at once."""
PEAK_PENDING: Final = 1_024
"""Messages; staying above this number for `PEAK_US` ends the connection."""
PEAK_US: Final = 10 * SECOND
"""Microseconds a client may stay above `PEAK_PENDING`."""


class Outbox:
    """A queue of encoded messages with the serials of the events among them.

    Args:
        wake: called when the first message arrives in an empty, unwatched queue.
        overflow: called once, with the queue already discarded.
        peak_us: how long the queue may stay above the peak, in microseconds.
    """

    __slots__ = (
        "_asleep",
        "_messages",
        "_overflow",
        "_peak_us",
        "_serials",
        "_wake",
        "closed",
        "over_since_us",
        "peak",
    )

    def __init__(
        self,
        *,
        wake: Callable[[], None],
        overflow: Callable[[], None],
        peak_us: int = PEAK_US,
    ) -> None:
        self._messages: deque[bytes] = deque()
        self._serials: deque[int] = deque()
        self._wake = wake
        self._overflow = overflow
        self._peak_us = peak_us
        self._asleep = True
        self.closed = False
        self.peak = 0
        self.over_since_us: int | None = None

    def __len__(self) -> int:
        return len(self._messages)

    def push(self, message: bytes, now_us: int) -> None:
        """Queue one message that is no journalled event."""
        self._queue((message,), (0,), now_us)

    def push_events(self, messages: Sequence[bytes], first: int, now_us: int) -> None:
        """Queue the messages of journalled events, whose serials begin at *first*."""
        self._queue(messages, range(first, first + len(messages)), now_us)

    def _queue(
        self, messages: Sequence[bytes], serials: Sequence[int], now_us: int
    ) -> None:
        if self.closed:
            return
        self._messages.extend(messages)
        self._serials.extend(serials)
        pending = min(len(self._messages), MAX_PENDING)
        self.peak = max(self.peak, pending)
        if pending == MAX_PENDING:
            self.close()
            self._overflow()
            return
        if pending <= PEAK_PENDING:
            self.over_since_us = None
        elif self.over_since_us is None:
            self.over_since_us = now_us
        if self._asleep:
            self._asleep = False
            self._wake()

    def take(self, *, coalesce: bool) -> tuple[bytes, list[int]]:
        """Remove one frame: its text and the serials in it; empty when none waits.

        With *coalesce* a frame holds everything that waits, as an array when that
        is more than one message.
        """
        messages = self._messages
        if not messages:
            self._asleep = True
            return b"", []
        if not coalesce or len(messages) == 1:
            serial = self._serials.popleft()
            return messages.popleft(), [serial] if serial else []
        text = b"[%b]" % b",".join(messages)
        serials = [serial for serial in self._serials if serial]
        messages.clear()
        self._serials.clear()
        return text, serials

    def stalled(self, now_us: int) -> bool:
        """Tell if the client stayed above the peak for too long."""
        since = self.over_since_us
        if since is None or now_us - since < self._peak_us:
            return False
        if len(self._messages) < PEAK_PENDING:
            self.over_since_us = None
            return False
        return True

    def close(self) -> None:
        """Discard what waits and take nothing more."""
        self.closed = True
        self.over_since_us = None
        self._messages.clear()
        self._serials.clear()
