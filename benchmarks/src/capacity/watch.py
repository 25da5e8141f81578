"""Look at a stack under load once a second, and keep what was seen."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from .errors import BadAnswer
from .kept import Moment
from .pause import LEAST
from .rig import Counts, Rig
from .timetable import Timetable

__all__ = ["EVERY", "Watch"]

EVERY: Final = 1.0
"""Seconds between two looks."""


class Watch:
    """What was seen at the looks of one trial.

    `peaks` is each container's most memory, `spool` pending events and bytes of the
    spool, `unread` what was due and not yet received; all at the same looks.
    """

    def __init__(
        self,
        rig: Rig,
        *,
        timetable: Timetable,
        before: Counts,
        start: float,
        began: float,
        now: Callable[[], float],
        pause: Callable[[float], None],
    ) -> None:
        """Prepare.

        Args:
            rig: the stack.
            timetable: what is due.
            before: what the services had counted before the load.
            start: when the load began, by the clock of `now`.
            began: when the run began, by the same clock.
            now: the time.
            pause: lets so many seconds pass.
        """
        self.moments: list[Moment] = []
        self.backlogs: list[float] = []
        self.pending: list[float] = []
        self.unread: list[float] = []
        self.peaks: dict[str, int] = {}
        self.spool: list[tuple[int, int]] = []
        self._rig = rig
        self._timetable = timetable
        self._before = before
        self._start = start
        self._began = began
        self._now = now
        self._pause = pause

    def forget(self) -> None:
        """Leave out all that was seen so far, but for what a chart shows."""
        for seen in (self.backlogs, self.pending, self.unread, self.spool):
            seen.clear()
        self.peaks.clear()

    def until(self, moment: float) -> None:
        """Look once a second until a moment."""
        while (left := moment - self._now()) > LEAST:
            self._pause(min(EVERY, left))
            if left >= EVERY / 2:
                self.look()

    def look(self) -> float | None:
        """Look at everything once; return the backlog where it could be counted."""
        usage = self._rig.usage(fresh=False)
        for name, seen in usage.items():
            self.peaks[name] = max(self.peaks.get(name, 0), seen.memory)
        backlog = None
        with suppress(BadAnswer):
            now = self._rig.counts()
            backlog = self._count(now)
        self.moments.append(
            Moment(
                at=round(self._now() - self._began, 3),
                backlog=backlog,
                containers={
                    name: (round(seen.cpu, 4), seen.memory, round(seen.throttled, 4))
                    for name, seen in usage.items()
                },
            )
        )
        return backlog

    def _count(self, now: Counts) -> float:
        """Note what waits where, and return all that waits."""
        before = self._before
        due = self._timetable.due(now.at - self._start)
        done = now.done - before.done
        if now.done < before.done:  # enrichment began anew, ingestion remembers
            done = now.written + now.rejected - before.written - before.rejected
        backlog = max(0.0, float(due - done))
        self.backlogs.append(backlog)
        self.pending.append(float(now.pending))
        self.unread.append(max(0.0, float(due - (now.received - before.received))))
        self.spool.append((now.pending, now.spool_bytes))
        return backlog
