"""A running project keeps its promises, as far as one may look without touching it.

Only `--live PROJECT` runs these. They read: containers, logs, the services' own numbers
and the database. The one that writes needs `--allow-test-event` as well.
"""

from __future__ import annotations

import json
import secrets

import pytest

from reference_stack.acceptance.collect import crashes_in
from reference_stack.acceptance.live import Live
from reference_stack.acceptance.vitals import counts_of
from reference_stack.project import SERVICES
from stackproof import wait_until

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

_LOOKS = 20
_OLDEST_GAP_SECONDS = 3600
_ARRIVES_SECONDS = 30.0
_STORED = {"minutes": "60", "limit": "50"}


def test_everything_is_ready(live: Live) -> None:
    """admin-api calls every service ready, and says no reason to worry."""
    health = live.admin.get("/health")

    assert health["status"] == "ready", json.dumps(health, indent=2)


def test_counters_reconcile_at_each_look(live: Live) -> None:
    """Received is forwarded and pending, and all that is forwarded is accounted for."""
    looks = [counts_of(live.stats()) for _ in range(_LOOKS)]

    assert [str(look) for look in looks if not look.balanced] == []
    assert live.admin.get("/stats")["reconciled"] is True


def test_gaps_are_closed_and_complete(live: Live) -> None:
    """No gap is open for long, and each closed one has recovered what it missed."""
    gaps = live.gaps()
    old = live.now_us() - _OLDEST_GAP_SECONDS * 10**6
    stale = [gap for gap in gaps if not gap.closed and gap.from_us < old]
    short = [gap for gap in gaps if gap.closed and gap.recovered < gap.expected]

    assert [str(gap) for gap in (*stale, *short)] == []


@pytest.mark.parametrize("service", SERVICES)
def test_service_stays_within_its_memory(live: Live, service: str) -> None:
    """It uses less than nine tenths of its limit and was not killed for more."""
    rows = {row["name"]: row for row in live.admin.get("/services")["services"]}
    resources = rows[service]["resources"]

    assert live.container(service).oom_killed is False
    assert resources["memory_bytes"] < 0.9 * resources["memory_limit_bytes"]


def test_spool_stays_within_its_limit(live: Live) -> None:
    """The backlog is below the limit."""
    spool = live.stats()["spool"]

    assert spool["bytes"] < spool["limit_bytes"]


def test_no_secret_is_in_a_log(live: Live) -> None:
    """None of the files that are handed to the services as secrets stands in a log."""
    known = live.secrets()
    found = [
        f"{name} is in the log of {service}"
        for service, text in live.logs().items()
        for name, value in known.items()
        if value in text
    ]

    assert known
    assert found == []


def test_no_log_tells_of_a_crash(live: Live) -> None:
    """No error went uncaught as far back as the logs go."""
    assert list(crashes_in(live.logs())) == []


def test_admin_api_shows_what_is_stored(live: Live) -> None:
    """The latest events of admin-api are in the database, with the same states."""
    events = live.admin.get("/events", _STORED)["events"]
    oldest = min((event["time_us"] for event in events), default=0)
    stored = {
        (row.entity_id, row.time_us): row.state or ""
        for row in live.database.rows(".*", since_us=oldest)
    }

    assert events
    assert [
        event
        for event in events
        if stored.get((event["entity_id"], event["time_us"])) != event["state"]
    ] == []


@pytest.mark.test_event
def test_marked_event_takes_the_real_way(live: Live) -> None:
    """An entity that says what it is appears, is stored, and is removed again."""
    entity_id = f"sensor.ha_ingestor_test_event_{secrets.token_hex(4)}"
    attributes = {"friendly_name": "test event of ha-ingestor, may be deleted"}

    with live.marked(entity_id, state="1", attributes=attributes) as time_us:

        def stored() -> list[int]:
            rows = live.database.rows(f"^{entity_id.replace('.', '[.]')}$")
            return [row.time_us for row in rows]

        def there(times: list[int]) -> bool:
            return time_us in times

        times = wait_until(stored, there, timeout=_ARRIVES_SECONDS, every=0.5)

    assert times == [time_us]
