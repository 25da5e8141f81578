"""Tests of what a run says of a trial that has ended."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from capacity.judge_trial import judge
from capacity.progress import ConsoleTeller
from capacity.search import Progress
from capacity.trial import Block, Generator, Phase, Slo, TrialResult, TrialSpec

LATE = TrialResult(
    spec=TrialSpec(
        id=7, phase=Phase.CONFIRM_LOWER, rate=2_000, settle=10, window=120, drain=60
    ),
    elapsed=45.0,
    achieved=2_000.0,
    generator=Generator(lag_p50=0.0, lag_p99=0.0, cpu_share=0.0),
    blocks=(Block(due=20_000, in_time=10_000),),
)


@pytest.fixture
def told() -> Callable[[TrialResult], str]:
    """Return what is said of a trial, where no terminal listens."""

    def tell(result: TrialResult) -> str:
        out = io.StringIO()
        teller = ConsoleTeller(Console(file=out, highlight=False))
        progress = Progress(phase=Phase.CONFIRM_LOWER, trials=6, used=61.0, left=125.0)
        teller.begins(result.spec, progress)
        teller.ended(result, judge(result, Slo()))
        return out.getvalue()

    return tell


def test_a_trial_is_told_with_its_outcome_and_the_time_left(
    told: Callable[[TrialResult], str],
) -> None:
    """One line each, as a log is read."""
    assert told(LATE) == (
        "trial 7 (confirm_lower at 2,000/s): fail (attainment); it began with "
        "1:01 min gone, about 2:05 min left\n"
    )


def test_a_trial_that_was_ended_early_says_so(
    told: Callable[[TrialResult], str],
) -> None:
    """So that nobody wonders where its time has gone."""
    assert "fail (attainment) after 30 of 120 s;" in told(
        replace(LATE, ended_after=30.0)
    )
