"""Make the documents that other programs read: a report of a run, and a plan (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from ..check import Case, Result, Verdict
from ..contract.ignores import Ignore
from ..contract.plan import Plan
from .record import Record
from .scrub import Scrubber

SCHEMA_VERSION = 1
"""Raised when a reader of the last one would stumble; new fields alone do not."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """How a run went: what the report says beside results and record."""

    started: datetime
    seconds: float
    strict: bool = False
    live: bool = False
    select: tuple[str, ...] = ()
    destructive: bool = True
    interrupted: bool = False


def report_document(
    plan: Plan,
    results: Iterable[Result],
    record: Record,
    conduct: Conduct,
    scrub: Scrubber,
) -> Document:
    """Return a run as the schema `report.schema.json` describes it."""
    contract = plan.contract
    checks = [_judged(result, scrub) for result in results]
    around = record.surroundings
    return {
        "schema_version": SCHEMA_VERSION,
        "project": contract.model.project,
        "verdict": str(overall(checks, record.start_problem)),
        "started": conduct.started.isoformat(timespec="seconds"),
        "seconds": round(conduct.seconds, 3),
        "mode": "live" if conduct.live else "owned",
        "strict": conduct.strict,
        "destructive": conduct.destructive and not conduct.live,
        "select": list(conduct.select),
        "interrupted": conduct.interrupted,
        "run": record.run,
        "engine": {"version": around.engine, "compose": around.compose},
        "host": {
            "system": around.system,
            "kernel": around.kernel,
            "cgroup_version": around.cgroup_version,
            "cpus": around.cpus,
            "memory_bytes": around.memory_bytes,
        },
        "files": [str(path) for path in contract.compose.files],
        "notes": scrub(list(record.notes)),
        "warnings": scrub(list(contract.warnings)),
        "start_problem": scrub(record.start_problem),
        "start_until_ns": record.start_until_ns,
        "events_ended": record.events_ended,
        "not_observed": scrub(list(record.not_observed)),
        "coverage": round(plan.coverage, 2),
        "not_covered": [asdict(item) for item in plan.not_covered],
        "unused_ignores": _unused(plan.unused_ignores),
        "counts": counts(checks),
        "services": _services(plan, record),
        "checks": checks,
    }


def plan_document(plan: Plan) -> Document:
    """Return a plan as the schema `plan.schema.json` describes it."""
    contract = plan.contract
    return {
        "schema_version": SCHEMA_VERSION,
        "project": contract.model.project,
        "files": [str(path) for path in contract.compose.files],
        "warnings": list(contract.warnings),
        "coverage": round(plan.coverage, 2),
        "checks": [_planned(case) for case in plan.cases],
        "declared": [
            {"service": key.service or None, "key": key.path, "checks": list(checks)}
            for key, checks in plan.accounted
        ],
        "not_covered": [asdict(item) for item in plan.not_covered],
        "unused_ignores": _unused(plan.unused_ignores),
    }


def overall(checks: Iterable[Mapping[str, Any]], start_problem: str | None) -> Verdict:
    """Return the verdict of a whole run.

    Nothing judged is not a pass, and a stack that did not start is not one either.
    """
    seen = {check["verdict"] for check in checks}
    if Verdict.FAIL in seen:
        return Verdict.FAIL
    if Verdict.UNKNOWN in seen or start_problem or not seen:
        return Verdict.UNKNOWN
    return Verdict.PASS


def counts(checks: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return how many cases have each verdict; all verdicts are named."""
    found = Counter(check["verdict"] for check in checks)
    return {str(verdict): found[str(verdict)] for verdict in Verdict}


def _planned(case: Case) -> Document:
    check, subject = case.check, case.claim.subject
    about = {"service": subject.service, "peer": subject.peer, "key": subject.key}
    planned = {
        "id": check.id,
        "family": check.family,
        "kind": str(check.kind),
        "phase": check.phase.name.lower(),
        "title": check.title,
        "subject": {
            name: value
            for name, value in about.items()
            if value is not None or name == "service"
        },
        "label": case.claim.label,
        "promised": case.claim.promised,
    }
    return planned if case.ignored is None else {**planned, "reason": case.ignored}


def _judged(result: Result, scrub: Scrubber) -> Document:
    planned = _planned(result.case)
    finding = result.finding
    return {
        **planned,
        "label": scrub.text(planned["label"]),
        "promised": scrub.text(planned["promised"]),
        "verdict": str(result.verdict),
        "observed": scrub.text(finding.observed),
        "message": scrub.text(finding.message),
        "seconds": round(result.seconds, 3),
        "facts": scrub(dict(finding.facts)),
    }


def _unused(ignores: Iterable[Ignore]) -> list[Document]:
    return [asdict(ignore) for ignore in ignores]


def _services(plan: Plan, record: Record) -> list[Document]:
    return [
        {
            "name": service.name,
            "image": service.image,
            "replicas": service.replicas,
            "depends_on": [
                {"service": edge.service, "condition": str(edge.condition)}
                for edge in service.depends_on
            ],
            "stood": record.standings.get(service.name),
            "log": f"logs/{service.name}.log" if service.name in record.logs else None,
        }
        for service in plan.contract.model.services.values()
    ]
