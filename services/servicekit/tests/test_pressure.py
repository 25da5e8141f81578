"""Tests of `servicekit.pressure`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from servicekit.cgroup import Resources
from servicekit.health import STARTING, Health, Status
from servicekit.pressure import MEMORY_NEAR_LIMIT, memory_near_limit, watch_memory

NOW = Resources(
    memory_bytes=0,
    memory_limit_bytes=100 * 2**20,
    cpu_seconds=0.0,
    cpu_limit_cores=None,
    throttled_seconds=0.0,
    pids=1,
)


@pytest.mark.parametrize(
    ("used", "limit", "near"),
    [(89, 100, False), (90, 100, True), (100, 100, True), (500, None, False)],
)
def test_alert_begins_at_its_share(used: int, limit: int | None, *, near: bool) -> None:
    """The share of the limit decides; without a limit there is no alert."""
    now = replace(
        NOW,
        memory_bytes=used * 2**20,
        memory_limit_bytes=None if limit is None else limit * 2**20,
    )

    assert (memory_near_limit(now, percent=90) is not None) is near


def test_alert_comes_and_goes_with_the_memory() -> None:
    """Each look at the health looks at the memory too."""
    health = Health("demo", "1")
    health.clear(STARTING)
    seen = [replace(NOW, memory_bytes=95 * 2**20), NOW]
    watch_memory(health, percent=90, read=lambda: seen.pop(0))

    alarmed, calm = health.snapshot(), health.snapshot()

    assert alarmed.status is Status.DEGRADED
    assert [reason.code for reason in alarmed.reasons] == [MEMORY_NEAR_LIMIT]
    assert alarmed.reasons[0].detail.startswith("95 of 100 MiB are in use")
    assert (calm.status, calm.reasons) == (Status.READY, ())
