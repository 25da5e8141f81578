"""What a search has found, and why it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..judge_trial import Reason

__all__ = ["Done", "Edge", "StopReason"]


class StopReason(StrEnum):
    """Why no further trial would help, or none was possible."""

    WIDTH_REACHED = "width_reached"
    TIME_BUDGET = "time_budget"
    MAX_RATE = "max_rate"
    GENERATOR_LIMITED = "generator_limited"
    UNSTABLE = "unstable"
    MIN_RATE_FAILS = "min_rate_fails"
    NOT_VALID = "not_valid"
    NOT_DRAINED = "not_drained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """The capacity in events/s; `upper` is None where nothing valid has failed."""

    lower: float
    upper: float | None
    lower_confirmed: bool
    upper_confirmed: bool

    @property
    def confirmed(self) -> bool:
        """Tell whether each end that is named has a majority of long trials."""
        return self.lower_confirmed and (self.upper is None or self.upper_confirmed)

    @property
    def middle(self) -> float | None:
        """The geometric mean of both ends, the one figure where one must be shown."""
        return None if self.upper is None else (self.lower * self.upper) ** 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The end of a search.

    `edge` is None if no rate has passed; `reasons` then say what the last trial broke.
    `sustained` is the rate that held the whole soak, None if none did or no time was
    left for it. `outage_held` is None if no outage was tried, and false if one lost
    events or did not drain. `scalar` is false if the bounds contradicted each other:
    then only the interval may be shown.
    """

    stop: StopReason
    screening: bool
    used: float
    edge: Edge | None
    sustained: float | None
    outage_held: bool | None
    generator_max: float | None
    cap: float | None
    reasons: tuple[Reason, ...]
    adjustments: int
    compaction_seen: bool
    warm: bool

    @property
    def scalar(self) -> bool:
        """Tell whether one figure may stand for the interval."""
        return self.edge is not None and self.stop is not StopReason.UNSTABLE
