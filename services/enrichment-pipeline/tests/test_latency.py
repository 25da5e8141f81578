"""The ages of events by stage, in histograms that can be merged."""

from __future__ import annotations

from typing import Any

import pytest
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

from enrichment_pipeline.latency import Age, Latency

MS = 1000


class Clock:
    """A clock that only the test moves."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time that the test set."""
        return self.now


def quantile(taken: dict[str, Any], stage: str, percent: float) -> int:
    """Return a quantile of a stage, in µs."""
    histogram = HdrHistogram.decode(taken["stages"][stage]["hdr"])
    return int(histogram.get_value_at_percentile(percent))


def test_each_stage_has_its_share() -> None:
    """Fired at 1 s, received 5 ms later, here after 20 ms, written after 30 ms."""
    latency = Latency()
    age = Age(events=7, fired_us=1_000_000, received_us=1_005_000)
    latency.record([age], arrived=1.020, written=1.030)

    taken = latency.take()

    counts = {name: stage["count"] for name, stage in taken["stages"].items()}
    assert counts == {"received": 7, "queued": 7, "written": 7, "total": 7}
    shares = {"received": 5, "queued": 15, "written": 10, "total": 30}
    for stage, milliseconds in shares.items():
        assert quantile(taken, stage, 50) == pytest.approx(milliseconds * MS, rel=1e-3)
    assert taken["negative"] == 0


def test_taking_starts_anew() -> None:
    """Two intervals together hold each event once."""
    clock = Clock()
    latency = Latency(clock=clock)
    latency.record([Age(1, 0, 0)], arrived=1.0, written=2.0)
    clock.now = 110.0
    first = latency.take()
    clock.now = 120.0
    second = latency.take()

    assert (first["since"], first["until"]) == (
        "1970-01-01T00:01:40.000000Z",
        "1970-01-01T00:01:50.000000Z",
    )
    assert second["since"] == first["until"]
    assert second["stages"]["total"]["count"] == 0


def test_clock_that_is_off_is_counted_and_not_dropped() -> None:
    """A negative age would make the others look better if it were left out."""
    latency = Latency()
    latency.record([Age(3, 2_000_000, 1_000_000)], arrived=1.1, written=1.2)

    taken = latency.take()

    assert taken["negative"] == 6
    assert taken["stages"]["total"]["count"] == 3


def test_very_old_events_count_as_the_longest() -> None:
    """A backlog of an hour is beyond the histogram, and not lost for it."""
    latency = Latency()
    latency.record([Age(1, 0, 0)], arrived=3600.0, written=3600.0)

    assert quantile(latency.take(), "total", 100) == pytest.approx(120e6, rel=1e-3)
