"""Each flaw is found, named and told from the others; what is not known is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stackproof.check import Verdict
from stackproof.oracle import (
    GAPS,
    Attributes,
    Counters,
    Coverage,
    FaultProof,
    GapRow,
    History,
    HistoryWriter,
    Judgement,
    Limits,
    Part,
    Planned,
    RunRecord,
    Seen,
    Sent,
    Stage,
    Stored,
    judge,
    read_history,
)
from stackproof.oracle.judgement import Flaw

BASE = 1_700_000_000_000_000
MS = 1_000
SECOND = 1_000_000
RUN = RunRecord(
    source="simulator", scenario="table", started_us=BASE, ended_us=BASE + 60 * SECOND
)


def sent(serial: int, /, **fields: Any) -> Sent:
    """Return an event of one of two entities, one event each 10 ms, all different."""
    return Sent(
        **{
            "serial": serial,
            "entity_id": f"sensor.r_{serial % 2}",
            "time_us": BASE + serial * 10 * MS,
            "state": f"s{serial}",
            "on_wire": True,
            **fields,
        }
    )


def row(serial: int, /, **fields: Any) -> Stored:
    """Return the row that such an event must have."""
    event = sent(serial)
    return Stored(
        **{
            "entity_id": event.entity_id,
            "time_us": event.time_us,
            "state": event.state,
            **fields,
        }
    )


EVENTS = [sent(serial) for serial in range(8)]
ROWS = [row(serial) for serial in range(8)]
FAULT = FaultProof(
    kind="SIGKILL",
    target="web",
    expected="exit 137",
    observed="exit 137",
    bitten=True,
    started_us=BASE + 2 * SECOND,
    healed_us=BASE + 3 * SECOND,
    ready_us=BASE + 5 * SECOND,
)


def judged(
    *,
    events: Sequence[Sent] = EVENTS,
    rows: Sequence[Stored] = ROWS,
    run: RunRecord = RUN,
    **parts: Any,
) -> Judgement:
    """Judge a run that was put together by hand."""
    return judge(History(run=run, sent=events, stored=rows, **parts))


def shown(judgement: Judgement) -> dict[str, list[int | None]]:
    """Return the serials that show each flaw."""
    return {
        str(flaw): [example.serial for example in finding.examples]
        for flaw, finding in judgement.findings.items()
        if finding.count
    }


def test_run_without_flaw_passes() -> None:
    """Everything that was sent is stored as it was, in whatever order it is read."""
    judgement = judged(rows=ROWS[::-1])

    assert judgement.verdict is Verdict.PASS
    assert shown(judgement) == {}
    assert (judgement.tally.acknowledged, judgement.tally.stored) == (8, 8)


# One entity that goes on and off: a state does not tell which event it is of.
TOGGLES = [
    sent(n, entity_id="sensor.t", state="off" if n % 2 else "on") for n in range(5)
]
TOGGLED = [
    row(0, entity_id="sensor.t", time_us=event.time_us, state=event.state)
    for event in TOGGLES
]
SWAPPED = [*ROWS[:2], row(2, state="s4"), ROWS[3], row(4, state="s2"), *ROWS[5:]]


@pytest.mark.parametrize(
    ("events", "rows", "flaws"),
    [
        (EVENTS, ROWS[:3] + ROWS[4:], {"lost": [3]}),
        (EVENTS, [], {"lost": list(range(8))}),
        ([*EVENTS[:7], sent(7, on_wire=False)], ROWS[:7], {}),
        ([*EVENTS[:7], sent(7, on_wire=False)], ROWS, {}),
        ([*EVENTS[:7], sent(7, on_wire=False, recorded=True)], ROWS[:7], {"lost": [7]}),
        (EVENTS, [*ROWS, ROWS[3]], {"duplicated": [3]}),
        (EVENTS, [*ROWS, ROWS[3], ROWS[3]], {"duplicated": [3, 3]}),
        (EVENTS, [*ROWS, row(3, time_us=BASE + 1, serial=3)], {"duplicated": [3]}),
        (EVENTS, [*ROWS[:3], row(3, state="?"), *ROWS[4:]], {"corrupted": [3]}),
        (EVENTS, [*ROWS[:3], row(3, state=None), *ROWS[4:]], {"corrupted": [3]}),
        (EVENTS, [*ROWS[:3], row(3, serial=2), *ROWS[4:]], {"corrupted": [3]}),
        (
            EVENTS,
            [*ROWS[:3], row(3, time_us=BASE + 3, serial=3), *ROWS[4:]],
            {"corrupted": [3], "reordered": [3]},
        ),
        (
            EVENTS,
            [*ROWS[:7], row(7, time_us=BASE + SECOND, serial=7)],
            {"corrupted": [7]},
        ),
        (
            EVENTS,
            [
                *ROWS[:7],
                row(7, time_us=BASE + SECOND, serial=7),
                row(7, time_us=BASE + 2 * SECOND, serial=7),
            ],
            {"corrupted": [7], "duplicated": [7]},
        ),
        (TOGGLES, TOGGLED, {}),
        (
            TOGGLES,
            [
                msgspec.structs.replace(one, state="on") if n == 1 else one
                for n, one in enumerate(TOGGLED)
            ],
            {"corrupted": [1]},
        ),
        (EVENTS, [*ROWS, row(3, entity_id="sensor.r_9")], {"unexpected": [None]}),
        (EVENTS, [*ROWS, row(3, time_us=BASE + 1)], {"unexpected": [None]}),
        (EVENTS, [*ROWS, row(9, serial=9)], {"unexpected": [9]}),
        (EVENTS, SWAPPED, {"corrupted": [2, 4], "reordered": [4, 2]}),
    ],
    ids=[
        "lost",
        "all-lost",
        "indeterminate-absent",
        "indeterminate-stored",
        "recorded-only-lost",
        "two-rows",
        "three-rows",
        "two-times",
        "other-state",
        "removal-for-state",
        "attributes-of-another",
        "other-time-out-of-order",
        "other-time-in-order",
        "two-other-times",
        "same-states",
        "same-states-one-wrong",
        "unexpected-entity",
        "unexpected-time",
        "unexpected-serial",
        "swapped",
    ],
)
def test_flaw_is_found_and_nothing_else(
    events: list[Sent], rows: list[Stored], flaws: dict[str, list[int | None]]
) -> None:
    """Each difference between the records has one name."""
    judgement = judged(events=events, rows=rows)

    assert shown(judgement) == flaws
    assert judgement.verdict is (Verdict.FAIL if flaws else Verdict.PASS)


@pytest.mark.parametrize(
    ("first", "second", "stored", "flaws"),
    [
        ({}, {}, "new", {}),
        ({}, {}, "old", {"reordered": [1]}),
        ({}, {}, "other", {"corrupted": [1]}),
        ({}, {}, None, {"lost": [1]}),
        ({}, {"on_wire": False}, "old", {}),
        ({}, {"on_wire": False}, "new", {}),
        ({}, {"on_wire": False}, None, {"lost": [1]}),
        ({"on_wire": False}, {}, "old", {"reordered": [1]}),
        ({"on_wire": False}, {"on_wire": False}, None, {}),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_events_with_one_key_merge_to_the_last(
    first: dict[str, Any],
    second: dict[str, Any],
    stored: str | None,
    flaws: dict[str, list[int]],
    *,
    turned: bool,
) -> None:
    """InfluxDB keeps one row of a key; it must be that of the last event."""
    key = {"entity_id": "sensor.k", "time_us": BASE}
    events = [
        sent(0, **{**key, "state": "old", **first}),
        sent(1, **{**key, "state": "new", **second}),
        sent(5),
    ]
    rows = [] if stored is None else [row(0, **{**key, "state": stored})]

    judgement = judged(events=events[::-1] if turned else events, rows=[*rows, row(5)])

    assert shown(judgement) == flaws
    assert judgement.tally.events == 2


def test_background_is_not_judged() -> None:
    """Rows and events of entities that the run does not answer for are counted only."""
    events = [*EVENTS, sent(9, entity_id="sun.sun")]
    rows = [*ROWS, row(1, entity_id="sensor.other_1")]

    judgement = judged(
        events=events,
        rows=rows,
        run=msgspec.structs.replace(RUN, scope=("sensor.r_?", "light.*")),
    )

    assert judgement.verdict is Verdict.PASS
    assert (judgement.tally.background, judgement.tally.events) == (1, 8)


def test_current_state_stored_again_is_no_flaw() -> None:
    """A snapshot writes the row of the current state again, under the same key."""
    again = row(7, attributes=Attributes.BOTH)

    assert judged(rows=[*ROWS[:7], again]).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("partial", "run", "undecided"),
    [
        ({Part.STORED}, {}, "stored.jsonl has no end"),
        ({Part.SENT}, {}, "sent.jsonl has no end"),
        ({Part.FAULTS}, {}, "faults.jsonl has no end"),
        ((), {"capped": True}, "has dropped its oldest events"),
        ((), {"ended_us": None}, "was interrupted"),
        ((), {"problems": ("InfluxDB did not answer",)}, "InfluxDB did not answer"),
        (
            (),
            {"schedule": (Planned(kind="SIGKILL", target="web"),)},
            "the SIGKILL of web was planned and not tried",
        ),
    ],
)
def test_record_with_a_hole_is_unknown(
    partial: set[Part], run: dict[str, Any], undecided: str
) -> None:
    """What could not be recorded is not green, and the reason is told."""
    judgement = judged(
        run=msgspec.structs.replace(RUN, **run), partial=frozenset(partial)
    )

    assert judgement.verdict is Verdict.UNKNOWN
    assert undecided in str(judgement)
    assert judgement.verdict_of(Flaw.LOST) is Verdict.UNKNOWN
    assert undecided in "\n".join(judgement.why(Flaw.LOST))


def test_partial_stages_leave_losses_decided() -> None:
    """Whether an event is stored does not depend on what the stages tell."""
    judgement = judged(partial=frozenset({Part.STAGES}))

    assert judgement.verdict is Verdict.PASS


def test_database_read_in_part_loses_nothing_for_sure() -> None:
    """Rows may be missing from the record; those that are there are judged."""
    judgement = judged(
        rows=[row(0, state="?"), row(1)], partial=frozenset({Part.STORED})
    )

    assert shown(judgement) == {"corrupted": [0]}
    assert judgement.tally.unknown == 6
    assert judgement.verdict_of(Flaw.LOST) is Verdict.UNKNOWN
    assert judgement.verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("partial", "capped"), [({Part.SENT}, False), ((), True)], ids=["cut", "capped"]
)
def test_source_known_in_part_expects_everything(
    partial: set[Part], *, capped: bool
) -> None:
    """A row without a known event proves nothing then; a lost event still does."""
    judgement = judged(
        events=EVENTS[4:],
        rows=ROWS[:7],
        run=msgspec.structs.replace(RUN, capped=capped),
        partial=frozenset(partial),
    )

    assert shown(judgement) == {"lost": [7]}
    assert judgement.tally.unknown == 4
    assert judgement.verdict_of(Flaw.UNEXPECTED) is Verdict.UNKNOWN


def test_nothing_sent_is_unknown() -> None:
    """A run without traffic proves nothing."""
    judgement = judged(events=[], rows=[])

    assert judgement.verdict is Verdict.UNKNOWN
    assert judgement.unproven == ("no event of the source had to be stored",)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"bitten": False, "observed": "exit 0"},
            "the SIGKILL of web did not happen: expected exit 137, observed exit 0",
        ),
        (
            {"healed_us": None, "ready_us": None},
            "the SIGKILL of web was not healed before the verdict",
        ),
    ],
)
def test_fault_that_proves_nothing_makes_unknown(
    change: dict[str, Any], reason: str
) -> None:
    """A fault that did not bite is not green; what is lost stays lost."""
    faults = [msgspec.structs.replace(FAULT, **change)]

    assert judged(faults=faults).verdict is Verdict.UNKNOWN
    assert judged(faults=faults).unproven == (reason,)
    assert judged(faults=faults, rows=ROWS[1:]).verdict is Verdict.FAIL


def test_planned_fault_needs_a_proof_each() -> None:
    """A schedule with the same fault twice is not proven by one of them."""
    plan = Planned(kind="SIGKILL", target="web")
    run = msgspec.structs.replace(RUN, schedule=(plan, plan))

    assert judged(run=run, faults=[FAULT, FAULT]).verdict is Verdict.PASS
    assert judged(run=run, faults=[FAULT]).verdict is Verdict.UNKNOWN


STAGES = [
    Seen(stage=stage, entity_id=EVENTS[n].entity_id, time_us=EVENTS[n].time_us)
    for n, stages in enumerate(
        [
            [],
            [Stage.SPOOL],
            [Stage.ENRICHMENT, Stage.SPOOL],
            [Stage.DATABASE, Stage.SPOOL],
            [Stage.SPOOL, Stage.DEAD_LETTER],
        ]
    )
    for stage in stages
]


@pytest.mark.parametrize(
    ("listed", "first"), [(True, Stage.SOURCE), (False, Stage.UNKNOWN)]
)
def test_lost_event_is_followed(first: Stage, *, listed: bool) -> None:
    """The stage that a lost event reached is told; without lists nobody knows."""
    stages = [*STAGES, Coverage(of=Stage.SPOOL, complete=listed)]

    judgement = judged(rows=ROWS[5:], stages=stages)

    assert [e.stage for e in judgement.findings[Flaw.LOST].examples] == [
        first,
        Stage.SPOOL,
        Stage.ENRICHMENT,
        Stage.DATABASE,
        Stage.DEAD_LETTER,
    ]
    assert sum(judgement.last_seen.values()) == 5


def test_dead_letter_is_kept_only_where_that_is_allowed() -> None:
    """An event that cannot be stored is lost, unless the run sends such on purpose."""
    stages = [
        Seen(
            stage=Stage.DEAD_LETTER,
            entity_id=EVENTS[0].entity_id,
            time_us=EVENTS[0].time_us,
            detail="too large",
        )
    ]
    run = msgspec.structs.replace(RUN, limits=Limits(dead_letters=True))

    refused = judged(rows=ROWS[1:], stages=stages)
    allowed = judged(rows=ROWS[1:], stages=stages, run=run)

    assert shown(refused) == {"lost": [0]}
    assert "too large" in str(refused)
    assert (allowed.verdict, allowed.tally.dead_lettered) == (Verdict.PASS, 1)


def test_repeated_attempts_are_counted_and_no_flaw() -> None:
    """What was merged into the same row did no harm."""
    stages = [Seen(stage=Stage.SPOOL, entity_id="sensor.r_0", time_us=BASE, attempts=3)]

    judgement = judged(stages=stages)

    assert (judgement.verdict, judgement.tally.repeated) == (Verdict.PASS, 2)


def test_late_event_is_found() -> None:
    """A row must be seen within its limit; a fault gives time until it is cured."""
    run = msgspec.structs.replace(RUN, limits=Limits(late_us=SECOND))
    events = [sent(n, time_us=BASE + n * SECOND) for n in range(8)]
    rows = [
        row(n, time_us=event.time_us, seen_us=event.time_us + 4 * SECOND // (1 + n))
        for n, event in enumerate(events)
    ]

    judgement = judged(run=run, events=events, rows=rows, faults=[FAULT])

    # 0 needs 4 s. 1 would have been due when the fault began, and that was cured at 3.
    assert shown(judgement) == {"late": [0]}
    assert "2000.0 ms after its deadline" in str(
        judged(
            run=run,
            events=events[4:5],
            rows=[
                row(
                    4, time_us=events[4].time_us, seen_us=events[4].time_us + 3 * SECOND
                )
            ],
        )
    )


def test_recovery_is_held_against_its_budget() -> None:
    """Two seconds after the cure; more is a flaw, not seen is unknown."""
    good = msgspec.structs.replace(FAULT, budget_us=2 * SECOND)
    slow = msgspec.structs.replace(FAULT, budget_us=SECOND)
    unseen = msgspec.structs.replace(FAULT, budget_us=SECOND, ready_us=None)

    assert judged(faults=[good]).verdict_of(Flaw.RECOVERY) is Verdict.PASS
    assert judged(faults=[slow]).verdict_of(Flaw.RECOVERY) is Verdict.FAIL
    assert judged(faults=[unseen]).verdict_of(Flaw.RECOVERY) is Verdict.UNKNOWN
    assert judged(faults=[good]).faults[0].recovery_ms == 2000.0


def test_loss_is_measured_by_fault() -> None:
    """The window goes from the first lost event to the next that is stored."""
    events = [sent(n, time_us=BASE + n * 100 * MS) for n in range(100)]
    rows = [
        row(n, time_us=event.time_us)
        for n, event in enumerate(events)
        if n not in {21, 22, 23, 90}
    ]

    judgement = judged(events=events, rows=rows, faults=[FAULT])

    assert (judgement.loss.count, judgement.loss.longest_ms) == (2, 300.0)
    assert judgement.loss.total_ms == 400.0
    (impact,) = judgement.faults
    # From a second before the fault until the data path was ready.
    assert (impact.events, impact.lost, impact.loss.longest_ms) == (41, 3, 300.0)
    assert judgement.findings[Flaw.LOST].first_us == BASE + 2100 * MS


def test_gap_ledger_is_judged_where_it_is_known() -> None:
    """What was never on the wire must lie in a gap; without a ledger nobody asks."""
    events = [
        *EVENTS[:3],
        *(sent(n, on_wire=False, recorded=True) for n in (3, 4)),
        *EVENTS[5:],
    ]
    gap = GapRow(
        id=1,
        cause="c",
        from_us=EVENTS[2].time_us,
        until_us=EVENTS[4].time_us,
        closed=True,
        expected=2,
        recovered=2,
    )

    assert Flaw.GAP not in judged(events=events).findings
    assert judged(events=events, stages=[gap]).verdict is Verdict.PASS
    silent = judged(events=events, stages=[Coverage(of=GAPS, complete=True)])
    assert silent.count(Flaw.GAP) == 2
    unread = judged(
        events=EVENTS, stages=[Coverage(of=GAPS, complete=False, reason="HTTP 500")]
    )
    assert unread.verdict_of(Flaw.GAP) is Verdict.UNKNOWN
    assert "HTTP 500" in unread.why(Flaw.GAP)[0]


def test_counters_are_added_up() -> None:
    """The last counters of a service must be sums of their parts."""
    good = {"received": 3, "forwarded": 2, "pending": 1}
    records = [
        Counters(source="ingestion", at_us=2, values=good),
        Counters(source="ingestion", at_us=1, values={**good, "pending": 2}),
    ]

    assert judged(stages=records).verdict_of(Flaw.COUNTER) is Verdict.PASS
    assert judged(stages=records[1:]).verdict_of(Flaw.COUNTER) is Verdict.FAIL


def test_verdict_is_the_same_from_the_folder(tmp_path: Path) -> None:
    """A saved run has the verdict of the one in memory."""
    with HistoryWriter(tmp_path, RUN) as history:
        history.sent(EVENTS)
        history.stored(ROWS[1:])
        history.stages(STAGES)
        history.fault(FAULT)
        history.finish(RUN)

    saved = judge(read_history(tmp_path))

    assert saved == judged(rows=ROWS[1:], stages=STAGES, faults=[FAULT])
    assert saved.document() == judge(read_history(tmp_path)).document()


def test_document_is_plain_data() -> None:
    """Every value can be written as JSON and names its flaw and its verdict."""
    document = judged(rows=ROWS[1:], faults=[FAULT], stages=STAGES).document()
    (lost,) = [flaw for flaw in document["flaws"] if flaw["flaw"] == "lost"]

    assert msgspec.json.decode(msgspec.json.encode(document)) == document
    assert (document["verdict"], lost["verdict"], lost["count"]) == ("fail", "fail", 1)
    assert lost["examples"][0]["serial"] == 0
    assert document["faults"][0]["bitten"] is True


def test_examples_are_the_first_in_time() -> None:
    """However many there are, few are kept: the earliest."""
    judgement = judge(History(run=RUN, sent=EVENTS[::-1], stored=[]), examples=3)
    finding = judgement.findings[Flaw.LOST]

    assert (finding.count, [e.serial for e in finding.examples]) == (8, [0, 1, 2])
    assert (finding.first_us, finding.last_us) == (BASE, BASE + 70 * MS)
