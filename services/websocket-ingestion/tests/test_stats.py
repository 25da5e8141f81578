"""What the service shows: the shape of /v1/stats and the names of the metrics."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
from prometheus_client import CollectorRegistry, generate_latest

from servicekit.health import Health
from servicekit.metrics import observe
from websocket_ingestion import stats
from websocket_ingestion.connection import ConnectionView
from websocket_ingestion.forwarder import ForwarderView
from websocket_ingestion.gaps import Gap, GapTotals
from websocket_ingestion.ledger import Counters
from websocket_ingestion.replay import Replay
from websocket_ingestion.view import SpoolState, SpoolView

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
    gaps=GapTotals(1, 2, 30, 28, 3),
    retained_bytes=2048,
    retained_since_us=1_795_445_276_000_000,
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
            "retained_bytes": 2048,
            "retained_since": "2026-11-23T14:47:56.000000Z",
        },
        "gaps": {
            "open": 1,
            "closed": 2,
            "expected": 30,
            "recovered": 28,
            "unrecoverable": 3,
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
        "ha_ingestor_spool_retained_bytes 2048.0",
        "ha_ingestor_spool_commits_total 6.0",
        "ha_ingestor_spool_damaged_frames_total 1.0",
        "ha_ingestor_forward_lag_seconds 1.5",
        "ha_ingestor_forward_batches_total 8.0",
        "ha_ingestor_forward_failures_total 9.0",
        "ha_ingestor_reconnects_total 2.0",
        "ha_ingestor_gaps_open 1.0",
        "ha_ingestor_gaps_closed_total 2.0",
        "ha_ingestor_gap_events_expected_total 30.0",
        "ha_ingestor_gap_events_recovered_total 28.0",
        "ha_ingestor_gap_entities_unrecoverable_total 3.0",
        "ha_ingestor_connected 1.0",
    }


def test_a_gap_is_shown_with_times_for_people_and_programs() -> None:
    """The promised keys, ISO 8601 beside the microseconds, null where unknown."""
    gap = Gap(id=7, cause="lost", opened_us=2_000_000, from_us=1_000_001, until_us=None)
    shown = stats.gap_document(gap)

    assert json.loads(msgspec.json.encode(shown)) == {
        "id": 7,
        "state": "open",
        "cause": "lost",
        "opened_at": "1970-01-01T00:00:02.000000Z",
        "from": "1970-01-01T00:00:01.000001Z",
        "until": None,
        "closed_at": None,
        "from_us": 1_000_001,
        "until_us": None,
        "entities": 0,
        "expected": 0,
        "recovered": 0,
        "unrecoverable": 0,
        "reasons": {},
        "examples": [],
    }
    assert stats.gap_document(replace(gap, closed_us=1))["state"] == "closed"


def test_a_replay_tells_what_it_covers() -> None:
    """The gap is named if the kept frames do not reach back far enough."""
    replay = Replay(events=9, frames=4, since_us=1_000_000, retained_since_us=None)
    gap = Gap(id=3, cause="c", opened_us=2, from_us=1, until_us=2)

    assert stats.replay_document(replay, gap) == {
        "replay": {
            "events": 9,
            "frames": 4,
            "since": "1970-01-01T00:00:01.000000Z",
            "retained_since": None,
            "gap": 3,
        }
    }
    assert stats.replay_document(replay, None)["replay"]["gap"] is None
