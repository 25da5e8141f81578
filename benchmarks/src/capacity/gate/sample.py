"""What the gate keeps of one trial of one version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from ..judge_trial import Judgement, Outcome, Reason, judge
from ..names import ENRICHMENT, INGESTION
from ..trial import Slo, Stage, TrialResult
from .order import Side
from .ratios import Metric, Pair

__all__ = ["Sample", "judge_turn", "pair_of", "sample_of"]

JUDGED: Final = (INGESTION, ENRICHMENT)
"""Whose CPU time is judged: the database's moves with its compactions."""
MOST_LAG: Final = 0.050
"""Seconds by which the source may be late, at its p99, where turns are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The figures of one trial.

    `cpu` are CPU seconds an event by container. `reasons` say why the trial is not
    valid, or why the version has not carried the load.
    """

    pair: int
    side: Side
    fingerprint: str
    outcome: Outcome
    reasons: tuple[str, ...]
    metrics: Mapping[Metric, float]
    cpu: Mapping[str, float]

    @property
    def valid(self) -> bool:
        """Whether the trial says anything about the version."""
        return self.outcome is not Outcome.INVALID


def judge_turn(result: TrialResult, slo: Slo) -> Judgement:
    """Say whether a trial counts here, and if so whether the load was carried.

    A source that is a little late spoils a capacity, and not a ratio: both sides have
    it, and latency counts from the schedule. A new version that takes the source's CPU
    time must not get away as not valid.
    """
    judged = judge(result, slo)
    generator = result.generator
    late = judged.outcome is Outcome.INVALID and generator.lag_p99 <= MOST_LAG
    if late and Reason.DISPATCH_LAG in judged.reasons:
        in_time = replace(generator, lag_p50=0.0, lag_p99=0.0)
        return judge(replace(result, generator=in_time), slo)
    return judged


def sample_of(
    result: TrialResult, judgement: Judgement, *, side: Side, fingerprint: str
) -> Sample:
    """Return the figures of a trial; one that was not measured is left out."""
    events = sum(block.due for block in result.blocks)
    cpu = {
        name: row.cpu / events for name, row in result.resources.items() if events > 0
    }
    metrics: dict[Metric, float] = {}
    if all(name in cpu for name in JUDGED):
        metrics[Metric.CPU_PER_EVENT] = sum(cpu[name] for name in JUDGED)
    if (total := result.latency.get(Stage.TOTAL)) is not None:
        metrics[Metric.P99] = total.p99
    return Sample(
        pair=result.spec.id,
        side=side,
        fingerprint=fingerprint,
        outcome=judgement.outcome,
        reasons=tuple(str(reason) for reason in judgement.reasons),
        metrics=metrics,
        cpu=cpu,
    )


def pair_of(base: Sample, new: Sample) -> Pair:
    """Return two valid trials as the gate judges them."""
    return Pair(
        base=base.metrics,
        new=new.metrics,
        base_failed=base.outcome is Outcome.FAIL,
        new_failed=new.outcome is Outcome.FAIL,
    )
