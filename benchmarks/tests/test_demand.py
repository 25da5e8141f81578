"""Tests of the service demand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.errors import NotEnoughData
from capacity.model.demand import Load, demand_of, loads_of
from capacity.trial import Generator, Phase, Resources, TrialResult, TrialSpec

RATES = (100, 200, 400, 800, 1_600)


@given(
    idle=st.floats(0, 0.5),
    per_event=st.floats(1e-6, 1e-3),
)
def test_exact_line_is_found(idle: float, per_event: float) -> None:
    """Without noise the fit gives back idle cost and cost an event."""
    demand = demand_of([Load(rate=r, cores=idle + per_event * r) for r in RATES])

    assert demand.idle == pytest.approx(idle, rel=1e-4, abs=1e-6)
    assert demand.per_event == pytest.approx(per_event, rel=1e-4)
    assert demand.residual < 1e-6
    assert demand.cores_at(1_000) == pytest.approx(idle + per_event * 1_000, rel=1e-4)


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    """With 5 % of noise the 95 % interval misses the truth in few of 200 fits."""
    random = np.random.default_rng(1)
    missed = 0
    for _ in range(200):
        loads = [
            Load(rate=r, cores=(0.02 + 4e-4 * r) * random.normal(1, 0.05))
            for r in RATES
        ]
        demand = demand_of(loads)
        missed += not demand.low <= 4e-4 <= demand.high

    assert missed <= 20


def test_idle_cost_is_never_negative() -> None:
    """A line that would begin below 0 is fitted through 0."""
    demand = demand_of([Load(rate=r, cores=1e-3 * r - 0.05) for r in RATES])

    assert demand.idle == 0
    assert demand.per_event > 0


def test_unused_container_costs_nothing() -> None:
    """A container that does nothing has the demand 0."""
    demand = demand_of([Load(rate=r, cores=0.0) for r in RATES])

    assert (demand.idle, demand.per_event) == (0, 0)


@pytest.mark.parametrize("rates", [(), (1,), (1, 2), (5, 5, 5, 7)])
def test_two_rates_are_not_enough(rates: tuple[float, ...]) -> None:
    """A line through two points would hide how good it is."""
    with pytest.raises(NotEnoughData, match="service demand needs 3"):
        demand_of([Load(rate=r, cores=r) for r in rates])


def test_loads_are_taken_from_trials() -> None:
    """CPU time is divided by the window; trials without the container are left out."""
    spec = TrialSpec(id=1, phase=Phase.BRACKET, rate=100, settle=5, window=20, drain=1)
    one = TrialResult(
        spec=spec,
        elapsed=30,
        achieved=99,
        generator=Generator(lag_p50=0, lag_p99=0, cpu_share=0),
        resources={"influxdb": Resources(cpu=4)},
    )
    outage = replace(one, spec=replace(spec, window=0, outage=20))

    assert loads_of([one, outage, replace(one, resources={})], "influxdb") == [
        Load(rate=99, cores=0.2)
    ]
