"""Tests of `reference_stack.acceptance.catalogue`."""

from __future__ import annotations

from collections import Counter

import pytest

from reference_stack import LONG_RUNNING, SourceKind
from reference_stack.acceptance import CHECKS, SCENARIOS, Scenario


def test_names_are_unique() -> None:
    """A name chooses one scenario, or one check, and names one folder."""
    scenarios = [scenario.name for scenario in SCENARIOS]
    names = Counter([*scenarios, *(check.name for check in CHECKS)])

    assert [name for name, times in names.items() if times > 1] == []


@pytest.mark.parametrize("service", LONG_RUNNING)
@pytest.mark.parametrize("disturbance", ["SIGTERM", "SIGKILL", "OOM kill"])
def test_each_service_is_ended_in_each_way(service: str, disturbance: str) -> None:
    """Alone; all together are scenarios of their own."""
    found = [
        scenario
        for scenario in SCENARIOS
        if scenario.hits == (service,) and scenario.disturbance == disturbance
    ]

    assert SourceKind.SIMULATOR in {scenario.source for scenario in found}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_scenario_says_what_it_does(scenario: Scenario) -> None:
    """All but the one that does nothing name services and a disturbance."""
    harmless = scenario.name.endswith("none")

    assert scenario.title
    assert bool(scenario.hits) != harmless
    assert bool(scenario.disturbance) != harmless


def test_only_options_allow_what_hits_the_whole_host() -> None:
    """A restart of the engine stops what belongs to others."""
    needing = {each.name: each.option for each in SCENARIOS if each.option}

    assert needing == {"real-engine-restart": "--allow-engine-restart"}
