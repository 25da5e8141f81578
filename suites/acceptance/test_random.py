"""All checks hold under random schedules of quick faults.

Hypothesis makes the schedules, the same ones for the same seed, and shrinks one that
breaks a check. Each is printed as the option that repeats it.
"""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from reference_stack.acceptance.checks import judged
from reference_stack.acceptance.faults.schedule import Step
from reference_stack.acceptance.matrix import Matrix
from reference_stack.acceptance.options import chosen_checks, schedule_count
from reference_stack.acceptance.schedules import (
    LONGEST_PAUSE,
    QUICK,
    parse_schedule,
    scheduled,
    step,
)
from stackproof.check import Verdict

pytestmark = [pytest.mark.random, pytest.mark.timeout(1800)]

_LONGEST = 5
_TENTHS = 10

_STEPS = st.builds(
    step,
    st.sampled_from(QUICK),
    st.integers(0, int(LONGEST_PAUSE * _TENTHS)).map(lambda tenths: tenths / _TENTHS),
)
_SCHEDULES = st.lists(_STEPS, min_size=2, max_size=_LONGEST).map(tuple)


def test_checks_hold_under_random_schedules(
    matrix: Matrix, pytestconfig: pytest.Config
) -> None:
    """Whatever follows on whatever, nothing is lost."""
    checks = chosen_checks(pytestconfig)
    numbers = count(1)

    def hold(steps: tuple[Step, ...]) -> None:
        scenario = scheduled(f"random-{next(numbers)}", steps)
        seen = matrix.observe(scenario)
        found = {check.name: judged(check, seen) for check in checks}
        red = {
            name: f"{finding.verdict}: {finding.observed} {finding.message}"
            for name, finding in found.items()
            if finding.verdict is not Verdict.PASS
        }
        assert red == {}, f"repeat with {scenario.repeat}"

    given_text = pytestconfig.getoption("--schedule")
    if given_text:
        hold(parse_schedule(given_text))
        return
    play: Any = given(_SCHEDULES)(hold)
    limited = settings(
        max_examples=schedule_count(pytestconfig),
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    seed(pytestconfig.getoption("--seed"))(limited(play))()
