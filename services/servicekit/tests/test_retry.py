"""Retry rules as tables."""

from __future__ import annotations

from itertools import islice

import pytest

from servicekit.retry import REPEATS_BEFORE_BISECT, Verdict, classify, delays


@pytest.mark.parametrize(
    ("status", "repeated", "verdict"),
    [
        (204, 0, Verdict.DONE),
        (200, 0, Verdict.DONE),
        (422, 0, Verdict.PARTIAL),
        (400, 0, Verdict.BISECT),
        (413, 0, Verdict.HALVE),
        (408, 0, Verdict.RETRY),
        (429, 9, Verdict.RETRY),
        (500, 0, Verdict.RETRY),
        (500, REPEATS_BEFORE_BISECT - 1, Verdict.RETRY),
        (500, REPEATS_BEFORE_BISECT, Verdict.BISECT),
        (503, 99, Verdict.RETRY),
        (502, 0, Verdict.RETRY),
        (401, 0, Verdict.PAUSE),
        (403, 0, Verdict.PAUSE),
        (404, 0, Verdict.PAUSE),
        (301, 0, Verdict.PAUSE),
        (405, 0, Verdict.PAUSE),
    ],
)
def test_verdict(status: int, repeated: int, verdict: Verdict) -> None:
    """Each answer of InfluxDB has one consequence."""
    assert classify(status, repeated=repeated) is verdict


def test_delays_grow_to_the_ceiling() -> None:
    """Without luck each delay is half of its bound, which doubles and then stays."""
    low = list(islice(delays(0.2, 3.0, jitter=lambda: 0.0), 6))

    assert low == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.5, 1.5])


def test_jitter_moves_a_delay_up_to_its_bound() -> None:
    """The whole upper half of the bound is used."""
    (first,) = islice(delays(2.0, 3.0, jitter=lambda: 0.999), 1)

    assert first == pytest.approx(2.0, abs=0.01)
