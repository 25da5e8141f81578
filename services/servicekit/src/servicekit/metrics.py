"""Prometheus metrics: one registry per process, filled at the time of the scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from .cgroup import read_resources, resident_bytes
from .health import Health, Status

__all__ = ["counter", "gauge", "make_registry", "observe"]


def gauge(name: str, help_text: str, value: float) -> Metric:
    """Return a gauge with one value."""
    return GaugeMetricFamily(name, help_text, value=value)


def counter(name: str, help_text: str, value: float) -> Metric:
    """Return a counter with one value; its exposed name ends in `_total`."""
    return CounterMetricFamily(name, help_text, value=value)


class _Observed(Collector):
    """Asks a function for its metrics at each scrape."""

    def __init__(self, read: Callable[[], Iterable[Metric]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        return self._read()

    def describe(self) -> Iterable[Metric]:
        # Without it, registering would already read the values once.
        return []


def observe(registry: CollectorRegistry, read: Callable[[], Iterable[Metric]]) -> None:
    """Add what `read` returns to every scrape."""
    registry.register(_Observed(read))


def make_registry(
    health: Health, *, cgroup: Path = Path("/sys/fs/cgroup")
) -> CollectorRegistry:
    """Return a registry that shows the health and the resources of this process."""
    registry = CollectorRegistry(auto_describe=False)
    observe(registry, lambda: _resource_metrics(cgroup))
    observe(registry, lambda: _health_metrics(health))
    return registry


def _resource_metrics(cgroup: Path) -> Iterator[Metric]:
    now = read_resources(cgroup)
    yield gauge(
        "ha_ingestor_memory_bytes", "Memory of the container.", now.memory_bytes
    )
    if now.memory_limit_bytes is not None:
        yield gauge(
            "ha_ingestor_memory_limit_bytes",
            "Memory limit of the container.",
            now.memory_limit_bytes,
        )
    yield counter(
        "ha_ingestor_cpu_seconds", "CPU time of the container.", now.cpu_seconds
    )
    if now.cpu_limit_cores is not None:
        yield gauge(
            "ha_ingestor_cpu_limit_cores",
            "CPU limit of the container.",
            now.cpu_limit_cores,
        )
    yield counter(
        "ha_ingestor_cpu_throttled_seconds",
        "Time the container was held back by its CPU limit.",
        now.throttled_seconds,
    )
    yield gauge("ha_ingestor_pids", "Processes and threads in the container.", now.pids)
    yield gauge(
        "ha_ingestor_process_resident_memory_bytes",
        "Resident memory of the process.",
        resident_bytes(),
    )


def _health_metrics(health: Health) -> Iterator[Metric]:
    now = health.snapshot()
    status = GaugeMetricFamily(
        "ha_ingestor_health", "1 for the present status.", labels=["status"]
    )
    for one in Status:
        status.add_metric([one.value], float(one is now.status))
    yield status
    reasons = GaugeMetricFamily(
        "ha_ingestor_health_reason", "1 for each reason that is set.", labels=["code"]
    )
    for reason in now.reasons:
        reasons.add_metric([reason.code], 1.0)
    yield reasons
