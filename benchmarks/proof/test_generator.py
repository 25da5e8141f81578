"""A generator that cannot keep up makes a trial that says nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from capacity.judge_trial import GENERATOR_REASONS, Outcome, judge
from capacity.trial import Phase, Slo

MakeBench = Callable[..., Any]


@pytest.mark.timeout(300)
def test_a_starved_generator_makes_no_verdict(make_bench: MakeBench) -> None:
    """With a twentieth of a core it is late: not valid, and never called slow."""
    bench = make_bench(source_cpus=0.05)

    result = bench.trial(Phase.BRACKET, 8_000.0, window=10.0)

    judgement = judge(result, Slo())
    assert judgement.outcome is Outcome.INVALID
    assert GENERATOR_REASONS & set(judgement.reasons)
