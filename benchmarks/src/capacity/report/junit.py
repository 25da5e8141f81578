"""Tell a run as JUnit XML, which every build server reads (pure).

What failed is a failure, what could not be decided an error, a warning is skipped with
its reason: a gate that lets neither failures nor errors pass lets no bad run pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from typing import Final
from xml.etree import ElementTree as ET

from ..document import Gate, Report, Standing, Status
from .sentence import sentence
from .words import duration, number

__all__ = ["junit"]

_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PASSED, _FAILURE, _ERROR, _SKIPPED = "", "failure", "error", "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    family: str
    name: str
    outcome: str
    message: str = ""
    seconds: float = 0.0


def junit(report: Report) -> str:
    """Return the run as one test suite."""
    cases = list(_cases(report))
    suite = ET.Element(
        "testsuite",
        name="capacity",
        tests=str(len(cases)),
        failures=_count(cases, _FAILURE),
        errors=_count(cases, _ERROR),
        skipped=_count(cases, _SKIPPED),
        time=f"{report.run.duration_s:.3f}",
        timestamp=report.run.started.astimezone(UTC).isoformat(timespec="seconds"),
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(report):
        ET.SubElement(properties, "property", name=name, value=_clean(value))
    for case in cases:
        element = ET.SubElement(
            suite,
            "testcase",
            classname=f"capacity.{case.family}",
            name=_clean(case.name),
            time=f"{case.seconds:.3f}",
        )
        if case.outcome:
            ET.SubElement(element, case.outcome, message=_clean(case.message))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return f"<?xml version='1.0' encoding='utf-8'?>\n{ET.tostring(root, 'unicode')}\n"


def _properties(report: Report) -> Iterator[tuple[str, str]]:
    verdict = report.verdict
    yield "schema_version", str(report.schema_version)
    yield "profile", str(report.run.profile)
    yield "fingerprint", report.environment.fingerprint_sha
    yield "stop_reason", str(verdict.stop_reason)
    if verdict.sustained_eps is not None:
        yield "sustained_eps", number(verdict.sustained_eps, 6).replace(",", "")
    if verdict.edge is not None:
        yield "edge_lower_eps", number(verdict.edge.lower, 6).replace(",", "")


def _cases(report: Report) -> Iterator[_Case]:
    outcomes = {
        Status.PASS: _PASSED,
        Status.FAIL: _FAILURE,
        Status.INVALID: _ERROR,
        Status.INCONCLUSIVE: _ERROR,
    }
    yield _Case(
        family="verdict",
        name="capacity",
        outcome=outcomes[report.verdict.status],
        message=sentence(report),
        seconds=report.run.duration_s,
    )
    yield _complete(report)
    standings = {
        Standing.OK: _PASSED,
        Standing.WARNING: _SKIPPED,
        Standing.BAD: _ERROR,
    }
    for check in report.validity:
        yield _Case(
            family="validity",
            name=check.name,
            outcome=standings[check.standing],
            message=f"{check.standing}: {check.value}, allowed is {check.limit}",
        )
    yield from _sustained(report)
    yield from _outage(report)
    yield from _baseline(report)


def _complete(report: Report) -> _Case:
    return _Case(
        family="verdict",
        name="complete",
        outcome=_PASSED if report.run.complete else _ERROR,
        message=f"ended early: {report.verdict.stop_reason}",
    )


def _sustained(report: Report) -> Iterator[_Case]:
    trial = report.sustained
    if trial is None:
        return
    missing = trial.accounting.lost + trial.accounting.rejected
    yield _Case(
        family="sustained",
        name="nothing lost",
        outcome=_PASSED if missing <= report.slo.loss else _FAILURE,
        message=f"{missing:,} of {trial.accounting.sent:,} events are not stored",
        seconds=trial.window_s,
    )


def _outage(report: Report) -> Iterator[_Case]:
    found = report.resilience
    if found is None:
        return
    yield _Case(
        family="outage",
        name="nothing lost",
        outcome=_PASSED if found.lost <= report.slo.loss else _FAILURE,
        message=f"{found.lost:,} events lost in {duration(found.outage_s)} of outage",
    )
    yield _Case(
        family="outage",
        name="drains",
        outcome=_FAILURE if found.drain_s.measured is None else _PASSED,
        message="the backlog did not go away while it was watched",
    )


def _baseline(report: Report) -> Iterator[_Case]:
    found = report.baseline
    if found is None:
        return
    outcomes = {
        Gate.BETTER: _PASSED,
        Gate.SAME: _PASSED,
        Gate.WORSE: _FAILURE,
        Gate.UNDECIDED: _SKIPPED,
    }
    for ratio in found.ratios:
        known = found.fingerprint_match
        yield _Case(
            family="baseline",
            name=ratio.metric,
            outcome=outcomes[ratio.gate] if known else _SKIPPED,
            message=f"{ratio.value:.3f} of {found.run_id} ({ratio.gate})"
            if known
            else f"not comparable with {found.run_id}",
        )


def _count(cases: list[_Case], outcome: str) -> str:
    return str(sum(case.outcome == outcome for case in cases))


def _clean(text: str) -> str:
    """Return a text without what XML cannot hold."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
