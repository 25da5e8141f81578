"""Each check is red where its promise is broken, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from reference_stack import LONG_RUNNING, Sent
from reference_stack.acceptance.checks import CHECKS, judged
from reference_stack.acceptance.history import counters_of
from reference_stack.acceptance.observation import (
    Counts,
    Memory,
    Observation,
    Row,
    Told,
)
from reference_stack.acceptance.scenario import Scenario, Subscription
from stackproof import Stop
from stackproof.check import Verdict
from stackproof.oracle import (
    GAPS,
    Attributes,
    Coverage,
    FaultProof,
    GapRow,
    History,
    RunRecord,
    Stored,
    judge,
)
from stackproof.oracle import Sent as Made

BEGUN = 1_795_445_276_000_000
EVENTS = 40
LAST = EVENTS - 1
EARLY = slice(None, LAST)


def event(serial: int, **changes: Any) -> Sent:
    """Return an event of one of two entities."""
    made = Sent(
        serial=serial,
        entity_id=f"sensor.run_{serial % 2}",
        time_us=BEGUN + serial,
        state=str(serial),
        on_wire=True,
        recorded=True,
    )
    return replace(made, **changes)


def row(number: int, **changes: Any) -> Row:
    """Return its row, as it must be."""
    sent = event(number)
    made = Row(
        entity_id=sent.entity_id,
        time_us=sent.time_us,
        state=sent.state,
        serial=number,
        attributes=Attributes.LIVE,
        fields={"state": str(number), "value": str(number), "attrs": '{"k":1}'},
    )
    return replace(made, **changes)


def counts(total: int, *, pending: int = 0, **changes: int) -> Counts:
    """Return counters that add up."""
    forwarded = total - pending
    made = Counts(
        at_us=BEGUN,
        received=total,
        forwarded=forwarded,
        pending=pending,
        written=forwarded,
        merged=0,
        dead_lettered=0,
        expired=0,
    )
    return replace(made, **changes)


def proof(**changes: Any) -> FaultProof:
    """Return a fault that happened and is over."""
    facts: dict[str, Any] = {
        "kind": "SIGKILL",
        "target": "websocket-ingestion",
        "expected": "an end",
        "observed": "an end",
        "bitten": True,
        "started_us": BEGUN + 10,
        "healed_us": BEGUN + 10,
        "ready_us": BEGUN + 20,
        "budget_us": 1_000,
    }
    return FaultProof(**(facts | changes))


def gap(**changes: Any) -> GapRow:
    """Return a gap that is closed and complete."""
    facts: dict[str, Any] = {
        "id": 1,
        "cause": "it was stopped",
        "from_us": BEGUN + 5,
        "until_us": BEGUN + 30,
        "closed": True,
        "entities": 2,
        "expected": 3,
        "recovered": 3,
    }
    return GapRow(**(facts | changes))


def scenario(subscription: Subscription = Subscription.HOLDS) -> Scenario:
    """Return a scenario that does nothing."""
    return Scenario(
        name="sigkill",
        title="a kill",
        fault=lambda _: nullcontext(),
        subscription=subscription,
    )


def admin(**changes: Any) -> dict[str, Any]:
    """Return a true view."""
    rows = [
        {"entity_id": sent.entity_id, "time_us": sent.time_us, "state": sent.state}
        for sent in (event(LAST), event(LAST - 1))
    ]
    view: dict[str, Any] = {
        "/health": {
            "status": "ready",
            "services": [{"name": name} for name in LONG_RUNNING],
        },
        "/stats": {"reconciled": True, "reconciliation": None},
        "/events": {"events": rows},
    }
    return view | changes


def stop(service: str, **changes: Any) -> Stop:
    """Return a clean end."""
    made = Stop(
        service=service,
        container=service,
        exit_code=0,
        signal=15,
        seconds=0.5,
        forced=False,
    )
    return replace(made, **changes)


MEMORY = {
    name: Memory(resident=10, peak=20, limit=100, oom_kills=0) for name in LONG_RUNNING
}
SOUND = Observation(
    scenario=scenario(),
    run_id="run",
    rate=10.0,
    started_us=BEGUN,
    ended_us=BEGUN + 100,
    sent=tuple(map(event, range(EVENTS))),
    rows=tuple(map(row, range(EVENTS))),
    told=(
        Told(
            entity_id="sensor.run_1",
            time_us=BEGUN + LAST,
            state=str(LAST),
            attributes={"k": 1},
        ),
    ),
    before=counts(100),
    counts=(counts(110, pending=5),),
    after=counts(100 + EVENTS),
    gap_totals={"open": 0, "closed": 4},
    proofs=(proof(),),
    admin=admin(),
    memory=MEMORY,
    spool={"bytes": 1, "limit_bytes": 10},
    stops=tuple(map(stop, LONG_RUNNING)),
)
LOST_SUBSCRIPTION = scenario(Subscription.BREAKS)


def judged_by_oracle(seen: Observation) -> Observation:
    """Return the observation with what the oracle says of it."""
    history = History(
        run=RunRecord(
            source="simulator",
            scenario="sigkill",
            started_us=BEGUN,
            ended_us=BEGUN + 100,
            scope=("sensor.run_*",),
            problems=seen.problems,
        ),
        sent=[
            Made(
                serial=sent.serial,
                entity_id=sent.entity_id,
                time_us=sent.time_us,
                state=sent.state,
                on_wire=sent.on_wire,
                recorded=sent.recorded,
            )
            for sent in seen.sent
        ],
        stored=[
            Stored(
                entity_id=stored.entity_id,
                time_us=stored.time_us,
                state=stored.state,
                serial=stored.serial,
                attributes=stored.attributes,
            )
            for stored in seen.rows
        ],
        stages=[Coverage(of=GAPS, complete=True), *seen.gaps, *counters(seen)],
        faults=seen.proofs,
    )
    return replace(seen, judgement=judge(history))


def counters(seen: Observation) -> list[Any]:
    """Return the last counters as the history has them."""
    return [] if seen.after is None else [counters_of(seen.after)]


def verdicts(seen: Observation) -> dict[str, Verdict]:
    """Return what each check says."""
    complete = judged_by_oracle(seen)
    return {check.name: judged(check, complete).verdict for check in CHECKS}


def test_sound_run_is_green() -> None:
    """Nothing is found where nothing is wrong."""
    assert set(verdicts(SOUND).values()) == {Verdict.PASS}


def test_lost_subscription_with_its_gap_is_green() -> None:
    """A gap that is closed and complete is what must be there."""
    seen = replace(SOUND, scenario=LOST_SUBSCRIPTION, gaps=(gap(),))

    assert set(verdicts(seen).values()) == {Verdict.PASS}


def changed_event(state: str) -> dict[str, Any]:
    """Return a view whose latest event has another state."""
    view = admin()
    view["/events"]["events"][0]["state"] = state
    return view


BROKEN: dict[str, tuple[dict[str, Any], set[str]]] = {
    "a row is missing": ({"rows": SOUND.rows[1:]}, {"no-loss"}),
    "the last row is missing": (
        {"rows": SOUND.rows[:-1], "told": ()},
        {"no-loss", "order", "values-equal", "admin-view"},
    ),
    "a row is of no event": (
        {"rows": (*SOUND.rows, row(3, time_us=BEGUN - 1, serial=None))},
        {"no-duplicate", "counters"},
    ),
    "an event is there twice": (
        {"rows": (*SOUND.rows, row(3, time_us=BEGUN - 1))},
        {"no-duplicate", "counters"},
    ),
    "a state differs": (
        {"rows": (row(0, state="other", serial=None), *SOUND.rows[1:])},
        {"values-equal"},
    ),
    "a number differs": (
        {
            "rows": (
                *SOUND.rows[EARLY],
                row(LAST, fields={**row(LAST).fields, "value": "1"}),
            )
        },
        {"values-equal"},
    ),
    "attributes differ": (
        {
            "rows": (
                *SOUND.rows[EARLY],
                row(LAST, fields={**row(LAST).fields, "attrs": "{}"}),
            )
        },
        {"values-equal"},
    ),
    "a look does not add up": (
        {"counts": (counts(110, pending=5, received=111),)},
        {"counters"},
    ),
    "the end does not add up": (
        {"after": counts(100 + EVENTS, forwarded=100)},
        {"counters"},
    ),
    "the counters went back": (
        {"counts": (counts(130), counts(110))},
        {"counters"},
    ),
    "more is stored than was forwarded": (
        {"after": counts(120)},
        {"counters"},
    ),
    "an event is a dead letter": (
        {"after": counts(100 + EVENTS, written=99 + EVENTS, dead_lettered=1)},
        {"counters"},
    ),
    "a gap without a loss": ({"gaps": (gap(),)}, {"gap-ledger"}),
    "a loss without a gap": ({"scenario": LOST_SUBSCRIPTION}, {"gap-ledger"}),
    "a gap is open": (
        {"scenario": LOST_SUBSCRIPTION, "gaps": (gap(closed=False),)},
        {"gap-ledger"},
    ),
    "a gap is not filled": (
        {"scenario": LOST_SUBSCRIPTION, "gaps": (gap(recovered=1),)},
        {"gap-ledger"},
    ),
    "a gap gives up what is there": (
        {"scenario": LOST_SUBSCRIPTION, "gaps": (gap(unrecoverable=1),)},
        {"gap-ledger"},
    ),
    "the totals are wrong": (
        {
            "scenario": LOST_SUBSCRIPTION,
            "gaps": (gap(),),
            "gap_totals": {"open": 1, "closed": 4},
        },
        {"gap-ledger"},
    ),
    "admin-api worries": (
        {"admin": admin(**{"/health": {"status": "degraded", "services": []}})},
        {"admin-view"},
    ),
    "admin-api does not reconcile": (
        {"admin": admin(**{"/stats": {"reconciled": None, "reconciliation": None}})},
        {"admin-view"},
    ),
    "admin-api shows another state": (
        {"admin": changed_event("other")},
        {"admin-view"},
    ),
    "admin-api shows nothing": (
        {"admin": admin(**{"/events": {"events": []}})},
        {"admin-view"},
    ),
    "admin-api was silent": ({"silent": {"influxdb": 9.0}}, {"admin-view"}),
    "it took too long": ({"proofs": (proof(ready_us=BEGUN + 9_999),)}, {"ready"}),
    "something was killed for memory": (
        {
            "memory": {
                **MEMORY,
                "admin-api": Memory(resident=1, peak=2, limit=9, oom_kills=1),
            }
        },
        {"limits"},
    ),
    "the spool is too large": (
        {"spool": {"bytes": 11, "limit_bytes": 10}},
        {"limits"},
    ),
    "a secret is told": ({"secrets_seen": ("a token",)}, {"secrets"}),
    "something crashed": ({"crashes": ("Traceback",)}, {"no-crash"}),
    "an exit code": (
        {"stops": (*SOUND.stops[1:], stop(LONG_RUNNING[0], exit_code=1))},
        {"shutdown"},
    ),
    "forced to end": (
        {"stops": (*SOUND.stops[1:], stop(LONG_RUNNING[0], forced=True))},
        {"shutdown"},
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_promise_turns_its_check_red(case: str) -> None:
    """The check that is about it fails; those about other things stay green."""
    changes, red = BROKEN[case]
    found = verdicts(replace(SOUND, **changes))

    assert {name for name, verdict in found.items() if verdict != Verdict.PASS} == red


UNKNOWN: dict[str, Callable[[Observation], Observation]] = {
    "the fault did not happen": lambda seen: replace(
        seen, proofs=(proof(bitten=False),)
    ),
    "no fault was tried": lambda seen: replace(seen, proofs=()),
    "something went wrong": lambda seen: replace(seen, problems=("no end",)),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_run_that_proves_nothing_is_unknown(case: str) -> None:
    """No check is green then, whatever it would find."""
    found = verdicts(UNKNOWN[case](SOUND))

    assert set(found.values()) == {Verdict.UNKNOWN}


@pytest.mark.parametrize("part", ["sent", "rows", "gaps", "admin", "memory", "logs"])
def test_part_that_could_not_be_read_is_unknown(part: str) -> None:
    """Each check that needs it says so."""
    found = verdicts(replace(SOUND, missing={part: "timed out"}))
    needing = {check.name for check in CHECKS if part in check.reads}

    assert needing
    assert {name for name, one in found.items() if one is Verdict.UNKNOWN} == needing
