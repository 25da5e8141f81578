"""Tests of how a bottleneck is named, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from capacity.model.bottleneck import Confidence, bottleneck_of
from capacity.model.bursts import Burst, Look, burst_of
from capacity.model.limits import Ceiling
from capacity.trial import (
    Generator,
    Host,
    Phase,
    Resources,
    TrialResult,
    TrialSpec,
)


def ceiling(name: str, rate: float, *, by_thread: bool = False) -> Ceiling:
    """Return a ceiling at a rate."""
    return Ceiling(
        name=name,
        rate=rate,
        low=0.9 * rate,
        high=1.1 * rate,
        cores=1,
        by_thread=by_thread,
    )


def failed(*, fsync: float | None = None, **resources: Resources) -> TrialResult:
    """Return a trial of 20 s at 1,000/s with what its containers showed."""
    spec = TrialSpec(
        id=1, phase=Phase.CONFIRM_UPPER, rate=1_000, settle=1, window=20, drain=1
    )
    return TrialResult(
        spec=spec,
        elapsed=30,
        achieved=1_000,
        generator=Generator(lag_p50=0, lag_p99=0, cpu_share=0),
        host=Host(fsync_p99=fsync),
        resources=resources,
    )


NEAR = [ceiling("enrichment", 1_050), ceiling("influxdb", 3_000)]
FAR = [ceiling("enrichment", 2_000), ceiling("influxdb", 3_000)]
CALM = Resources(cpu=4)


@pytest.mark.parametrize(
    ("ceilings", "resources", "name", "resource", "confidence"),
    [
        (
            NEAR,
            {"enrichment": Resources(cpu=4, throttled=2, queue_slope=50)},
            "enrichment",
            "cpu",
            Confidence.HIGH,
        ),
        (
            NEAR,
            {"enrichment": Resources(cpu=4, cpu_pressure=0.4)},
            "enrichment",
            "cpu",
            Confidence.HIGH,
        ),
        (NEAR, {"enrichment": CALM}, "enrichment", "cpu", Confidence.MEDIUM),
        (
            NEAR,
            {"influxdb": Resources(cpu=4, io_pressure=0.5)},
            "influxdb",
            "disk",
            Confidence.LOW,
        ),
        (
            FAR,
            {"influxdb": Resources(cpu=4, io_pressure=0.5)},
            "influxdb",
            "disk",
            Confidence.MEDIUM,
        ),
        (
            FAR,
            {"influxdb": Resources(cpu=4, oom_kills=1, io_pressure=0.5)},
            "influxdb",
            "memory",
            Confidence.MEDIUM,
        ),
        (
            FAR,
            {"influxdb": Resources(cpu=4, throttled=5)},
            "influxdb",
            "cpu",
            Confidence.LOW,
        ),
        (
            NEAR,
            {"enrichment": Resources(cpu=4, queue_slope=50)},
            "enrichment",
            "cpu",
            Confidence.MEDIUM,
        ),
        (FAR, {"influxdb": CALM}, "not explained by CPU", "unknown", Confidence.LOW),
        ([], {}, "not explained by CPU", "unknown", Confidence.LOW),
        (
            [ceiling("ingestion", 1_000, by_thread=True)],
            {"ingestion": Resources(cpu=20, cpu_pressure=0.3)},
            "ingestion",
            "thread",
            Confidence.HIGH,
        ),
    ],
    ids=[
        "throttled",
        "pressure",
        "by the model alone",
        "signs contradict the model",
        "disk",
        "memory",
        "throttled far from its ceiling",
        "queue in front",
        "nothing",
        "nothing known",
        "one thread",
    ],
)
def test_bottleneck_is_named_by_model_and_signs(
    ceilings: list[Ceiling],
    resources: dict[str, Any],
    name: str,
    resource: str,
    confidence: Confidence,
) -> None:
    """A ceiling near the edge is believed as far as the signs agree."""
    found = bottleneck_of(ceilings, failed(**resources), edge=1_000)

    assert (found.name, found.resource) == (name, resource)
    assert found.confidence is confidence
    assert bool(found.evidence) == (name != "not explained by CPU")


def test_slow_disk_is_the_hosts() -> None:
    """An fsync p99 over 10 ms points to the disk where no CPU limit is near."""
    found = bottleneck_of(FAR, failed(fsync=0.05, influxdb=CALM), edge=1_000)

    assert (found.name, found.resource) == ("host", "disk")
    assert [str(e) for e in found.evidence] == ["host: fsync 0.05"]
    assert found.used == 1


def test_whole_host_is_a_suspect_too() -> None:
    """Where the host is used up, pressure in any container agrees."""
    found = bottleneck_of(
        [ceiling("host", 1_000)],
        failed(influxdb=Resources(cpu=9, cpu_pressure=0.6)),
        edge=1_000,
    )

    assert (found.name, found.confidence) == ("host", Confidence.HIGH)


@pytest.mark.parametrize(
    ("throttled", "confidence"),
    [(0.0, Confidence.MEDIUM), (2.0, Confidence.HIGH)],
    ids=["alone", "and throttled"],
)
def test_who_used_up_its_limit_is_the_first_one(
    throttled: float, confidence: Confidence
) -> None:
    """What was seen goes before a model whose ceilings are all far away."""
    found = bottleneck_of(
        FAR,
        failed(
            enrichment=Resources(cpu=18, throttled=throttled), influxdb=Resources(cpu=8)
        ),
        edge=1_000,
    )

    assert (found.name, found.resource) == ("enrichment", "cpu")
    assert found.confidence is confidence
    assert str(found.evidence[0]) == "enrichment: used 0.9"
    assert found.used == pytest.approx(0.9)


def test_all_together_may_use_up_the_host() -> None:
    """No container is at its limit, and the cores are gone."""
    found = bottleneck_of(
        [*FAR, replace(ceiling("host", 1_500), cores=1.4)],
        failed(enrichment=Resources(cpu=13), influxdb=Resources(cpu=13)),
        edge=1_000,
    )

    assert (found.name, found.resource) == ("host", "cpu")


WIDE = [
    ceiling("enrichment", 2_000),
    replace(ceiling("influxdb", 3_000), cores=2),
    replace(ceiling("host", 4_000), cores=2),
]


def looks(
    backlogs: Sequence[float | None], *, busy: float, usual: float = 0.2
) -> list[Look]:
    """Return looks, a second apart: a database is `busy` while the backlog grows."""
    rows, influxdb = [], 0.0
    for second, backlog in enumerate(backlogs):
        before = backlogs[second - 1] if second else backlog
        growing = (backlog or 0.0) > (before or 0.0) + 150
        influxdb += (busy if growing else usual) if second else 0.0
        cpu = {"influxdb": influxdb, "enrichment": 0.3 * second}
        rows.append(Look(at=float(second), backlog=backlog, cpu=cpu))
    return rows


SAW: list[float | None] = [0.0, 400, 100, 0, 500, 200, 0, 300, 0, 0]


@pytest.mark.parametrize(
    ("busy", "name"), [(1.4, "host"), (1.2, "not explained by CPU")]
)
def test_a_host_that_is_full_now_and_then_is_the_limit(busy: float, name: str) -> None:
    """1.7 of 2 cores in the late seconds, 0.5 in the others; 1.5 would not be all."""
    burst = burst_of(looks(SAW, busy=busy), rate=1_000)
    found = bottleneck_of(WIDE, failed(influxdb=CALM), edge=1_000, burst=burst)

    assert found.name == name
    if name == "host":
        assert (found.resource, found.confidence) == ("cpu", Confidence.MEDIUM)
        assert [str(row) for row in found.evidence] == [
            "host: burst 0.85",
            "influxdb: grown 1.2",
        ]


def test_bursts_do_not_outweigh_a_sign() -> None:
    """A slow disk was seen, and then it is not guessed at."""
    burst = Burst(late={"influxdb": 1.9}, calm={"influxdb": 0.5})
    found = bottleneck_of(
        WIDE, failed(fsync=0.05, influxdb=CALM), edge=1_000, burst=burst
    )

    assert (found.name, found.resource) == ("host", "disk")


@pytest.mark.parametrize(
    "backlogs",
    [
        [],
        [0.0] * 10,
        [0.0, 400, 100, 0, 500, 200, 0, 0],
        [0.0, 400, 800, 1_200, 1_600, 2_000, 2_000],
        [None] * 10,
        [0.0, 100, 0, 100, 0, 100, 0, 100],
    ],
    ids=["no looks", "calm", "two late seconds", "no calm", "uncounted", "ripples"],
)
def test_too_few_seconds_of_a_kind_tell_nothing(backlogs: list[float | None]) -> None:
    """What two seconds hold may be chance."""
    assert burst_of(looks(backlogs, busy=1.4), rate=1_000) is None


def test_nobody_need_have_grown() -> None:
    """The host was full all the time that was looked at."""
    cores = {"influxdb": 1.0, "enrichment": 0.8}
    burst = Burst(late=cores, calm={name: used + 0.1 for name, used in cores.items()})
    found = bottleneck_of(WIDE, failed(influxdb=CALM), edge=1_000, burst=burst)

    assert [row.sign for row in found.evidence] == ["burst"]
