"""Tests of the scalability law."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.errors import NotEnoughData
from capacity.model.usl import usl_of

SIZES = [1, 2, 3, 4, 6, 8]


def rates(gain: float, contention: float, crosstalk: float) -> list[float]:
    """Return what the law says at the sizes."""
    return [
        gain * n / (1 + contention * (n - 1) + crosstalk * n * (n - 1)) for n in SIZES
    ]


@given(
    gain=st.floats(10, 1e5),
    contention=st.floats(0, 0.5),
    crosstalk=st.floats(0, 0.05),
)
@settings(max_examples=20)
def test_exact_law_is_found(gain: float, contention: float, crosstalk: float) -> None:
    """Without noise the three figures come back."""
    usl = usl_of(SIZES, rates(gain, contention, crosstalk), np.random.default_rng(1))

    assert usl.gain == pytest.approx(gain, rel=1e-3)
    assert usl.contention == pytest.approx(contention, abs=1e-3)
    assert usl.crosstalk == pytest.approx(crosstalk, abs=1e-3)


def test_intervals_hold_the_truth_mostly() -> None:
    """With 2 % of noise the intervals miss contention in few of 40 fits."""
    random = np.random.default_rng(7)
    missed = 0
    for _ in range(40):
        noisy = [r * random.normal(1, 0.02) for r in rates(100, 0.1, 0.005)]
        low, high = usl_of(SIZES, noisy, random).contention_interval
        missed += not low <= 0.1 <= high

    assert missed <= 8


def test_nothing_is_said_beyond_twice_the_measured() -> None:
    """Within reach there is a figure and a best size, beyond there is none."""
    usl = usl_of(SIZES, rates(100, 0.1, 0.01), np.random.default_rng(1))

    assert usl.at(16) is not None
    assert usl.at(16.1) is None
    assert usl.best == pytest.approx(np.sqrt(0.9 / 0.01), rel=0.01)


def test_best_size_out_of_reach_is_not_told() -> None:
    """A law without crosstalk, or with little, has no best size here."""
    for crosstalk in (0, 1e-4):
        usl = usl_of(SIZES, rates(100, 0.1, crosstalk), np.random.default_rng(1))

        assert usl.best is None


def test_three_sizes_are_not_enough() -> None:
    """Three figures from three points would fit anything."""
    with pytest.raises(NotEnoughData, match="needs 4"):
        usl_of([1, 2, 4, 4], [1, 2, 3, 3], np.random.default_rng(1))
