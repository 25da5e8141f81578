"""The matrix of checks and scenarios: each check is judged under each scenario.

A check is written once (`checks`), a scenario too (`catalogue`, `faults`); `run` puts
them together on a stack that `owned` starts.
"""

from __future__ import annotations

from .catalogue import SCENARIOS
from .checks import CHECKS, Check, judged
from .observation import Observation
from .owned import acceptance_stack
from .run import run_scenario
from .scenario import Scenario, Subscription
from .world import World

__all__ = [
    "CHECKS",
    "SCENARIOS",
    "Check",
    "Observation",
    "Scenario",
    "Subscription",
    "World",
    "acceptance_stack",
    "judged",
    "run_scenario",
]
