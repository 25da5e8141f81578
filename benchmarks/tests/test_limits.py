"""Tests of ceilings and of what a changed limit brings."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.model.demand import Demand
from capacity.model.limits import Change, Container, ceilings, gain_of


def demand(per_event: float, idle: float = 0.0) -> Demand:
    """Return a demand that is 10 % uncertain."""
    return Demand(
        idle=idle,
        per_event=per_event,
        low=0.9 * per_event,
        high=1.1 * per_event,
        residual=0,
        points=5,
    )


INGESTION = Container(
    name="ingestion", demand=demand(1e-4), cpu_limit=2.0, single_threaded=True
)
ENRICHMENT = Container(name="enrichment", demand=demand(2e-4, idle=0.02), cpu_limit=0.2)
INFLUXDB = Container(name="influxdb", demand=demand(3e-4), cpu_limit=None)
STACK = [INGESTION, ENRICHMENT, INFLUXDB]


def test_ceilings_are_sorted_and_hold_limit_thread_and_host() -> None:
    """A limit, one thread and the whole host each reach as far as they reach."""
    found = {c.name: c for c in ceilings(STACK, host_cores=2, share=1.0)}

    assert [round(c.rate) for c in found.values()] == [900, 3_300, 6_667, 10_000]
    assert list(found) == ["enrichment", "host", "influxdb", "ingestion"]
    assert found["ingestion"].by_thread
    assert not found["enrichment"].by_thread
    assert found["enrichment"].low == pytest.approx(0.18 / 2.2e-4)
    assert found["enrichment"].high == pytest.approx(0.18 / 1.8e-4)


def test_headroom_is_kept_by_default() -> None:
    """What should be promised leaves 30 % of each limit."""
    first = ceilings(STACK, host_cores=2)[0]

    assert first.rate == pytest.approx((0.7 * 0.2 - 0.02) / 2e-4)


@pytest.mark.parametrize(
    ("limits", "host_cores", "ratio", "name"),
    [
        ({"enrichment": 0.4}, None, 0.38 / 0.18, "enrichment"),
        ({"enrichment": 2.0}, None, 3_300 / 900, "host"),
        ({"enrichment": 2.0}, 8.0, 9_900 / 900, "enrichment"),
        ({"enrichment": 8.0}, 80.0, 10_000 / 900, "ingestion"),
        ({"influxdb": 2.0}, None, 1.0, "enrichment"),
        ({}, None, 1.0, "enrichment"),
        ({"enrichment": 0.1}, None, 0.08 / 0.18, "enrichment"),
    ],
)
def test_gain_ends_at_the_next_limit(
    limits: dict[str, float], host_cores: float | None, ratio: float, name: str
) -> None:
    """More CPU helps until something else is the limit, and elsewhere not at all."""
    gain = gain_of(
        STACK, Change(cpu_limits=limits, host_cores=host_cores), host_cores=2
    )

    assert gain.ratio == pytest.approx(ratio)
    assert gain.after.name == name


def test_second_core_does_not_help_one_thread() -> None:
    """A single-threaded service gains nothing from a limit above one core."""
    one = Container(name="a", demand=demand(1e-4), cpu_limit=1.0, single_threaded=True)

    gain = gain_of([one], Change(cpu_limits={"a": 4.0}), host_cores=8)

    assert gain.ratio == 1
    assert gain.after.by_thread


@pytest.mark.parametrize(
    ("limits", "host_cores", "rate", "name"),
    [
        ({"enrichment": 0.4}, None, 1_600, "enrichment"),
        ({"enrichment": 0.1}, None, 400, "enrichment"),
        ({"enrichment": 4.0}, None, 3_300 * 800 / 900, "host"),
        ({"enrichment": 4.0}, 8.0, 10_000 * 800 / 900, "ingestion"),
        ({"influxdb": 4.0}, None, 800, "enrichment"),
    ],
)
def test_a_measured_edge_grows_with_the_limit(
    limits: dict[str, float], host_cores: float | None, rate: float, name: str
) -> None:
    """What is lost before a limit is used up is lost with the next one too."""
    gain = gain_of(
        STACK,
        Change(cpu_limits=limits, host_cores=host_cores),
        host_cores=2,
        measured_edge=800,
    )

    assert gain.before.rate == pytest.approx(800)
    assert gain.after.rate == pytest.approx(rate)
    assert gain.after.name == name
    assert gain.ratio == pytest.approx(rate / 800)


@pytest.mark.parametrize(
    ("limit", "rate"), [(0.4, 1_600 / 0.8), (0.1, 400.0), (0.2, 800.0)]
)
def test_a_limit_that_was_not_used_up_has_more_to_give(
    limit: float, rate: float
) -> None:
    """Where latency came first, a larger limit is used up; a smaller one is not."""
    gain = gain_of(
        STACK,
        Change(cpu_limits={"enrichment": limit}),
        host_cores=2,
        measured_edge=800,
        used=0.8,
    )

    assert gain.after.rate == pytest.approx(rate)


def test_free_events_have_no_ceiling() -> None:
    """A container that costs nothing an event is never the limit."""
    free = Container(name="free", demand=demand(0), cpu_limit=1)

    gain = gain_of([free], Change(cpu_limits={"free": 2}), host_cores=4)

    assert math.isinf(ceilings([free], host_cores=4)[0].rate)
    assert gain.ratio == 1


@given(
    limit=st.floats(0.05, 4),
    more=st.floats(0, 4),
    host=st.floats(0.5, 16),
)
def test_more_is_never_less(limit: float, more: float, host: float) -> None:
    """Raising one limit never lowers the edge, nor raises it beyond its ratio."""
    stack = [
        INGESTION,
        INFLUXDB,
        Container(name="x", demand=demand(2e-4), cpu_limit=limit),
    ]

    gain = gain_of(stack, Change(cpu_limits={"x": limit + more}), host_cores=host)

    assert 1 <= gain.ratio <= (limit + more) / limit * (1 + 1e-9)
