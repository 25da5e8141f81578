"""Tests of the forecasts: disk, drain and memory."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.errors import NotEnoughData
from capacity.model.disk import (
    DAY,
    HOUR,
    StorageCost,
    days_to_full,
    forecast,
    shard_seconds,
)
from capacity.model.drain import drain_seconds, longest_outage, sustained_for
from capacity.model.memory import MemoryPoint, memory_of

COLD_ONLY = StorageCost(hot=9, cold=9)


@pytest.mark.parametrize(
    ("retention", "shard"),
    [
        (HOUR, HOUR),
        (2 * DAY - 1, HOUR),
        (2 * DAY, DAY),
        (90 * DAY, DAY),
        (183 * DAY, DAY),
        (184 * DAY, 7 * DAY),
        (0, 7 * DAY),
    ],
)
def test_shards_are_those_of_influxdb(retention: float, shard: float) -> None:
    """Short retention has short shards, for ever has weeks."""
    assert shard_seconds(retention) == shard


@pytest.mark.parametrize(("rate", "gigabytes"), [(10, 0.7), (100, 7.1), (500, 35.4)])
def test_published_figures_are_met(rate: float, gigabytes: float) -> None:
    """3 fields of 3 B for 90 days and a shard, without scratch, as the table says."""
    size = forecast(COLD_ONLY, rate=rate, retention=90 * DAY, days=365).size
    scratch = rate * DAY * 9

    assert (size - scratch) / 1e9 == pytest.approx(gigabytes, abs=0.06)


@pytest.mark.parametrize(
    ("days", "size"),
    [
        (0, 1_000),
        (0.5, 1_000 + 43_200 * (20 + 10)),
        (1, 1_000 + 86_400 * (20 + 10)),
        (10, 1_000 + 864_000 * 10 + 86_400 * (10 + 10)),
        (31, 1_000 + 86_400 * (31 * 10 + 20)),
        (99, 1_000 + 86_400 * (31 * 10 + 20)),
    ],
)
def test_disk_grows_to_its_plateau(days: float, size: float) -> None:
    """Cold data up to retention and a shard, one shard hot, one as scratch."""
    cost = StorageCost(hot=20, cold=10, fixed=1_000)

    assert forecast(cost, rate=1, retention=30 * DAY, days=days).size == size


def test_uncertainty_is_of_what_grows() -> None:
    """The error widens the forecast and leaves what is fixed."""
    cost = StorageCost(hot=10, cold=10, fixed=1_000, error=0.1)
    found = forecast(cost, rate=1, retention=0, days=1)

    grown = found.size - 1_000
    assert found.low == pytest.approx(1_000 + 0.9 * grown)
    assert found.high == pytest.approx(1_000 + 1.1 * grown)


@pytest.mark.parametrize(
    ("free", "retention", "expected"),
    [
        (1e15, 30 * DAY, None),
        (500, 30 * DAY, 0),
        ((1_000 + 86_400 * 330) / 0.8 * 1.001, 30 * DAY, None),
        ((1_000 + 86_400 * (100 + 20)) / 0.8, 30 * DAY, 10),
        ((1_000 + 86_400 * (1_000 + 140)) / 0.8, 0, 100),
    ],
    ids=["plenty", "none", "just enough", "ten days", "for ever"],
)
def test_day_when_the_disk_is_full(
    free: float, retention: float, expected: float | None
) -> None:
    """Four fifths of what was free may be used; a plateau below is never full."""
    cost = StorageCost(hot=20, cold=10, fixed=1_000)
    found = days_to_full(cost, rate=1, retention=retention, free=free)

    assert found == (None if expected is None else pytest.approx(expected, abs=1e-3))


@given(
    rate=st.floats(0.1, 1e5),
    retention=st.floats(HOUR, 1_000 * DAY),
    first=st.floats(0, 2_000),
    later=st.floats(0, 2_000),
)
def test_disk_never_shrinks(
    rate: float, retention: float, first: float, later: float
) -> None:
    """More days are not less data, and the plateau is reached after retention."""
    cost = StorageCost(hot=30, cold=9, fixed=7)

    def size(days: float) -> float:
        return forecast(cost, rate=rate, retention=retention, days=days).size

    assert size(first) <= size(first + later)
    full = (retention + shard_seconds(retention)) / DAY
    assert size(full + first) == pytest.approx(size(full + later))


@pytest.mark.parametrize(
    ("rate", "capacity", "outage", "drain"),
    [
        (500, 1_000, 600, 600),
        (900, 1_000, 600, 5_400),
        (1_000, 1_000, 1, math.inf),
        (2_000, 1_000, 1, math.inf),
        (0, 1_000, 600, 0),
        (500, 1_000, 0, 0),
    ],
)
def test_drain_is_predicted(
    rate: float, capacity: float, outage: float, drain: float
) -> None:
    """Ten minutes drain in ten at half load, in ninety at nine tenths."""
    assert drain_seconds(rate=rate, capacity=capacity, outage=outage) == pytest.approx(
        drain
    )


@given(capacity=st.floats(1, 1e5), times=st.floats(0.1, 10), outage=st.floats(1, 1e4))
def test_sustained_rate_drains_as_promised(
    capacity: float, times: float, outage: float
) -> None:
    """At the rate for k the draining takes k times the outage."""
    rate = sustained_for(capacity=capacity, times=times)

    assert drain_seconds(rate=rate, capacity=capacity, outage=outage) == pytest.approx(
        times * outage, rel=1e-6
    )


def test_buffer_survives_so_long() -> None:
    """A buffer lasts its events over the rate, and for ever without load."""
    assert longest_outage(rate=300, buffer=252_000) == 840
    assert math.isinf(longest_outage(rate=0, buffer=1))


@given(
    base=st.floats(1e6, 1e9),
    per_series=st.floats(0, 1e5),
    per_event=st.floats(0, 1e4),
)
def test_memory_is_fitted(base: float, per_series: float, per_event: float) -> None:
    """Three cardinalities and an outage give base and both growths."""
    points = [
        MemoryPoint(series=s, backlog=b, peak=base + per_series * s + per_event * b)
        for s, b in [(100, 0), (1_000, 0), (10_000, 0), (100, 50_000)]
    ]
    model = memory_of(points)

    assert model.base == pytest.approx(base, rel=1e-4)
    assert model.at(series=5_000, backlog=10_000) == pytest.approx(
        base + 5_000 * per_series + 10_000 * per_event, rel=1e-3
    )


def test_memory_says_at_how_many_series_the_limit_is_used() -> None:
    """Half of the limit is for the peak; without growth there is no such number."""
    grows = memory_of(
        [MemoryPoint(series=s, backlog=0, peak=100 + 2 * s) for s in (10, 20, 40)]
    )
    flat = memory_of([MemoryPoint(series=s, backlog=0, peak=100) for s in (10, 20, 40)])

    assert grows.most_series(1_000) == pytest.approx(200)
    assert grows.per_event == 0
    assert flat.most_series(1_000) is None or flat.per_series < 1e-9


def test_memory_needs_three_points() -> None:
    """Two cardinalities are not enough."""
    with pytest.raises(NotEnoughData, match="memory model"):
        memory_of([MemoryPoint(series=1, backlog=0, peak=1)] * 2)
