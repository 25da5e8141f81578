"""What the service shows: the shape of /v1/stats and the names of the metrics."""

from __future__ import annotations

import json

import msgspec
from prometheus_client import CollectorRegistry, generate_latest

from servicekit.health import Health
from servicekit.metrics import observe
from websocket_ingestion import stats
from websocket_ingestion.connection import ConnectionView
from websocket_ingestion.forwarder import ForwarderView
from websocket_ingestion.ledger import Counters
from websocket_ingestion.spool import SpoolState, SpoolView

CONNECTION = ConnectionView(
    phase="streaming",
    url="ws://ha:8123/api/websocket",
    ha_version="2026.2.3",
    since="2026-11-23T14:47:56.000000Z",
    reconnects=2,
    last_event_at=None,
    last_error=None,
)
SPOOL = SpoolView(
    state=SpoolState.PAUSED,
    counters=Counters(
        received=10,
        forwarded=7,
        written=4,
        merged=1,
        dead_lettered=1,
        expired=1,
        cursor=3,
        last_row=5,
    ),
    bytes=4096,
    limit_bytes=8192,
    oldest_age_seconds=1.5,
    queued_frames=0,
    damaged_frames=1,
    commits=6,
)


def test_the_document_has_the_promised_shape() -> None:
    """Every key of the agreement is there, with the values of the parts."""
    shown = stats.document(Health("websocket-ingestion", "1"), CONNECTION, SPOOL)
    found = json.loads(msgspec.json.encode(shown))
    resources = found.pop("resources")
    reasons = found.pop("reasons")

    assert found == {
        "service": "websocket-ingestion",
        "status": "starting",
        "connection": {
            "phase": "streaming",
            "url": "ws://ha:8123/api/websocket",
            "ha_version": "2026.2.3",
            "since": "2026-11-23T14:47:56.000000Z",
            "reconnects": 2,
            "last_event_at": None,
            "last_error": None,
        },
        "events": {
            "received": 10,
            "forwarded": 7,
            "pending": 3,
            "written": 4,
            "merged": 1,
            "dead_lettered": 1,
            "expired": 1,
        },
        "spool": {
            "bytes": 4096,
            "limit_bytes": 8192,
            "frames": 2,
            "oldest_age_seconds": 1.5,
            "state": "paused",
        },
    }
    assert [one["code"] for one in reasons] == ["starting"]
    assert resources["memory_bytes"] > 0


def test_the_metrics_have_the_promised_names() -> None:
    """Counters and gauges carry the names that dashboards and alerts use."""
    registry = CollectorRegistry()
    observe(registry, lambda: stats.metrics(CONNECTION, SPOOL, ForwarderView(8, 9)))
    text = generate_latest(registry).decode()
    found = {line for line in text.splitlines() if not line.startswith("#")}

    assert found == {
        "ha_ingestor_events_received_total 10.0",
        "ha_ingestor_events_forwarded_total 7.0",
        "ha_ingestor_events_written_total 4.0",
        "ha_ingestor_events_merged_total 1.0",
        "ha_ingestor_events_dead_lettered_total 1.0",
        "ha_ingestor_events_expired_total 1.0",
        "ha_ingestor_events_pending 3.0",
        "ha_ingestor_spool_bytes 4096.0",
        "ha_ingestor_spool_limit_bytes 8192.0",
        "ha_ingestor_spool_paused 1.0",
        "ha_ingestor_spool_commits_total 6.0",
        "ha_ingestor_spool_damaged_frames_total 1.0",
        "ha_ingestor_forward_lag_seconds 1.5",
        "ha_ingestor_forward_batches_total 8.0",
        "ha_ingestor_forward_failures_total 9.0",
        "ha_ingestor_reconnects_total 2.0",
        "ha_ingestor_connected 1.0",
    }
