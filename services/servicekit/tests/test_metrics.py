"""Metrics: filled at the scrape, with health and resources."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import generate_latest

from servicekit.health import STARTING, Health, Status
from servicekit.metrics import counter, gauge, make_registry, observe


def test_values_are_read_at_the_scrape(tmp_path: Path) -> None:
    """A function is asked anew each time, and not when it is registered."""
    values = iter([1, 2])
    registry = make_registry(Health("s", "1"), cgroup=tmp_path)
    observe(registry, lambda: [counter("ha_ingestor_things", "Things.", next(values))])
    first = generate_latest(registry).decode()
    second = generate_latest(registry).decode()

    assert "ha_ingestor_things_total 1.0" in first
    assert "ha_ingestor_things_total 2.0" in second


def test_resources_and_limits_are_shown(tmp_path: Path) -> None:
    """The container's numbers carry the promised names."""
    for name, text in {
        "cgroup.controllers": "",
        "memory.current": "10",
        "memory.max": "20",
        "cpu.stat": "usage_usec 1500000\nthrottled_usec 500000",
        "cpu.max": "50000 100000",
        "pids.current": "3",
    }.items():
        (tmp_path / name).write_text(text)
    shown = generate_latest(make_registry(Health("s", "1"), cgroup=tmp_path)).decode()

    for line in (
        "ha_ingestor_memory_bytes 10.0",
        "ha_ingestor_memory_limit_bytes 20.0",
        "ha_ingestor_cpu_seconds_total 1.5",
        "ha_ingestor_cpu_limit_cores 0.5",
        "ha_ingestor_cpu_throttled_seconds_total 0.5",
        "ha_ingestor_pids 3.0",
    ):
        assert line in shown
    assert "ha_ingestor_process_resident_memory_bytes" in shown


def test_health_is_a_metric(tmp_path: Path) -> None:
    """One status is 1, and each reason is a series."""
    health = Health("s", "1")
    health.clear(STARTING)
    health.set("spool_full", Status.DEGRADED, "full")
    shown = generate_latest(make_registry(health, cgroup=tmp_path)).decode()

    assert 'ha_ingestor_health{status="degraded"} 1.0' in shown
    assert 'ha_ingestor_health{status="ready"} 0.0' in shown
    assert 'ha_ingestor_health_reason{code="spool_full"} 1.0' in shown


def test_a_gauge_keeps_its_name() -> None:
    """A gauge gets no suffix."""
    (sample,) = gauge("ha_ingestor_level", "Level.", 3).samples

    assert (sample.name, sample.value) == ("ha_ingestor_level", 3)
