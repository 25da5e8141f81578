"""Make the document of a matrix: checks x scenarios, and what follows for each service.

The document holds nothing that is not in the results, so the same results make the
same document, and the same document the same page.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from statistics import median

from ..check import Fact, Verdict
from ..oracle.impact import NO_LOSS, FaultImpact
from ..oracle.judgement import Flaw, Judgement
from .document import Document
from .guarantee import guarantee_sentence

SCHEMA_VERSION = 1
"""Raised when a reader of the last one would stumble; new fields alone do not."""


class CellVerdict(StrEnum):
    """The outcome of one check under one scenario."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixCheck:
    """A check: one column.

    Attributes:
        id: short and stable, such as `no-loss`.
        title: what it proves, in a few words.
    """

    id: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What one check said under one scenario.

    Attributes:
        message: why it failed or could not be decided; why it does not apply.
    """

    verdict: CellVerdict
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioResult:
    """A scenario that was run: one row.

    Attributes:
        name: short and stable; chooses it on a command line.
        title: what is done to the stack.
        disturbance: what the sentence of a guarantee calls it, such as `SIGKILL`;
            empty for the scenario that disturbs nothing.
        services: those whose guarantee it is about.
        source: kind of the source of events.
        cells: id of a check to what it said; one that is absent is unknown.
        judgement: what the oracle says; None where nothing could be judged.
        evidence: folder of the history, relative to the report; "" for none.
        seed: what repeats it.
        repeat: command that repeats it.
        problem: why the scenario could not be carried out.
    """

    name: str
    title: str
    disturbance: str = ""
    services: tuple[str, ...] = ()
    source: str = "simulator"
    seconds: float = 0.0
    cells: Mapping[str, Cell] = field(default_factory=dict)
    judgement: Judgement | None = None
    evidence: str = ""
    seed: int | None = None
    repeat: str = ""
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixResults:
    """A run of the matrix.

    Attributes:
        checks: the columns, in their order.
        services: the services that get a sentence, in their order.
        scenarios: the rows, in their order.
        settings: what the run was set to, such as the rate.
        notes: what a reader must know besides.
    """

    project: str
    started: datetime
    seconds: float
    checks: tuple[MatrixCheck, ...]
    scenarios: tuple[ScenarioResult, ...]
    services: tuple[str, ...] = ()
    settings: Mapping[str, Fact] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def matrix_document(results: MatrixResults) -> Document:
    """Return the results as the schema `matrix.schema.json` describes them (pure)."""
    scenarios = [_scenario(result, results.checks) for result in results.scenarios]
    cells = [cell for scenario in scenarios for cell in scenario["cells"]]
    tally = Counter(cell["verdict"] for cell in cells)
    return {
        "schema_version": SCHEMA_VERSION,
        "project": results.project,
        "verdict": _worst(scenario["verdict"] for scenario in scenarios),
        "started": results.started.isoformat(timespec="seconds"),
        "seconds": round(results.seconds, 3),
        "settings": dict(results.settings),
        "notes": list(results.notes),
        "counts": {str(verdict): tally[str(verdict)] for verdict in CellVerdict},
        "events": sum(scenario["acknowledged"] for scenario in scenarios),
        "lost": sum(scenario["lost"] for scenario in scenarios),
        "checks": [asdict(check) for check in results.checks],
        "scenarios": scenarios,
        "guarantees": [_guarantee(name, scenarios) for name in results.services],
        "recovery": list(_recovery(results.scenarios)),
    }


def _scenario(result: ScenarioResult, checks: Sequence[MatrixCheck]) -> Document:
    cells = [
        {"check": check.id, "verdict": str(cell.verdict), "message": cell.message}
        for check in checks
        for cell in [result.cells.get(check.id, _not_run(result))]
    ]
    judgement = result.judgement
    tally = None if judgement is None else judgement.tally
    faults = () if judgement is None else judgement.faults
    applied = [c["verdict"] for c in cells if c["verdict"] != "not_applicable"]
    verdict = _worst(applied)
    if result.problem and verdict == Verdict.PASS:
        verdict = str(Verdict.UNKNOWN)
    return {
        "name": result.name,
        "title": result.title,
        "disturbance": result.disturbance,
        "services": list(result.services),
        "source": result.source,
        "seed": result.seed,
        "repeat": result.repeat,
        "seconds": round(result.seconds, 3),
        "verdict": verdict,
        "problem": result.problem,
        "evidence": result.evidence,
        "events": 0 if tally is None else tally.events,
        "acknowledged": 0 if tally is None else tally.acknowledged,
        "stored": 0 if tally is None else tally.stored,
        "unknown": 0 if tally is None else tally.unknown,
        **{
            str(flaw): 0 if judgement is None else judgement.count(flaw)
            for flaw in (Flaw.LOST, Flaw.DUPLICATED, Flaw.CORRUPTED, Flaw.REORDERED)
        },
        "why": [] if judgement is None else list(judgement.why(*judgement.findings)),
        "loss": _loss(judgement),
        "recovery_ms": _slowest(faults),
        "faults": [] if judgement is None else judgement.document()["faults"],
        "cells": cells,
    }


def _not_run(result: ScenarioResult) -> Cell:
    why = result.problem or "was not run"
    return Cell(verdict=CellVerdict.UNKNOWN, message=why)


def _loss(judgement: Judgement | None) -> Document:
    loss = NO_LOSS if judgement is None else judgement.loss
    return {
        "count": loss.count,
        "total_ms": loss.total_ms,
        "longest_ms": loss.longest_ms,
    }


def _slowest(faults: Iterable[FaultImpact]) -> float | None:
    return max(_times(faults), default=None)


def _times(faults: Iterable[FaultImpact]) -> list[float]:
    """Return how long it took to recover; nothing recovers from what did not bite."""
    return [
        fault.recovery_ms
        for fault in faults
        if fault.proof.bitten and fault.recovery_ms is not None
    ]


def _guarantee(service: str, scenarios: Sequence[Document]) -> Document:
    about = [s for s in scenarios if service in s["services"] and s["disturbance"]]
    times = [s["recovery_ms"] for s in about if s["recovery_ms"] is not None]
    return {
        "service": service,
        "verdict": _worst(scenario["verdict"] for scenario in about),
        "sentence": guarantee_sentence(service, about),
        "events": sum(scenario["acknowledged"] for scenario in about),
        "lost": sum(scenario["lost"] for scenario in about),
        "recovery_ms": max(times, default=None),
    }


def _recovery(results: Iterable[ScenarioResult]) -> Iterator[Document]:
    """Yield for each fault how long the data path took to be ready again."""
    groups: dict[tuple[str, str], list[FaultImpact]] = defaultdict(list)
    for result in results:
        for impact in () if result.judgement is None else result.judgement.faults:
            groups[impact.proof.kind, impact.proof.target].append(impact)
    for (kind, target), members in groups.items():
        times = _times(members)
        budgets = [m.proof.budget_us for m in members if m.proof.budget_us is not None]
        yield {
            "kind": kind,
            "target": target,
            "runs": len(members),
            "bitten": sum(member.proof.bitten for member in members),
            "recovered": len(times),
            "median_ms": median(times) if times else None,
            "worst_ms": max(times, default=None),
            "budget_ms": min(budgets) / 1000 if budgets else None,
            "events": sum(member.events for member in members),
            "lost": sum(member.lost for member in members),
            "loss_ms": max(member.loss.longest_ms for member in members),
        }


def _worst(verdicts: Iterable[str]) -> str:
    seen = set(verdicts)
    if Verdict.FAIL in seen:
        return str(Verdict.FAIL)
    return str(Verdict.PASS if seen == {Verdict.PASS} else Verdict.UNKNOWN)
