"""Tests of the open-loop schedules."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ha_simulator.errors import ControlError
from ha_simulator.load.schedule import (
    BURST,
    DIURNAL,
    Constant,
    Curve,
    Poisson,
    Profile,
    Schedule,
    Trace,
    make_schedule,
)

RECORDED = (0.0, 0.5, 0.5, 0.5, 2.0, 7.25)


def schedules() -> st.SearchStrategy[Schedule]:
    """Return schedules of all kinds but chance, at rates of every size."""
    rates = st.floats(0.05, 300_000.0)
    periods = st.floats(0.5, 86_400.0)
    offsets = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20).map(sorted)
    return st.one_of(
        st.builds(Constant, rates),
        st.builds(Curve, rates, periods, st.sampled_from([BURST, DIURNAL])),
        st.builds(Trace, rates, st.floats(1.0, 1_000.0), offsets),
    )


@pytest.mark.parametrize("rate", [0.1, 1.0, 3.0, 300.0, 29_999.7])
def test_constant_events_are_due_at_number_over_rate(rate: float) -> None:
    """Event i is due exactly at i / rate, also after very many events."""
    schedule = Constant(rate)
    for number in (0, 1, 2, 3, 999, 1_000_003):
        moment = schedule.at(number)

        assert moment == number / rate
        assert schedule.due(moment) == number + 1
        assert schedule.due(moment - 0.4 / rate) == number


def test_nothing_is_due_before_the_start() -> None:
    """A negative time has no events."""
    assert Constant(10).due(-0.001) == 0
    assert Poisson(10, 1).due(-0.001) == 0


def test_poisson_has_the_mean_rate_and_no_even_gaps() -> None:
    """Over many events the rate is right, and the gaps vary as exponentials do."""
    schedule = Poisson(100.0, seed=3)
    offsets = [schedule.at(number) for number in range(20_000)]
    gaps = [late - early for early, late in pairwise(offsets)]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)

    assert mean == pytest.approx(0.01, rel=0.03)
    assert variance**0.5 == pytest.approx(mean, rel=0.05)


def test_poisson_is_repeatable_from_its_seed() -> None:
    """One seed gives one sequence, another seed another."""
    first, again, other = Poisson(9, 1), Poisson(9, 1), Poisson(9, 2)
    sequence = [first.at(number) for number in range(50)]

    assert [again.at(number) for number in range(50)] == sequence
    assert [other.at(number) for number in range(50)] != sequence


@settings(deadline=None)
@given(schedules(), st.integers(0, 10**8))
def test_an_event_is_due_from_its_offset_on(schedule: Schedule, number: int) -> None:
    """`at` never falls, and `due` is its inverse, also after very many events."""
    moment = schedule.at(number)

    assert moment >= 0
    assert schedule.at(number + 1) >= moment
    assert schedule.due(moment) > number
    assert schedule.at(schedule.due(moment)) > moment


@settings(deadline=None)
@given(
    st.sampled_from([Profile.BURST, Profile.DIURNAL, Profile.TRACE]),
    st.floats(1.0, 10_000.0),
    st.floats(10.0, 600.0),
    st.integers(1, 50),
)
def test_whole_rounds_have_the_mean_rate(
    profile: Profile, rate: float, period: float, rounds: int
) -> None:
    """However events are spaced within a round, each round has equally many."""
    offsets = RECORDED if profile is Profile.TRACE else ()
    schedule = make_schedule(profile, rate=rate, period=period, offsets=offsets)
    seconds = rounds * (len(offsets) / rate if offsets else period)

    assert schedule.due(seconds) == pytest.approx(rate * seconds, abs=2)


def test_a_burst_is_five_times_the_mean_for_10_s_a_minute() -> None:
    """It lies in the middle of the minute; around it a fifth of the mean is due."""
    schedule = Curve(600.0, 60.0, BURST)
    counts = [
        schedule.due(t) for t in (0.0, 24.9999, 34.9999, 59.9999, 84.9999, 94.9999)
    ]

    assert counts == [1, 3_000, 33_000, 36_000, 39_000, 69_000]


def test_a_day_has_its_most_at_noon() -> None:
    """The hours of a day squeezed into 24 s; the night has a ninth of the noon."""
    schedule = Curve(1_000.0, 24.0, DIURNAL)
    dues = [schedule.due(hour - 1e-6) for hour in range(1, 25)]
    hours = [late - early for early, late in pairwise([0, *dues])]

    assert hours == hours[::-1]
    assert (hours[0], hours[11], sum(hours)) == (216, 1_824, 24_000)


def test_a_trace_is_stretched_and_begins_anew() -> None:
    """Six events at 3/s take 2 s, with their distances kept."""
    schedule = Trace(3.0, 8.0, RECORDED)
    offsets = [schedule.at(number) for number in range(8)]

    assert offsets == [0.0, 0.125, 0.125, 0.125, 0.5, 1.8125, 2.0, 2.125]
    assert schedule.due(0.125) == 4


@pytest.mark.parametrize(
    ("offsets", "problem"),
    [
        ([], "must not be empty"),
        ([0.0, 2.0, 1.0], r"offsets\[2\] is 1.0"),
        ([-1.0], r"offsets\[0\]"),
        ([0.0, 10.5], "the period, which is 10.0"),
        ([0.0, float("nan")], r"offsets\[1\]"),
    ],
)
def test_senseless_traces_are_refused(offsets: list[float], problem: str) -> None:
    """The message names the place."""
    with pytest.raises(ControlError, match=problem):
        make_schedule(Profile.TRACE, rate=1, period=10.0, offsets=offsets)


@pytest.mark.parametrize("period", [0.0, -1.0, float("inf"), float("nan")])
def test_senseless_periods_are_refused(period: float) -> None:
    """A period must be a positive finite number."""
    with pytest.raises(ControlError, match="bad_period"):
        make_schedule(Profile.BURST, rate=1, period=period)


def test_poisson_counts_what_it_hands_out() -> None:
    """`due` and `at` agree, also after the passed part was dropped."""
    schedule = Poisson(1_000.0, seed=5)
    for number in range(10_000):
        moment = schedule.at(number)

        assert schedule.due(moment) == number + 1
    assert len(schedule._offsets) < 10_000


@pytest.mark.parametrize("rate", [0, -1, float("inf"), float("nan")])
def test_senseless_rates_are_refused(rate: float) -> None:
    """A rate must be a positive finite number."""
    with pytest.raises(ControlError, match="bad_rate"):
        make_schedule(Profile.CONSTANT, rate=rate, seed=1)


@pytest.mark.parametrize(
    ("profile", "kind"),
    [
        (Profile.CONSTANT, Constant),
        (Profile.POISSON, Poisson),
        (Profile.BURST, Curve),
        (Profile.DIURNAL, Curve),
        (Profile.TRACE, Trace),
    ],
)
def test_profile_chooses_the_schedule(profile: Profile, kind: type) -> None:
    """Each profile has its schedule."""
    offsets = (0.0,) if profile is Profile.TRACE else ()

    assert type(make_schedule(profile, rate=1, offsets=offsets)) is kind
