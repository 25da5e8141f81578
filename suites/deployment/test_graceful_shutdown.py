"""Graceful shutdown: every stop is clean, in order, and keeps all data."""

from __future__ import annotations

import secrets

import pytest

from reference_stack import SERVICES, Change, Variant
from reference_stack.promises import Promise, Proofs, assert_proven
from stackproof import all_stopped, wait_until

pytestmark = pytest.mark.timeout(400)

VARIANTS = (Variant.PRODUCTION, Variant.DEVELOPMENT)


@pytest.mark.promises("STOP")
def test_stop_keeps_its_promise(promise: Promise, proofs: Proofs) -> None:
    """Signal, time, exit code and order of a stop are as declared."""
    assert_proven(proofs.prove(promise))


def test_stop_of_everything_keeps_the_data(proofs: Proofs) -> None:
    """What was accepted before a stop is stored after the next start.

    1. store one event, note the counters
    2. stop the whole stack, each service with its own signal
    3. start again: healthy, the counters go on, the event is still there
    4. a second event of the same entity arrives
    """
    stack = proofs.reference(Variant.PRODUCTION)
    entity = f"sensor.shutdown_{secrets.token_hex(4)}"
    stack.home_assistant.set_state(Change(entity_id=entity, state="1"))
    stack.await_rows(entity)
    before = stack.service("websocket-ingestion").get("/v1/stats")["events"]

    stack.compose.stop()
    wait_until(stack.look, all_stopped, timeout=5)
    stack.compose.up()
    stack.await_healthy()
    after = stack.service("websocket-ingestion").get("/v1/stats")["events"]

    assert after["received"] >= before["received"]
    assert after["written"] >= before["written"]
    assert [row.fields["state"] for row in stack.await_rows(entity)] == ["1"]

    stack.home_assistant.set_state(Change(entity_id=entity, state="2"))
    rows = stack.await_rows(entity, count=2)
    assert [row.fields["state"] for row in rows] == ["1", "2"]


@pytest.mark.parametrize("service", SERVICES)
def test_shutdown_is_logged(proofs: Proofs, service: str) -> None:
    """A service says that it was told to stop, and by which signal."""
    stack = proofs.reference(Variant.PRODUCTION)
    stack.compose.stop(service)
    log = stack.compose.logs(service, tail=20)
    stack.compose.up()
    stack.await_healthy()

    assert "SIGTERM" in log
