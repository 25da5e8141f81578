"""The trials of a gate: each version in its turn, each trial with a fresh stack.

So what a start leaves to chance (where data lie, the order of hashes) is part of the
noise between pairs, and not a difference that all pairs have in common; each trial
finds an equally empty database; and no second stack idles beside the one that is timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from typing import Final

from stackproof.wait import Clock, SystemClock

from .errors import BadAnswer, CapacityError
from .gate import Sample, Side, judge_turn, sample_of
from .judge_trial import Outcome
from .load import Load
from .measure import Measurer
from .rig import Rig
from .trial import Phase, Slo, TrialSpec
from .versions import Version
from .workload import Workload

__all__ = ["SETTLE", "Start", "Turns"]

SETTLE: Final = 10.0
"""Seconds of load that are thrown away: the first write of each entity is dear."""
_DRAIN: Final = 60.0
_UNANSWERED: Final = "no_answer"

Start = Callable[[Version], AbstractContextManager[tuple[Rig, str]]]
"""Starts the stack of a version; gives it with the fingerprint of the host."""


class Turns:
    """Makes the trials that a duel asks for."""

    def __init__(
        self,
        start: Start,
        load: Load,
        versions: Mapping[Side, Version],
        *,
        rate: float,
        seconds: float,
        slo: Slo,
        workload: Workload,
        clock: Clock | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Prepare.

        Args:
            start: starts a stack.
            load: what sends.
            versions: the images of both sides.
            rate: events/s.
            seconds: the window of a trial.
            slo: what is promised.
            workload: what is sent.
            clock: the time to wait by.
            wall: UTC in seconds.
        """
        self._start = start
        self._load = load
        self._versions = versions
        self._rate = rate
        self._seconds = seconds
        self._slo = slo
        self._workload = workload
        self._clock = clock or SystemClock()
        self._wall = wall

    def trial(self, side: Side, pair: int) -> Sample:
        """Make the trial of a side; a stack that no longer answers has failed.

        Raises:
            StackFailed: the stack does not start.
            LoadFailed: the load's process does not do what it should.
        """
        spec = TrialSpec(
            id=pair,
            phase=Phase.SUSTAINED,
            rate=self._rate,
            settle=SETTLE,
            window=self._seconds,
            drain=_DRAIN,
        )
        with self._start(self._versions[side]) as (rig, fingerprint):
            measurer = Measurer(
                rig,
                self._load,
                slo=self._slo,
                workload=self._workload,
                fsync=lambda _seconds: None,
                clock=self._clock,
                wall=self._wall,
            )
            try:
                result = measurer.run(spec).result
            except BadAnswer:
                with suppress(CapacityError):
                    self._load.end()
                return _dead(side, pair, fingerprint)
        judged = judge_turn(result, self._slo)
        return sample_of(result, judged, side=side, fingerprint=fingerprint)


def _dead(side: Side, pair: int, fingerprint: str) -> Sample:
    return Sample(
        pair=pair,
        side=side,
        fingerprint=fingerprint,
        outcome=Outcome.FAIL,
        reasons=(_UNANSWERED,),
        metrics={},
        cpu={},
    )
