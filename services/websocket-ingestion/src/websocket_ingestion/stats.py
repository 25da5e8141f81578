"""What the service shows of itself: /v1/stats and the metrics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client.metrics_core import Metric

from servicekit.cgroup import read_resources
from servicekit.health import Health, iso
from servicekit.metrics import counter, gauge

from .connection import ConnectionView
from .forwarder import ForwarderView
from .gaps import Gap, GapTotals
from .replay import Replay
from .view import SpoolView

__all__ = ["document", "gap_document", "metrics", "replay_document"]

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
            "retained_bytes": spool.retained_bytes,
            "retained_since": _moment(spool.retained_since_us),
        },
        "gaps": spool.gaps._asdict(),
        "resources": read_resources(),
    }


def gap_document(gap: Gap) -> dict[str, Any]:
    """Return one entry of the answer of GET /v1/gaps."""
    return {
        "id": gap.id,
        "state": "open" if gap.closed_us is None else "closed",
        "cause": gap.cause,
        "opened_at": _moment(gap.opened_us),
        "from": _moment(gap.from_us),
        "until": _moment(gap.until_us),
        "closed_at": _moment(gap.closed_us),
        "from_us": gap.from_us,
        "until_us": gap.until_us,
        "entities": gap.entities,
        "expected": gap.expected,
        "recovered": gap.recovered,
        "unrecoverable": gap.unrecoverable,
        "reasons": gap.reasons,
        "examples": gap.examples,
    }


def replay_document(replay: Replay, gap: Gap | None) -> dict[str, Any]:
    """Return the answer of POST /v1/replay."""
    return {
        "replay": {
            "events": replay.events,
            "frames": replay.frames,
            "since": _moment(replay.since_us),
            "retained_since": _moment(replay.retained_since_us),
            "gap": gap.id if gap else None,
        }
    }


def _moment(time_us: int | None) -> str | None:
    return None if time_us is None else iso(time_us / 1e6)


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
    yield gauge(
        "ha_ingestor_spool_retained_bytes",
        "Bytes of events in the spool that are forwarded and kept for a replay.",
        spool.retained_bytes,
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
    yield from _gap_metrics(spool.gaps)
    yield gauge(
        "ha_ingestor_connected",
        "1 while state changes are streaming in.",
        float(connection.phase == "streaming"),
    )


def _gap_metrics(gaps: GapTotals) -> Iterator[Metric]:
    yield gauge("ha_ingestor_gaps_open", "Gaps that are not closed yet.", gaps.open)
    yield counter("ha_ingestor_gaps_closed", "Gaps that are closed.", gaps.closed)
    yield counter(
        "ha_ingestor_gap_events_expected",
        "State changes that are known to have happened in a gap.",
        gaps.expected,
    )
    yield counter(
        "ha_ingestor_gap_events_recovered",
        "Of those, state changes that were stored afterwards.",
        gaps.recovered,
    )
    yield counter(
        "ha_ingestor_gap_entities_unrecoverable",
        "Entities of which changes in a gap may be missing for good.",
        gaps.unrecoverable,
    )
