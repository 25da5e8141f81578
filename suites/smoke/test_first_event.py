"""One event goes from the source into the database and shows at the end."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest

from reference_stack import Change, Observed, ReferenceStack
from stackproof import wait_until

pytestmark = pytest.mark.timeout(120)

_ARRIVES_SECONDS = 20.0
_ATTRIBUTES = {
    "unit_of_measurement": "°C",
    "friendly_name": 'Water, "inner" = \\ side',
    "levels": [1, 2.5, None],
    "nested": {"on": True},
}


@pytest.fixture(scope="module")
def sent(running_stack: ReferenceStack) -> Observed:
    """Fire one change and keep what an independent subscriber saw of it."""
    change = Change(
        entity_id=f"sensor.smoke_{secrets.token_hex(4)}",
        state="21.75",
        attributes=_ATTRIBUTES,
    )
    return running_stack.home_assistant.announced(change)


def test_event_is_stored_once_under_its_key(
    stack: ReferenceStack, sent: Observed
) -> None:
    """Exactly one point is there, at the microsecond that Home Assistant announced."""
    rows = stack.await_rows(sent.entity_id)

    assert [(row.entity_id, row.domain, row.time_us) for row in rows] == [
        (sent.entity_id, "sensor", sent.time_us)
    ]


def test_event_is_stored_as_it_was(stack: ReferenceStack, sent: Observed) -> None:
    """Value, state, unit, time of change and all attributes are those on the wire."""
    (row,) = stack.await_rows(sent.entity_id)

    assert row.fields["value"] == 21.75
    assert row.fields["state"] == "21.75"
    assert row.fields["unit"] == "°C"
    assert row.fields["last_changed"] == sent.changed_us
    assert json.loads(row.fields["attrs"]) == sent.attributes


def test_admin_api_shows_the_event(stack: ReferenceStack, sent: Observed) -> None:
    """admin-api lists the event with its value and its time."""
    stack.await_rows(sent.entity_id)
    answer = stack.admin.get("/events", {"entity_id": sent.entity_id})

    (event,) = answer["events"]
    assert event["entity_id"] == sent.entity_id
    assert event["time_us"] == sent.time_us
    assert event["value"] == 21.75


def test_counters_reconcile(stack: ReferenceStack, sent: Observed) -> None:
    """All that was received is forwarded or pending, and the outcomes add up."""
    stack.await_rows(sent.entity_id)

    def nothing_pending(stats: dict[str, Any]) -> bool:
        return bool(stats["events"]["pending"] == 0)

    ingestion = stack.service("websocket-ingestion")
    stats = wait_until(
        lambda: ingestion.get("/v1/stats"),
        nothing_pending,
        timeout=_ARRIVES_SECONDS,
    )
    events = stats["events"]

    assert events["received"] >= 1
    assert events["received"] == events["forwarded"] + events["pending"]
    assert events["forwarded"] == (
        events["written"]
        + events["merged"]
        + events["dead_lettered"]
        + events["expired"]
    )
    assert events["dead_lettered"] == 0
    assert stack.admin.get("/stats")["reconciled"] is True


@pytest.mark.parametrize(
    "path", ["/health", "/stats", "/services", "/events", "/config", "/deadletters"]
)
def test_admin_api_asks_for_the_token(stack: ReferenceStack, path: str) -> None:
    """Without a token nothing is told; with it, each resource answers."""
    assert stack.admin.status_without_token(path) == 401
    assert isinstance(stack.admin.get(path), dict)
