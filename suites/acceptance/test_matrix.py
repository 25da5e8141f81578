"""Each check holds under each scenario, with events flowing all the time."""

from __future__ import annotations

import pytest

from reference_stack.acceptance import Check, Scenario, judged
from reference_stack.acceptance.matrix import Matrix
from stackproof.check import Verdict

pytestmark = pytest.mark.timeout(600)


def test_check_holds(matrix: Matrix, scenario: Scenario, check: Check) -> None:
    """What a check promises holds while a scenario is played, and after it."""
    found = judged(check, matrix.observe(scenario))

    assert found.verdict is Verdict.PASS, (
        f"{scenario.title}\n{check.promise}\n"
        f"{found.verdict}: {found.observed}\n{found.message}"
    )
