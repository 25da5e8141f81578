"""The document itself: one run, complete, in one value."""

from __future__ import annotations

from typing import Final, Literal

from .base import Part, Text
from .findings import (
    Baseline,
    Check,
    Model,
    Recommendation,
    Resilience,
    Storage,
    Verdict,
)
from .setting import Environment, Generator, Objective, Run, Workload
from .speed import Speed
from .trials import Phase, Timeline, Trial

__all__ = ["SCHEMA_VERSION", "Report"]

SCHEMA_VERSION: Final = 1


_STEADY: Final = frozenset(
    {
        Phase.BRACKET,
        Phase.BISECT,
        Phase.CONFIRM_LOWER,
        Phase.CONFIRM_UPPER,
        Phase.SUSTAINED,
    }
)


class Report(Part, frozen=True, kw_only=True):
    """A run of the capacity search, as report.json holds it."""

    schema_version: Literal[1]
    run: Run
    verdict: Verdict
    environment: Environment
    workload: Workload
    slo: Objective
    generator: Generator
    validity: tuple[Check, ...]
    trials: tuple[Trial, ...]
    timeline: Timeline | None
    model: Model
    storage: Storage | None
    resilience: Resilience | None
    recommendations: tuple[Recommendation, ...]
    baseline: Baseline | None
    warnings: tuple[Text, ...]
    speed: Speed | None = None
    """Absent in documents of before it was measured."""

    def __post_init__(self) -> None:
        """Refuse trials with the same id, and a sustained trial that is not there."""
        ids = [trial.id for trial in self.trials]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"two trials have the id {twice[0]}")
        named = self.verdict.sustained_trial
        if named is not None and named not in ids:
            raise ValueError(
                f"verdict.sustained_trial names {named}, which is no trial"
            )

    @property
    def stack_trials(self) -> tuple[Trial, ...]:
        """The trials of the stack; calibration is one of the generator."""
        return tuple(t for t in self.trials if t.phase is not Phase.CALIBRATE)

    @property
    def rate_trials(self) -> tuple[Trial, ...]:
        """The trials of a steady rate on a warm stack that nobody disturbed."""
        return tuple(trial for trial in self.trials if trial.phase in _STEADY)

    def trial(self, name: str) -> Trial | None:
        """Return the trial with this id."""
        return next((trial for trial in self.trials if trial.id == name), None)

    @property
    def sustained(self) -> Trial | None:
        """The trial that held the sustained rate."""
        name = self.verdict.sustained_trial
        return None if name is None else self.trial(name)
