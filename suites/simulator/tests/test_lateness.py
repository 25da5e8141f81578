"""Tests of the lateness histogram."""

from __future__ import annotations

import pytest

from ha_simulator.load.lateness import Lateness


def test_summary_of_known_values() -> None:
    """Mean and maximum are exact, quantiles are bounds, late ones are counted."""
    lateness = Lateness()
    lateness.add([1_000] * 98)
    lateness.add([10_000, 50_000])

    assert lateness.summary() == {
        "max_ms": 50.0,
        "mean_ms": 1.58,
        "p50_ms": 1.023,
        "p99_ms": 16.383,
        "late_over_10_ms": 1,
    }


@pytest.mark.parametrize("late_us", [0, 1, 999, 65_536, 10**9])
def test_quantile_bounds_the_value_within_a_factor_of_two(late_us: int) -> None:
    """A quantile is never below the true value and never twice as high."""
    lateness = Lateness()
    lateness.add([late_us, 2 * late_us])

    assert late_us <= lateness.quantile_us(0.5) <= max(2 * late_us, 1)


def test_early_events_count_as_on_time() -> None:
    """A negative lateness is none."""
    lateness = Lateness()
    lateness.add([-5])

    assert (lateness.max_us, lateness.count, lateness.quantile_us(0.99)) == (0, 1, 0)


def test_nothing_measured_is_all_zero() -> None:
    """Without events every number is 0."""
    assert set(Lateness().summary().values()) == {0}
