"""Tests of what more entities cost."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from capacity.advise.entities import dearer, dearer_together, most_entities
from capacity.document import Age, EntityStep, Report

Make = Callable[..., Report]
replace = msgspec.structs.replace


def with_steps(
    report: Report, *steps: tuple[int, float], aged: float | None = None
) -> Report:
    """Return a run with steps of (entities, seconds an event) for InfluxDB.

    *aged* is what an event cost after a past was stored.
    """
    assert report.speed is not None
    made = tuple(
        EntityStep(
            trial=f"E{place}",
            entities=entities,
            series=entities,
            cpu_s_per_event={"influxdb": cost},
            mem_peak={},
        )
        for place, (entities, cost) in enumerate(steps, 1)
    )
    past = Age(
        trial="A1",
        past_hours=1.0,
        past_points=36_000,
        cpu_s_per_event={"influxdb": aged or 0.0},
    )
    ages = () if aged is None else (past,)
    return replace(report, speed=replace(report.speed, entities=made, age=ages))


@pytest.mark.parametrize(
    ("entities", "times"),
    [
        (10, 1.0),
        (1_000, 1.0),
        (10_000, 1.5),
        (31_623, 2.25),
        (100_000, 3.0),
        (1_000_000, 4.5),
    ],
)
def test_cost_grows_with_the_logarithm(
    made_up: Make, entities: int, times: float
) -> None:
    """From step to step, and beyond the last as between the last two."""
    report = with_steps(made_up(), (100_000, 3e-5), (1_000, 1e-5), (10_000, 1.5e-5))

    assert dearer(report, "influxdb", entities) == pytest.approx(times, rel=1e-4)
    assert dearer(report, "enrichment-pipeline", entities) == 1.0


def test_step_made_twice_is_its_cheaper_one(made_up: Make) -> None:
    """What disturbs a trial makes it dearer, never cheaper."""
    report = with_steps(made_up(), (1_000, 1e-5), (9_000, 2e-5), (9_000, 4e-5))

    assert dearer(report, "influxdb", 9_000) == pytest.approx(2.0)
    assert most_entities(report) == 9_000


def test_fewer_entities_are_not_dearer(made_up: Make) -> None:
    """A step that merged what one with more has left does not hide what they cost."""
    report = with_steps(made_up(), (1_000, 5e-5), (10_000, 2e-5), (100_000, 3e-5))

    assert dearer(report, "influxdb", 10_000) == 1.0
    assert dearer(report, "influxdb", 100_000) == pytest.approx(1.5)


def test_trials_of_the_age_have_the_entities_of_the_search(made_up: Make) -> None:
    """They are made at the rate of the steps, in the middle of them."""
    report = with_steps(made_up(), (1_000, 5e-5), (100_000, 3e-5), aged=1e-5)

    assert report.workload.entities == 1_000
    assert dearer(report, "influxdb", 100_000) == pytest.approx(3.0)


def test_cost_that_falls_is_noise(made_up: Make) -> None:
    """Advice never becomes cheaper with more entities than the search had."""
    report = with_steps(made_up(), (1_000, 2e-5), (10_000, 1e-5))

    assert dearer(report, "influxdb", 10_000) == 1.0
    assert dearer(report, "influxdb", 10_000_000) == 1.0


def test_run_without_steps_knows_no_growth(made_up: Make) -> None:
    """Neither does one with a single step, nor one without any demand."""
    report = made_up()
    bare = with_steps(report)
    idle = replace(report, model=replace(report.model, demand=()))

    assert dearer(bare, "influxdb", 50_000) == 1.0
    assert most_entities(bare) == report.workload.entities
    assert dearer(with_steps(report, (5_000, 1e-5)), "influxdb", 50_000) == 1.0
    assert dearer_together(idle, 50_000) == 1.0
