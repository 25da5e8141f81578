"""What the service shows of itself: /v1/stats and the metrics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client.metrics_core import Metric

from servicekit.cgroup import read_resources
from servicekit.health import Health
from servicekit.metrics import counter, gauge

from .connection import ConnectionView
from .forwarder import ForwarderView
from .spool import SpoolView

__all__ = ["document", "metrics"]

_EVENTS = {
    "received": "Events that were taken from Home Assistant and are durable.",
    "forwarded": "Events that enrichment-pipeline has taken over.",
    "written": "Forwarded events that are in InfluxDB.",
    "merged": "Forwarded events that another one with the same key stands for.",
    "dead_lettered": "Forwarded events that could not be stored, kept with a reason.",
    "expired": "Forwarded events that are older than the retention.",
}


def document(
    health: Health, connection: ConnectionView, spool: SpoolView
) -> dict[str, Any]:
    """Return the answer of GET /v1/stats, as it is encoded to JSON."""
    now = health.snapshot()
    counters = spool.counters
    events = {name: getattr(counters, name) for name in _EVENTS}
    return {
        "service": now.service,
        "status": now.status,
        "reasons": now.reasons,
        "connection": connection._asdict(),
        "events": {**events, "pending": counters.pending},
        "spool": {
            "bytes": spool.bytes,
            "limit_bytes": spool.limit_bytes,
            "frames": counters.frames,
            "oldest_age_seconds": spool.oldest_age_seconds,
            "state": spool.state,
        },
        "resources": read_resources(),
    }


def metrics(
    connection: ConnectionView, spool: SpoolView, forwarder: ForwarderView
) -> Iterator[Metric]:
    """Yield the metrics of the service; counters survive a restart."""
    counters = spool.counters
    for name, meaning in _EVENTS.items():
        yield counter(f"ha_ingestor_events_{name}", meaning, getattr(counters, name))
    yield gauge(
        "ha_ingestor_events_pending",
        "Events in the spool that are not forwarded yet.",
        counters.pending,
    )
    yield gauge("ha_ingestor_spool_bytes", "Size of the spool in use.", spool.bytes)
    yield gauge(
        "ha_ingestor_spool_limit_bytes",
        "Size of the spool at which reading pauses.",
        spool.limit_bytes,
    )
    yield gauge(
        "ha_ingestor_spool_paused",
        "1 while the spool is full and nothing is read from Home Assistant.",
        float(spool.state == "paused"),
    )
    yield counter(
        "ha_ingestor_spool_commits", "Commits since the start.", spool.commits
    )
    yield counter(
        "ha_ingestor_spool_damaged_frames",
        "Frames that could not be read back since the start.",
        spool.damaged_frames,
    )
    yield gauge(
        "ha_ingestor_forward_lag_seconds",
        "Age of the oldest event that is not forwarded.",
        spool.oldest_age_seconds,
    )
    yield counter(
        "ha_ingestor_forward_batches",
        "Requests that enrichment-pipeline took, since the start.",
        forwarder.batches,
    )
    yield counter(
        "ha_ingestor_forward_failures",
        "Requests that it did not take, since the start.",
        forwarder.failures,
    )
    yield counter(
        "ha_ingestor_reconnects",
        "Subscriptions after the first one, since the start.",
        connection.reconnects,
    )
    yield gauge(
        "ha_ingestor_connected",
        "1 while state changes are streaming in.",
        float(connection.phase == "streaming"),
    )
