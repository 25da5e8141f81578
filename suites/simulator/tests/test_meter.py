"""Tests of the rate meter."""

from __future__ import annotations

from ha_simulator.load.meter import Meter


def test_rate_is_that_of_the_last_second() -> None:
    """Older samples do not count any more."""
    meter = Meter()
    for tenth in range(30):
        total = 1_000 if tenth < 20 else 1_000 + (tenth - 19) * 30
        meter.sample(total, tenth * 100_000)

    assert meter.per_second() == 300.0


def test_rate_needs_two_instants() -> None:
    """One sample, or two at one instant, are no rate."""
    meter = Meter()
    rates = [meter.per_second()]
    meter.sample(5, 1_000)
    rates.append(meter.per_second())
    meter.sample(9, 1_000)
    rates.append(meter.per_second())

    assert rates == [0.0, 0.0, 0.0]
