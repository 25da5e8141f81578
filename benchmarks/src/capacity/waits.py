"""What a trial waits for in the stack: each wait looks on, and has an end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from stackproof import wait_until
from stackproof.errors import WaitTimeout
from stackproof.wait import Clock

from .errors import BadAnswer
from .load import Load, Sent
from .order import Order
from .rig import Counts, Rig
from .watch import Watch

__all__ = ["Waits"]

T = TypeVar("T")


class Waits:
    """The waits of trials with one stack, by one clock."""

    def __init__(self, rig: Rig, clock: Clock) -> None:
        self._rig = rig
        self._clock = clock

    def written(self, watch: Watch, *, more_than: int, seconds: float) -> float:
        """Wait until the database takes events again; return when."""

        def look() -> int:
            watch.look()
            with suppress(BadAnswer):
                return self._rig.counts().written
            return 0

        with suppress(WaitTimeout):
            self._until(look, lambda n: n > more_than, seconds=seconds, every=0.5)
        return self._clock.monotonic()

    def below(self, watch: Watch, *, enough: float, seconds: float) -> bool:
        """Wait until no more events than enough wait; False if it takes longer."""
        try:
            self._until(
                watch.look,
                lambda backlog: backlog is not None and backlog <= enough,
                seconds=seconds,
                every=0.5,
            )
        except WaitTimeout:
            return False
        return True

    def drained(self, before: Counts | None, sent: int, seconds: float) -> bool:
        """Wait until all that was sent has met its end; False if it takes longer.

        What a lost connection left out is sent again by the source's history, and some
        of it twice: from then on it is the spool and the open gaps that tell.
        """

        def left() -> int:
            try:
                now = self._rig.counts()
            except BadAnswer:
                return 1
            if now.open_gaps:
                return max(1, now.pending)
            if (
                before is None
                or now.done < before.done
                or now.reconnects != before.reconnects
            ):
                return now.pending
            return max(0, sent - (now.done - before.done))

        try:
            left_over = self._until(left, lambda n: n == 0, seconds=seconds, every=0.1)
        except WaitTimeout:
            return False
        return left_over == 0

    def sent(self, load: Load, order: Order) -> Sent:
        """Wait until an order is carried out, and end it if it takes longer."""
        try:
            return self._until(
                load.sent,
                lambda sent: sent.ended,
                seconds=order.seconds + 10.0,
                every=0.1,
            )
        except WaitTimeout:
            return load.end()

    def _until(
        self,
        look: Callable[[], T],
        ready: Callable[[T], bool],
        *,
        seconds: float,
        every: float,
    ) -> T:
        return wait_until(
            look, ready, timeout=max(0.0, seconds), every=every, clock=self._clock
        )
