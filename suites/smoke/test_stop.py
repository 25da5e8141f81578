"""The stack stops cleanly and the next start carries on."""

from __future__ import annotations

import secrets

import pytest

from reference_stack import Change, ReferenceStack
from stackproof import all_stopped, stops, wait_until

pytestmark = pytest.mark.timeout(240)


def test_stop_is_clean_and_the_next_start_carries_on(stack: ReferenceStack) -> None:
    """Data and counters survive a stop of the whole stack.

    1. store one event, note the counters
    2. SIGTERM to everything: each container ends by itself with exit code 0
    3. start again: healthy, counters where they were, the event still there
    4. a second event of the same entity arrives
    """
    entity = f"sensor.stop_{secrets.token_hex(4)}"
    stack.home_assistant.set_state(Change(entity_id=entity, state="1"))
    stack.await_rows(entity, count=1)
    before = stack.service("websocket-ingestion").get("/v1/stats")["events"]
    last_event = stack.recorder.events[-1].time_ns

    stack.compose.stop()
    wait_until(stack.look, all_stopped, timeout=5)
    ends = stops(stack.recorder.events, after_ns=last_event)
    running = {
        service.name
        for service in stack.model.services.values()
        if service.name in stack.model.long_running
    }

    assert {end.service for end in ends} == running
    assert [str(end) for end in ends if end.exit_code != 0 or end.forced] == []
    assert [
        str(end)
        for end in ends
        if end.seconds is None
        or end.seconds >= stack.model.services[end.service].stop_grace_seconds
    ] == []

    stack.compose.up()
    stack.await_healthy()
    after = stack.service("websocket-ingestion").get("/v1/stats")["events"]

    assert after["received"] >= before["received"]
    assert after["written"] >= before["written"]
    assert [row.fields["state"] for row in stack.await_rows(entity, count=1)] == ["1"]

    stack.home_assistant.set_state(Change(entity_id=entity, state="2"))
    assert [row.fields["state"] for row in stack.await_rows(entity, count=2)] == [
        "1",
        "2",
    ]
