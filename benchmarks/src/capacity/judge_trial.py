"""Whether a trial counts, and whether the machine carried its rate. Pure.

A trial that is not valid says nothing about the machine: it is neither a lower bound
nor an upper one. One that is valid fails if any condition is broken; all that are
broken are named.

Some conditions are of steady load only. Where it comes in rounds (`CYCLIC`), a backlog
may rise and fall within one, so only its growth over whole rounds counts, and neither
its end nor Little's law does. Of a recorded trace nothing is known: there the share in
time, the account and the draining decide.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from scipy import stats

from .trial import (
    CYCLIC,
    STEADY,
    UNLOADED,
    Block,
    Phase,
    Slo,
    Stage,
    TrialResult,
)

__all__ = [
    "GENERATOR_REASONS",
    "MOST_PRESSURE_BEFORE",
    "Attainment",
    "Judgement",
    "Outcome",
    "Reason",
    "attainment_of",
    "judge",
    "little_residual",
    "may_still_pass",
]

MOST_LAG: Final = 0.010
LEAST_ACHIEVED: Final = 0.99
MOST_GENERATOR_CPU: Final = 0.80
MOST_STEAL: Final = 0.05
MOST_PRESSURE_BEFORE: Final = 0.05
MOST_SLOPE: Final = 0.01
MOST_END_TO_MEAN: Final = 1.5
SMALL_BACKLOG: Final = 1.0
"""Of a mean backlog below so many seconds of events, end and mean are not compared."""
SMALL_GROWTH: Final = 0.25
"""Growth over the window by fewer seconds of events is batches in flight."""
MOST_LITTLE: Final = 0.10
LEAST_IN_FLIGHT: Final = 20.0
"""Below so many events in flight, sampling once a second cannot support the check."""
_ENDED_EARLY: Final = frozenset(
    {Phase.CONFIRM_LOWER, Phase.CONFIRM_UPPER, Phase.SUSTAINED}
)
_LEAST_BLOCKS: Final = 2
_CONFIDENCE: Final = 0.95
_BY_CHANCE: Final = 0.99865
"""Of a normal distribution so much lies below three standard deviations."""


class Outcome(StrEnum):
    """What a trial says about its rate."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    INVALID = "invalid"


class Reason(StrEnum):
    """Why a trial is not valid, or why it failed."""

    DISPATCH_LAG = "dispatch_lag"
    RATE_NOT_ACHIEVED = "rate_not_achieved"
    GENERATOR_CPU = "generator_cpu"
    CLOCK = "clock"
    STEAL = "steal"
    OTHER_LOAD = "other_load"
    NOT_DRAINED = "not_drained"
    ACCOUNTING = "accounting"
    LITTLE = "little"
    NO_EVENTS = "no_events"

    ATTAINMENT = "attainment"
    BACKLOG_SLOPE = "backlog_slope"
    BACKLOG_END = "backlog_end"
    LOST = "lost"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    UNEXPECTED = "unexpected"
    OUT_OF_ORDER = "out_of_order"
    DISCONNECT = "disconnect"
    RESTART = "restart"
    OOM = "oom"
    DRAIN = "drain"


GENERATOR_REASONS: Final = frozenset(
    {Reason.DISPATCH_LAG, Reason.RATE_NOT_ACHIEVED, Reason.GENERATOR_CPU}
)
"""Not valid because of the generator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attainment:
    """The share of events stored in time, with a 95 % interval over blocks."""

    value: float
    low: float
    high: float
    blocks: int
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a trial says: `reasons` are empty exactly if it passed."""

    outcome: Outcome
    reasons: tuple[Reason, ...] = ()

    @property
    def blames_generator(self) -> bool:
        """True if it is not valid, and for no other reason than the generator.

        A lower rate may be valid then, the same hardly.
        """
        invalid = self.outcome is Outcome.INVALID
        return invalid and GENERATOR_REASONS.issuperset(self.reasons)


def judge(result: TrialResult, slo: Slo) -> Judgement:
    """Say whether a trial is valid, and if so whether the rate was carried."""
    invalid = tuple(_invalid(result))
    if invalid:
        return Judgement(outcome=Outcome.INVALID, reasons=invalid)
    failed = tuple(_failed(result, slo))
    if failed:
        return Judgement(outcome=Outcome.FAIL, reasons=failed)
    if _has_window(result) and _breaks_little(result):
        return Judgement(outcome=Outcome.INVALID, reasons=(Reason.LITTLE,))
    return Judgement(outcome=Outcome.PASS)


def attainment_of(blocks: Sequence[Block]) -> Attainment:
    """Return the share in time of all events.

    The interval is the wider of two: Wilson's, which holds if events are independent,
    and that of the blocks' spread (Student's t), which holds if they are not.
    """
    due = sum(block.due for block in blocks)
    if due == 0:
        return Attainment(value=0.0, low=0.0, high=1.0, blocks=len(blocks), events=0)
    share = sum(block.in_time for block in blocks) / due
    low, high = _wilson(share, due)
    if (count := len(blocks)) > 1:
        mean_due = due / count
        residuals = [(b.in_time - share * b.due) / mean_due for b in blocks]
        error = math.sqrt(sum(r * r for r in residuals) / (count * (count - 1)))
        margin = float(stats.t.ppf((1 + _CONFIDENCE) / 2, count - 1)) * error
        low, high = min(low, share - margin), max(high, share + margin)
    return Attainment(
        value=share,
        low=max(0.0, low),
        high=min(1.0, high),
        blocks=count,
        events=due,
    )


def little_residual(result: TrialResult) -> float | None:
    """Return how far the backlog is from rate times time under way, as a share.

    None if there are too few events under way to tell, no total latency, or no steady
    load.
    """
    total = result.latency.get(Stage.TOTAL)
    if total is None or result.spec.arrival not in STEADY:
        return None
    expected = result.achieved * total.mean
    if max(expected, result.backlog.mean) < LEAST_IN_FLIGHT or expected <= 0:
        return None
    return result.backlog.mean / expected - 1


def may_still_pass(
    phase: Phase, blocks: Sequence[Block], *, planned: int, slo: Slo
) -> bool:
    """Tell whether a running trial is still open: a sure fail need not run to its end.

    That is only said of long trials, of which nothing but the outcome is asked, and
    after as many blocks as a short one has: what was used in them tells the limit.

    Args:
        phase: of the trial.
        blocks: those that are over, with what is known to be late by now.
        planned: events that are due in the whole window.
        slo: what is promised.
    """
    if phase not in _ENDED_EARLY or len(blocks) < _LEAST_BLOCKS:
        return True
    missed = sum(block.due - block.in_time for block in blocks)
    return missed <= (1 - slo.p) * planned


def _invalid(result: TrialResult) -> Iterator[Reason]:
    host, generator, spec = result.host, result.generator, result.spec
    if spec.phase not in {Phase.EMIT, *UNLOADED}:
        if generator.lag_p99 > MOST_LAG:
            yield Reason.DISPATCH_LAG
        if result.achieved < LEAST_ACHIEVED * spec.rate:
            yield Reason.RATE_NOT_ACHIEVED
        if generator.cpu_share > MOST_GENERATOR_CPU:
            yield Reason.GENERATOR_CPU
    if not host.clock_ok:
        yield Reason.CLOCK
    if host.steal >= MOST_STEAL:
        yield Reason.STEAL
    if host.pressure_before >= MOST_PRESSURE_BEFORE:
        yield Reason.OTHER_LOAD
    if not host.drained_before and spec.phase is not Phase.DRAIN:
        yield Reason.NOT_DRAINED
    count = result.accounting
    if count.sent != count.stored + count.rejected + count.lost:
        yield Reason.ACCOUNTING
    if _has_window(result) and not any(block.due for block in result.blocks):
        yield Reason.NO_EVENTS


def _failed(result: TrialResult, slo: Slo) -> Iterator[Reason]:
    if _has_window(result):
        if attainment_of(result.blocks).value < slo.p:
            yield Reason.ATTAINMENT
        backlog, rate = result.backlog, result.spec.rate
        least_slope = max(MOST_SLOPE, SMALL_GROWTH / result.window) * rate
        arrival = result.spec.arrival
        if arrival in STEADY | CYCLIC and backlog.slope > least_slope:
            yield Reason.BACKLOG_SLOPE
        if (
            arrival in STEADY
            and backlog.mean >= SMALL_BACKLOG * rate
            and backlog.end >= MOST_END_TO_MEAN * backlog.mean
        ):
            yield Reason.BACKLOG_END
    if result.spec.phase is Phase.OUTAGE and (
        result.outage is None or result.outage.drain is None
    ):
        yield Reason.DRAIN
    if result.spec.phase is Phase.DRAIN and not result.drained:
        yield Reason.DRAIN
    count = result.accounting
    found = {
        Reason.LOST: count.lost,
        Reason.REJECTED: count.rejected,
        Reason.DUPLICATE: count.duplicate,
        Reason.UNEXPECTED: count.unexpected,
        Reason.OUT_OF_ORDER: count.out_of_order,
        Reason.DISCONNECT: result.disconnects,
        Reason.RESTART: sum(r.restarts for r in result.resources.values()),
        Reason.OOM: sum(r.oom_kills for r in result.resources.values()),
    }
    yield from (reason for reason, number in found.items() if number)


def _has_window(result: TrialResult) -> bool:
    """Tell whether the trial's events are timed into the store."""
    return result.spec.phase not in {
        Phase.CALIBRATE,
        Phase.OUTAGE,
        Phase.EMIT,
        *UNLOADED,
    }


def _breaks_little(result: TrialResult) -> bool:
    """Tell whether backlog, rate and latency contradict each other.

    The law is one of steady systems, so it is not asked where the backlog moves, and
    a backlog that jumps between samples is given what one mean in 370 is away by
    chance: three standard errors, more of few samples (Student's t).
    """
    residual = little_residual(result)
    backlog = result.backlog
    total = result.latency.get(Stage.TOTAL)
    if residual is None or total is None:
        return False
    if abs(backlog.slope) > MOST_SLOPE * result.spec.rate:
        return False
    expected = result.achieved * total.mean
    free = backlog.samples - 1 if backlog.samples > 1 else math.inf
    chance = float(stats.t.ppf(_BY_CHANCE, free))
    return abs(residual) > MOST_LITTLE + chance * backlog.error / expected


def _wilson(share: float, count: int) -> tuple[float, float]:
    z = float(stats.norm.ppf((1 + _CONFIDENCE) / 2))
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    margin = (
        z
        / (1 + z * z / count)
        * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    )
    return centre - margin, centre + margin
