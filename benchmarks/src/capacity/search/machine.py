"""The search as others use it: next, observe, replay, progress."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from ..errors import SearchMismatch
from ..trial import Arrival, Phase, Slo, TrialResult, TrialSpec
from .done import Done
from .plan import Observed, Plan
from .profile import Profile

__all__ = ["Progress", "Search"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a search is; `used` and `left` are seconds, `left` an estimate."""

    phase: Phase
    trials: int
    used: float
    left: float


class Search:
    """Finds the edge, the sustained rate and what an outage does, in bounded time."""

    def __init__(
        self,
        profile: Profile,
        slo: Slo,
        *,
        arrival: Arrival = Arrival.CONSTANT,
        skip: Iterable[Phase] = (),
        real: bool = False,
    ) -> None:
        """Begin a search.

        Args:
            profile: how long it may take.
            slo: what is promised.
            arrival: how events are spread over a second.
            skip: what comes after the search and is not wanted.
            real: whether the source is a real Home Assistant.
        """
        self._plan = Plan(
            profile=profile, slo=slo, arrival=arrival, skip=frozenset(skip), real=real
        )
        self._steps = self._plan.run()
        self._next: TrialSpec | Done = next(self._steps)

    @classmethod
    def replay(
        cls,
        profile: Profile,
        slo: Slo,
        results: Iterable[TrialResult],
        *,
        arrival: Arrival = Arrival.CONSTANT,
        skip: Iterable[Phase] = (),
        real: bool = False,
    ) -> Self:
        """Return the search as it was after these results.

        Raises:
            SearchMismatch: the results are of another profile, promise or version.
        """
        search = cls(profile, slo, arrival=arrival, skip=skip, real=real)
        for result in results:
            search.observe(result)
        return search

    def next(self) -> TrialSpec | Done:
        """Return the trial to make, or the end; the same until it is observed."""
        return self._next

    def observe(self, result: TrialResult) -> None:
        """Take the result of the trial that `next` asked for.

        Raises:
            SearchMismatch: it is the result of another trial.
        """
        if result.spec != self._next:
            given = str(result.spec)
            expected = (
                str(self._next) if isinstance(self._next, TrialSpec) else "no trial"
            )
            raise SearchMismatch(expected, given)
        try:
            self._next = self._steps.send(result)
        except StopIteration as end:
            self._next = end.value

    @property
    def observed(self) -> tuple[Observed, ...]:
        """All trials made, with what they say, in their order."""
        return tuple(self._plan.observed)

    def progress(self) -> Progress:
        """Return how far the search is."""
        done = isinstance(self._next, Done)
        return Progress(
            phase=self._plan.phase,
            trials=len(self._plan.observed),
            used=self._plan.used,
            left=0.0 if done else self._plan.left(),
        )
