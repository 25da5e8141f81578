"""Histograms that come in blocks."""

from __future__ import annotations

import pytest
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

from capacity.clocks import Taken, blocks_of, late, mean, merged, quantiles, values
from capacity.errors import BadAnswer
from capacity.trial import Block, Stage


def answer(*values: tuple[int, int]) -> dict[str, object]:
    """Return what enrichment-pipeline answers for values and their counts."""
    histogram = HdrHistogram(1, 120_000_000, 3)
    for value, count in values:
        histogram.record_value(value, count)
    row = {
        "count": histogram.get_total_count(),
        "hdr": histogram.encode().decode("ascii"),
    }
    names = ("received", "queued", "written", "total")
    return {"negative": 1, "stages": dict.fromkeys(names, row)}


def test_blocks_add_up_without_loss() -> None:
    """What was recorded in two blocks is in their sum, to three digits."""
    takes = [Taken.of(answer((4_402_000, 3))), Taken.of(answer((2_000, 97)))]
    whole = merged(takes, Stage.TOTAL)
    found = quantiles(whole)
    assert found is not None
    assert whole.get_total_count() == 100
    assert found.p99 == pytest.approx(4.402, rel=0.001)
    assert found.p50 == pytest.approx(0.002, rel=0.001)
    assert late(whole, 1.0) == 3
    assert late(whole, 4.5) == 0


def test_nothing_recorded_is_no_distribution() -> None:
    """It is not 0 ms."""
    assert quantiles(merged([], Stage.TOTAL)) is None
    assert late(merged([], Stage.TOTAL), 1.0) == 0


@pytest.mark.parametrize(
    "wrong",
    [{}, {"negative": 0, "stages": {"sent": {}}}, {"negative": 0, "stages": None}],
)
def test_another_answer_is_said(wrong: dict[str, object]) -> None:
    """A service of another version must not look like one without latency."""
    with pytest.raises(BadAnswer, match="POST /v1/latency/take"):
        Taken.of(wrong)


@pytest.mark.parametrize(
    ("missed", "unstored", "in_time"),
    [
        ((0, 0), 0, (100, 50)),
        ((10, 5), 0, (90, 45)),
        ((0, 0), 60, (90, 0)),
        ((0, 120), 60, (0, 0)),
    ],
)
def test_what_is_never_stored_is_missed(
    missed: tuple[int, int], unstored: int, in_time: tuple[int, int]
) -> None:
    """It counts in the last blocks; more than was due cannot be missed."""
    found = blocks_of((100, 50), missed, unstored=unstored)
    assert found == (
        Block(due=100, in_time=in_time[0]),
        Block(due=50, in_time=in_time[1]),
    )


@pytest.mark.parametrize("recorded", [[1], [7, 7, 2_047, 2_048, 1_000_448, 10**8]])
def test_values_and_mean_are_those_of_the_library(recorded: list[int]) -> None:
    """Its own iterators are only slower."""
    histogram = HdrHistogram(1, 120_000_000, 3)
    for value in recorded:
        histogram.record_value(value)

    assert list(values(histogram)) == [
        (step.value_iterated_to, step.count_added_in_this_iter_step)
        for step in histogram.get_recorded_iterator()
    ]
    assert mean(histogram) == pytest.approx(histogram.get_mean_value() / 1e6)


def test_nothing_recorded_has_no_values() -> None:
    """Its longest value is none either."""
    assert list(values(HdrHistogram(1, 120_000_000, 3))) == []
