"""Judge a run by its history: a pure function of what was saved.

Three records are compared: what the source made, what the database holds, and what the
stages between them tell. The comparison is one of multisets: rows are counted, not
collected into a set. What the records cannot tell is unknown, and unknown is not green:

- the source's ledger is capped or its file has no end: events before are not known;
- the database could not be read to the end: nothing is lost for sure;
- a fault did not bite, was planned and not tried, or was not healed: the run proves
  nothing about it;
- no event was acknowledged: nothing was proven.

What was found stays found in all of these.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator

from .collector import Collector
from .deadlines import Deadlines
from .gaps import false_gaps, false_sums
from .history import History, Part
from .impact import impacts, loss_windows
from .judgement import NOTHING_FOUND, Example, Finding, Flaw, Judgement, Tally
from .matching import Matched, match_rows
from .records import GAPS, FaultProof, Stage
from .run import RunRecord
from .stages import Told, read_stages
from .table import Scope, SentTable

EXAMPLES = 10
"""Examples of each flaw that a judgement keeps."""


def judge(history: History, *, examples: int = EXAMPLES) -> Judgement:
    """Return the verdict of a run.

    Args:
        history: the saved run, or one that was put together by hand.
        examples: how many examples of each flaw to keep.

    Raises:
        SourceError: a file of the history has a line that cannot be read.
    """
    run = history.run
    scope = Scope(run.scope)
    table = SentTable(history.sent, scope)
    faults = tuple(history.faults)
    late_us = run.limits.late_us
    matched = match_rows(
        table,
        scope,
        history.stored,
        deadlines=None if late_us is None else Deadlines(late_us, faults),
        keep=examples,
    )
    missing = {
        place: None
        for place in table
        if not table.hits[place]
        and place not in matched.moved
        and table.acknowledged(place)
    }
    told = read_stages(history.stages, table, missing)
    readable = Part.STORED not in history.partial
    kept = {p for p in missing if run.limits.dead_letters and _dead(told, p)}
    lost = [p for p in missing if p not in kept] if readable else []
    tally = _tally(table, matched, told)
    moments, gone = _along_time(table, lost)
    stages = Counter(told.stage_of(place)[0] for place in lost)
    unsure_rows = Part.SENT in history.partial or run.capped
    return Judgement(
        scenario=run.scenario,
        tally=dataclasses.replace(
            tally,
            dead_lettered=sum(_dead(told, place) for place in missing),
            unknown=(0 if readable else len(missing))
            + (matched.strays if unsure_rows else 0),
        ),
        findings={
            Flaw.LOST: _lost(table, told, lost, keep=examples),
            Flaw.DUPLICATED: matched.duplicated.finding(),
            Flaw.CORRUPTED: matched.corrupted.finding(),
            Flaw.UNEXPECTED: (
                NOTHING_FOUND if unsure_rows else matched.unexpected.finding()
            ),
            Flaw.REORDERED: matched.reordered.finding(),
            **dict(_promised(run, matched, table, told, faults, lost, keep=examples)),
        },
        undecided=_undecided(history, told, faults),
        unproven=tuple(_unproven(run, history, faults, tally)),
        last_seen={stage: stages[stage] for stage in Stage if stages[stage]},
        loss=loss_windows(moments, gone),
        faults=impacts(faults, moments, gone),
    )


def _tally(table: SentTable, matched: Matched, told: Told) -> Tally:
    events = acknowledged = stored = 0
    for place in table:
        events += 1
        acknowledged += table.acknowledged(place)
        stored += table.hits[place] > 0
    return Tally(
        events=events,
        acknowledged=acknowledged,
        indeterminate=events - acknowledged,
        stored=stored,
        rows=matched.rows,
        background=matched.background,
        recorded_attributes=matched.recorded_attributes,
        repeated=told.repeated,
    )


def _dead(told: Told, place: int) -> bool:
    return told.last_seen.get(place, (Stage.UNKNOWN, ""))[0] is Stage.DEAD_LETTER


def _lost(table: SentTable, told: Told, lost: Iterable[int], *, keep: int) -> Finding:
    found = Collector(keep)
    for place in lost:
        stage, detail = told.stage_of(place)
        where = "on the wire" if table.on_wire(place) else "in the recorder only"
        found.add(
            Example(
                entity_id=table.entity_id(place),
                time_us=table.times[place],
                serial=table.serials[place],
                found=f"{where}, {detail}" if detail else where,
                stage=stage,
            )
        )
    return found.finding()


def _promised(
    run: RunRecord,
    matched: Matched,
    table: SentTable,
    told: Told,
    faults: Iterable[FaultProof],
    lost: list[int],
    *,
    keep: int,
) -> Iterator[tuple[Flaw, Finding]]:
    """Yield what is judged only where the history has something to hold it against."""
    if run.limits.late_us is not None:
        yield Flaw.LATE, matched.late.finding()
    if told.gaps or GAPS in told.coverage:
        yield Flaw.GAP, _collected(false_gaps(told.gaps, table, lost), keep=keep)
    if told.counters:
        yield Flaw.COUNTER, _collected(false_sums(told.counters), keep=keep)
    if any(proof.budget_us is not None for proof in faults):
        yield Flaw.RECOVERY, _collected(_slow(faults), keep=keep)


def _slow(faults: Iterable[FaultProof]) -> Iterator[Example]:
    for proof in faults:
        budget_us, took_us = proof.budget_us, proof.recovery_us
        if budget_us is not None and took_us is not None and took_us > budget_us:
            yield Example(
                time_us=proof.started_us,
                expected=f"ready within {budget_us / 1e6:g} s of the {proof.name}",
                found=f"ready after {took_us / 1e6:.1f} s",
            )


def _collected(examples: Iterable[Example], *, keep: int) -> Finding:
    found = Collector(keep)
    for example in examples:
        found.add(example)
    return found.finding()


def _along_time(table: SentTable, lost: list[int]) -> tuple[list[int], list[bool]]:
    """Return when the acknowledged events happened, in order, and which are lost."""
    places = [place for place in table if table.acknowledged(place)]
    places.sort(key=table.moments.__getitem__)
    gone = set(lost)
    return [table.moments[p] for p in places], [p in gone for p in places]


def _undecided(
    history: History, told: Told, faults: Iterable[FaultProof]
) -> dict[Flaw, tuple[str, ...]]:
    """Return for each flaw why its absence is not proven."""
    reasons: dict[Flaw, list[str]] = {flaw: [] for flaw in Flaw}
    rows = (Flaw.LOST, Flaw.DUPLICATED, Flaw.CORRUPTED, Flaw.UNEXPECTED)
    for part, flaws in (
        (Part.SENT, (*rows, Flaw.REORDERED, Flaw.LATE, Flaw.GAP)),
        (Part.STORED, (*rows, Flaw.REORDERED, Flaw.LATE, Flaw.GAP)),
        (Part.STAGES, (Flaw.GAP, Flaw.COUNTER)),
        (Part.FAULTS, (Flaw.RECOVERY,)),
    ):
        if part in history.partial:
            for flaw in flaws:
                reasons[flaw].append(f"{part.file} has no end: rows may be missing")
    if history.run.capped:
        for flaw in (*rows, Flaw.REORDERED, Flaw.GAP):
            reasons[flaw].append("the source's ledger has dropped its oldest events")
    gaps = told.coverage.get(GAPS)
    if gaps is not None and not gaps.complete:
        reasons[Flaw.GAP].append(f"the gap ledger is not complete: {gaps.reason}")
    for proof in faults:
        if proof.budget_us is not None and proof.ready_us is None:
            reasons[Flaw.RECOVERY].append(
                f"recovery from the {proof.name} was not seen"
            )
    return {flaw: tuple(found) for flaw, found in reasons.items() if found}


def _unproven(
    run: RunRecord, history: History, faults: tuple[FaultProof, ...], tally: Tally
) -> Iterator[str]:
    """Yield why the run as a whole proves nothing."""
    yield from run.problems
    if run.ended_us is None:
        yield "the run was interrupted before its end"
    if Part.FAULTS in history.partial:
        yield f"{Part.FAULTS.file} has no end: faults may be missing"
    if not tally.acknowledged:
        yield "no event of the source had to be stored"
    for proof in faults:
        if not proof.bitten:
            yield (
                f"the {proof.name} did not happen: expected {proof.expected}, "
                f"observed {proof.observed}"
            )
        elif proof.over_us is None:
            yield f"the {proof.name} was not healed before the verdict"
    tried = Counter((proof.kind, proof.target) for proof in faults)
    planned = Counter((plan.kind, plan.target) for plan in run.schedule)
    for kind, target in planned - tried:
        yield f"the {kind} of {target} was planned and not tried"
