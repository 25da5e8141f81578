"""Tests of the summary of a backlog."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.trial import (
    Arrival,
    Backlog,
    Block,
    Generator,
    Phase,
    TrialResult,
    TrialSpec,
    backlog_of,
)


@pytest.mark.parametrize(
    ("samples", "mean", "end", "slope"),
    [
        ([], 0, 0, 0),
        ([7], 7, 7, 0),
        ([5, 5, 5, 5], 5, 5, 0),
        ([0, 10, 20, 30], 15, 30, 10),
        ([30, 20, 10, 0], 15, 0, -10),
        ([0] * 18 + [10, 20], 1.5, 15, 275 / 665),
    ],
)
def test_backlog_is_summed_up(
    samples: list[float], mean: float, end: float, slope: float
) -> None:
    """Mean, end and slope are those of the samples."""
    backlog = backlog_of(samples)

    assert backlog.mean == pytest.approx(mean)
    assert backlog.end == pytest.approx(end)
    assert backlog.slope == pytest.approx(slope, abs=1e-3)


def test_slope_is_a_second_and_not_a_sample() -> None:
    """Samples half a second apart grow twice as fast."""
    assert backlog_of([0, 1, 2], interval=0.5).slope == pytest.approx(2)


def test_growth_of_a_load_in_rounds_is_between_like_moments() -> None:
    """A burst in the middle is no growth; what each round leaves behind is."""
    round_of = [10.0] * 25 + [500.0] * 10 + [10.0] * 25
    left = [value + 2.0 * at for at, value in enumerate(round_of)]

    assert backlog_of(round_of, steady=False).slope == 0.0
    assert backlog_of(left, steady=False).slope == pytest.approx(2.0)
    assert backlog_of([5.0], steady=False).slope == 0.0


@pytest.mark.parametrize(
    ("arrival", "rate"), [("burst", 750.0), ("trace", 750.0), ("constant", 900.0)]
)
def test_the_window_has_the_events_that_are_due_in_it(
    arrival: str, rate: float
) -> None:
    """Where the rate is not steady, the mean of a window need not be the trial's."""
    spec = TrialSpec(
        id=1, phase=Phase.BISECT, rate=1_000, settle=1, window=10, drain=3,
        arrival=Arrival(arrival),
    )  # fmt: skip
    result = TrialResult(
        spec=spec,
        elapsed=1,
        achieved=900,
        generator=Generator(lag_p50=0, lag_p99=0, cpu_share=0),
        blocks=(Block(due=8_000, in_time=8_000), Block(due=333, in_time=0)),
    )

    assert result.window_rate == pytest.approx(rate, rel=0.001)


@given(
    start=st.floats(0, 1e6),
    slope=st.floats(-1e3, 1e3),
    count=st.integers(2, 100),
)
def test_straight_line_gives_its_slope(start: float, slope: float, count: int) -> None:
    """A backlog that grows evenly has that slope, wherever it starts."""
    backlog = backlog_of([start + slope * i for i in range(count)])

    assert backlog.slope == pytest.approx(slope, abs=1e-4)
    assert isinstance(backlog, Backlog)


def test_trial_says_what_it_is() -> None:
    """A trial in a sentence has its number, its phase and its rate."""
    spec = TrialSpec(id=3, phase=Phase.BISECT, rate=1131.3, settle=1, window=2, drain=3)

    assert str(spec) == "trial 3 (bisect at 1,131/s)"
