"""Two versions in turns on one host, until the gate has decided.

Control only: how a trial is made is the caller's, how pairs are judged the gate's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .gate import (
    LEAST_PAIRS,
    GateResult,
    Metric,
    Pair,
    Sample,
    Side,
    Verdict,
    confirm,
    judge_pairs,
    order_of,
    pair_of,
)
from .report.words import duration, milliseconds, per_event

__all__ = ["Bout", "Duel", "Duelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bout:
    """A pair that was measured; `fresh` is one of the confirmation."""

    base: Sample
    new: Sample
    fresh: bool = False

    @property
    def pair(self) -> Pair:
        """The pair as the gate judges it."""
        return pair_of(self.base, self.new)


@dataclass(frozen=True, slots=True, kw_only=True)
class Duelled:
    """How it ended: `first` is None if that decided already."""

    result: GateResult
    first: GateResult | None
    bouts: tuple[Bout, ...]


class Duel:
    """Measures pairs, and fresh ones before it says that a version is worse.

    Use `bouts` after an interruption: the pairs that are whole are there.
    """

    def __init__(
        self,
        measure: Callable[[Side, int], Sample],
        *,
        pairs: int,
        random: np.random.Generator,
        said: Callable[[str], None],
        clock: Callable[[], float],
        trial_seconds: float,
    ) -> None:
        """Prepare.

        Args:
            measure: makes the trial of a side in the pair of this number.
            pairs: of a set; fewer than five decide nothing.
            random: which side begins, and the bootstrap.
            said: takes a line of progress.
            clock: monotonic seconds.
            trial_seconds: what a trial is expected to take, until one has ended.
        """
        self.bouts: list[Bout] = []
        self._measure = measure
        self._pairs = pairs
        self._random = random
        self._said = said
        self._clock = clock
        self._expected = trial_seconds
        self._took: list[float] = []

    def run(self) -> Duelled:
        """Measure until it is decided.

        Raises:
            CapacityError: a trial could not be made.
        """
        first = self._judge(self._set("pair", fresh=False))
        if first.verdict is not Verdict.CONFIRM:
            return Duelled(result=first, first=None, bouts=tuple(self.bouts))
        self._said("worse, as it seems: fresh pairs are to confirm it")
        fresh = self._set("fresh pair", fresh=True)
        base, new = _fingerprints(self.bouts)
        second = confirm(
            first,
            [bout.pair for bout in fresh],
            base_fingerprint=base,
            new_fingerprint=new,
            random=self._random,
        )
        return Duelled(result=second, first=first, bouts=tuple(self.bouts))

    def _judge(self, bouts: Sequence[Bout]) -> GateResult:
        base, new = _fingerprints(bouts)
        return judge_pairs(
            [bout.pair for bout in bouts],
            base_fingerprint=base,
            new_fingerprint=new,
            random=self._random,
        )

    def _set(self, noun: str, *, fresh: bool) -> list[Bout]:
        """Measure a set of pairs; one host that is two ends it early.

        A pair with a trial that is not valid is measured again, as often in a set as
        it has pairs: at the worst it takes twice the time.
        """
        order = order_of(self._pairs, self._random)
        repeats = self._pairs
        found: list[Bout] = []
        for number, sides in enumerate(_twos(order), 1):
            left = 2 * (self._pairs - number + 1)
            title = f"{noun} {number} of {self._pairs}"
            bout = self._pair(title, sides, number, left, fresh=fresh)
            while bout is None and repeats > 0:
                repeats -= 1
                self._said(f"{title} is measured again")
                bout = self._pair(title, sides, number, left, fresh=fresh)
            if bout is None:
                if self._hopeless(len(found), number):
                    self._said("too few valid pairs are left to decide anything")
                    break
                continue
            found.append(bout)
            self.bouts.append(bout)
            base, new = _fingerprints(self.bouts)
            if base != new:
                break
        return found

    def _hopeless(self, found: int, number: int) -> bool:
        """Tell whether a set that could decide something no longer can."""
        left = self._pairs - number
        return self._pairs >= LEAST_PAIRS > found + left

    def _pair(
        self,
        title: str,
        sides: tuple[Side, Side],
        number: int,
        left: int,
        *,
        fresh: bool,
    ) -> Bout | None:
        """Measure a pair; None if one of its trials is not valid."""
        samples: dict[Side, Sample] = {}
        for done, side in enumerate(sides):
            rest = duration(self._seconds() * (left - done))
            more = "" if fresh else " if nothing looks worse"
            self._said(f"{title}, {side}: about {rest} left{more}")
            began = self._clock()
            sample = self._measure(side, number)
            self._took.append(self._clock() - began)
            self._said(f"    {_line(sample)}")
            if not sample.valid:
                return None
            samples[side] = sample
        return Bout(base=samples[Side.BASE], new=samples[Side.NEW], fresh=fresh)

    def _seconds(self) -> float:
        if not self._took:
            return self._expected
        return sum(self._took) / len(self._took)


def _twos(order: Sequence[Side]) -> list[tuple[Side, Side]]:
    return list(pairwise(order))[::2]


def _fingerprints(bouts: Sequence[Bout]) -> tuple[str, str]:
    """Return the hosts of both sides; two different ones if there were ever two."""
    seen = list(
        dict.fromkeys(
            sample.fingerprint for bout in bouts for sample in (bout.base, bout.new)
        )
    )
    return (seen[0], seen[-1]) if seen else ("", "")


def _line(sample: Sample) -> str:
    figures = []
    if (cpu := sample.metrics.get(Metric.CPU_PER_EVENT)) is not None:
        figures.append(f"CPU {per_event(cpu)} an event")
    if (p99 := sample.metrics.get(Metric.P99)) is not None:
        figures.append(f"p99 {milliseconds(1000 * p99)}")
    why = f" ({', '.join(sample.reasons)})" if sample.reasons else ""
    return ", ".join([f"{sample.outcome}{why}", *figures])
