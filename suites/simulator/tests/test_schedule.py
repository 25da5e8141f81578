"""Tests of the open-loop schedules."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ha_simulator.errors import ControlError
from ha_simulator.load.schedule import Constant, Poisson, Profile, make_schedule


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
    ("profile", "kind"), [(Profile.CONSTANT, Constant), (Profile.POISSON, Poisson)]
)
def test_profile_chooses_the_schedule(profile: Profile, kind: type) -> None:
    """Each profile has its schedule."""
    assert type(make_schedule(profile, rate=1, seed=1)) is kind
