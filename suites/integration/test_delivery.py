"""No event is lost while parts of the stack stop, under steady traffic."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from reference_stack import SERVICES, Load, ReferenceStack
from stackproof import Stop, stopped, stops, wait_until
from stackproof.check import Verdict
from stackproof.oracle import History, Judgement, RunRecord, Sent, judge

pytestmark = pytest.mark.timeout(300)

RATE = 300
_PROGRESS_SECONDS = 30.0
_DRAIN_SECONDS = 60.0
_HEALTHY_SECONDS = 60.0
# What a restart of a container by hand may take: SIGTERM to exit.
_EXIT_SECONDS = 2.0
_GAP_SECONDS = 60.0
_COMMIT_SECONDS = 15.0
_OUTAGE_SECONDS = 60
_MAX_RESIDENT = 80 * 2**20


@pytest.fixture
def load(stack: ReferenceStack) -> Iterator[Load]:
    """Send 300 events a second for as long as the test runs."""
    simulator = stack.simulator
    running = simulator.start(rate=RATE, run_id=f"run{secrets.token_hex(4)}")
    yield running
    simulator.stop(running)


def stats(stack: ReferenceStack) -> dict[str, Any]:
    """Return what ingestion tells about itself."""
    document: dict[str, Any] = stack.service("websocket-ingestion").get("/v1/stats")
    return document


def await_progress(stack: ReferenceStack, *, counter: str = "written") -> None:
    """Wait until a second's worth of events more has been counted than now."""
    before = stats(stack)["events"][counter]

    def moved_on(seen: dict[str, Any]) -> bool:
        return bool(seen["events"][counter] >= before + RATE)

    wait_until(lambda: stats(stack), moved_on, timeout=_PROGRESS_SECONDS, every=0.2)


def await_drained(stack: ReferenceStack) -> dict[str, Any]:
    """Wait until nothing is pending; return the counters."""

    def nothing_pending(seen: dict[str, Any]) -> bool:
        return bool(seen["events"]["pending"] == 0)

    seen = wait_until(
        lambda: stats(stack), nothing_pending, timeout=_DRAIN_SECONDS, every=0.2
    )
    events: dict[str, Any] = seen["events"]
    return events


def await_gaps_closed(stack: ReferenceStack) -> None:
    """Wait until what was missed has come from history."""

    def no_gap_open(seen: dict[str, Any]) -> bool:
        return bool(seen["gaps"]["open"] == 0)

    wait_until(lambda: stats(stack), no_gap_open, timeout=_GAP_SECONDS, every=0.2)


def judged(stack: ReferenceStack, load: Load) -> Judgement:
    """Judge what was on the wire, or in the recorder, against what is stored."""

    def all_recorded(seen: Any) -> bool:
        return bool(seen["recorder"]["pending"] == 0)

    wait_until(stack.simulator.status, all_recorded, timeout=_COMMIT_SECONDS)
    ledger = stack.simulator.sent(load)
    await_gaps_closed(stack)
    await_drained(stack)
    rows = stack.stored.rows(entity_ids=load.entity_ids)
    run = RunRecord(
        source="simulator",
        scenario=load.run_id,
        started_us=ledger[0].time_us,
        ended_us=ledger[-1].time_us,
        scope=load.entity_ids,
    )
    sent = [
        Sent(
            serial=event.serial,
            entity_id=event.entity_id,
            time_us=event.time_us,
            state=event.state,
            on_wire=event.on_wire,
            recorded=event.recorded,
        )
        for event in ledger
    ]
    return judge(History(run=run, sent=sent, stored=[row.stored for row in rows]))


def assert_nothing_lost(stack: ReferenceStack, load: Load) -> None:
    """Require that each event is stored, once, as it was, in order."""
    judgement = judged(stack, load)

    assert judgement.tally.acknowledged >= RATE
    assert judgement.verdict is Verdict.PASS, str(judgement)


def last_stop(stack: ReferenceStack, service: str, *, after_ns: int) -> Stop:
    """Return how a service ended after a moment."""
    (end,) = [
        end
        for end in stops(stack.recorder.events, after_ns=after_ns)
        if end.service == service
    ]
    return end


@pytest.mark.parametrize("service", SERVICES)
def test_sigterm_loses_nothing(stack: ReferenceStack, load: Load, service: str) -> None:
    """A service that gets SIGTERM at 300 events/s exits with 0 in under 2 s.

    Everything is stored afterwards, once and unchanged.
    """
    await_progress(stack)
    now = stack.recorder.events[-1].time_ns
    stack.compose.stop(service)
    end = last_stop(stack, service, after_ns=now)
    stack.compose.start(service)
    stack.await_healthy(timeout=_HEALTHY_SECONDS)
    await_progress(stack)
    stack.simulator.stop(load)

    assert (end.exit_code, end.signal, end.forced) == (0, 15, False)
    assert end.seconds is not None
    assert end.seconds < _EXIT_SECONDS
    assert_nothing_lost(stack, load)


def test_sigkill_of_ingestion_loses_nothing(stack: ReferenceStack, load: Load) -> None:
    """A kill takes nothing that was counted, and the rest comes from history.

    1. under load, note the counters; SIGKILL; start again
    2. the counters go on from at least there, and reconcile
    3. everything is stored, what nobody received while it was down included
    """
    await_progress(stack)
    before = stats(stack)["events"]
    stack.compose.kill("websocket-ingestion")
    stack.compose.start("websocket-ingestion")
    stack.await_healthy(timeout=_HEALTHY_SECONDS)
    await_progress(stack)
    stack.simulator.stop(load)
    assert_nothing_lost(stack, load)
    after = await_drained(stack)

    assert after["received"] >= before["received"]
    assert after["received"] == after["forwarded"]
    assert after["forwarded"] == (
        after["written"] + after["merged"] + after["dead_lettered"] + after["expired"]
    )


def test_database_outage_loses_nothing(stack: ReferenceStack) -> None:
    """InfluxDB is stopped for a minute at 300 events/s, and all are stored in the end.

    1. traffic, until events are written
    2. stop InfluxDB; ingestion goes on receiving, and says why it is degraded
    3. after a minute's worth of events start it again; the backlog drains
    """
    simulator = stack.simulator
    load = simulator.start(
        rate=RATE,
        run_id=f"run{secrets.token_hex(4)}",
        count=RATE * _OUTAGE_SECONDS,
    )
    await_progress(stack)

    def told_why(seen: dict[str, Any]) -> bool:
        return "influxdb_unreachable" in {reason["code"] for reason in seen["reasons"]}

    with stopped(stack.compose, "influxdb"):
        await_progress(stack, counter="received")
        degraded = wait_until(lambda: stats(stack), told_why, timeout=_PROGRESS_SECONDS)
        simulator.wait_for_end(load)
        backlog = stats(stack)["events"]["pending"]
    stack.await_healthy(timeout=_HEALTHY_SECONDS)
    await_drained(stack)

    assert degraded["status"] == "degraded"
    assert backlog >= RATE * _OUTAGE_SECONDS / 2
    assert_nothing_lost(stack, load)


def resident_bytes(stack: ReferenceStack, service: str) -> float:
    """Return the resident memory of a service's process, from its own metrics."""
    text = requests.get(
        stack.service(service).endpoint.url("/metrics"), timeout=10
    ).text
    values = [
        float(line.split()[-1])
        for line in text.splitlines()
        if line.startswith("ha_ingestor_process_resident_memory_bytes ")
    ]
    return values[0]


@pytest.mark.parametrize("service", SERVICES)
def test_memory_stays_small_under_load(
    stack: ReferenceStack, load: Load, service: str
) -> None:
    """At 300 events/s the process stays under 80 MB."""
    await_progress(stack)
    await_progress(stack)

    assert load.entity_ids
    assert resident_bytes(stack, service) < _MAX_RESIDENT
