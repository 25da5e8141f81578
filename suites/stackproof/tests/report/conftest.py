"""A run with one case of each verdict, as plain objects."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stackproof.check import (
    Case,
    Check,
    Claim,
    Finding,
    Kind,
    Phase,
    Result,
    Subject,
    Verdict,
    failed,
    passed,
    undecided,
)
from stackproof.compose import Compose
from stackproof.contract.ignores import Ignore
from stackproof.contract.keys import Key, NotCovered
from stackproof.contract.plan import Plan
from stackproof.contract.source import Contract
from stackproof.events import Event
from stackproof.model import Health, StackModel
from stackproof.report.document import Conduct, report_document
from stackproof.report.record import Record, Surroundings
from stackproof.report.scrub import Scrubber

SECOND = 10**9


def make_check(check_id: str, kind: Kind = Kind.PROMISE) -> Check:
    """Build a check that is never run."""
    return Check(
        id=check_id,
        title=f"rule {check_id}",
        kind=kind,
        phase=Phase.LOOK,
        live=True,
        proves="p",
        how="h",
        why="w",
        fix="f",
        claims=lambda _contract: (),
        judge=lambda _claim, _stack: passed(),
    )


def make_case(check: Check, label: str, ignored: str | None = None) -> Case:
    """Build a case about the service `web`."""
    claim = Claim(
        subject=Subject(service="web", peer="store", key="ports[0]"),
        label=label,
        promised="listens <here>",
    )
    return Case(check=check, claim=claim, ignored=ignored)


FINDINGS: tuple[tuple[str, Verdict, Finding], ...] = (
    (
        "LIMIT-01",
        Verdict.PASS,
        passed("96 MiB", memory_peak_bytes=2**20, memory_limit_bytes=2**22),
    ),
    ("STOP-01", Verdict.PASS, passed("gone", stop_seconds=4.5, grace_seconds=5.0)),
    ("ORDER-01", Verdict.FAIL, failed("too early", "web began first\nuse hunter2222")),
    ("HEALTH-01", Verdict.UNKNOWN, undecided("no right to look")),
    ("SECURITY-01", Verdict.NOT_PROMISED, failed("root", "set a user")),
    ("OPS-01", Verdict.IGNORED, Finding(verdict=Verdict.IGNORED)),
)


@pytest.fixture
def results() -> list[Result]:
    """One result of each verdict."""
    return [
        Result(
            case=make_case(
                make_check(
                    check_id,
                    Kind.POLICY if check_id == "SECURITY-01" else Kind.PROMISE,
                ),
                f"web {number}",
                "a known one" if verdict is Verdict.IGNORED else None,
            ),
            verdict=verdict,
            finding=finding,
            seconds=0.25,
        )
        for number, (check_id, verdict, finding) in enumerate(FINDINGS)
    ]


@pytest.fixture
def plan(model: StackModel, results: list[Result]) -> Plan:
    """A plan with these cases."""
    compose = Compose(project="demo", files=(Path("/x/compose.yml"),))
    return Plan(
        contract=Contract(
            compose=compose, document={}, model=model, warnings=("version is obsolete",)
        ),
        cases=tuple(result.case for result in results),
        accounted=(
            (Key(service="web", path="ports"), ("DISCOVERY-01",)),
            (Key(service="", path="volumes.data"), ()),
        ),
        not_covered=(NotCovered(service=None, key="volumes.data", reason="no check"),),
        unused_ignores=(Ignore(id="LIMIT", subject="*", reason="r", origin="file"),),
    )


@pytest.fixture
def events() -> tuple[Event, ...]:
    """The start of the three services, then a stop."""
    told: tuple[tuple[float, str, str, dict[str, Any]], ...] = (
        (0, "store", "create", {}),
        (0.1, "setup", "create", {}),
        (0.2, "web", "create", {}),
        (1, "store", "start", {}),
        (3, "store", "health_status", {"health": Health.HEALTHY}),
        (3.2, "setup", "start", {}),
        (4, "setup", "die", {"exit_code": 0}),
        (4.2, "web", "start", {}),
        (9, "web", "kill", {"signal": 15}),
        (9.1, "web", "die", {"exit_code": 143}),
    )
    return tuple(
        Event(
            time_ns=5 * SECOND + int(second * SECOND),
            service=service,
            container=f"{service}-id",
            action=action,
            **more,
        )
        for second, service, action, more in told
    )


@pytest.fixture
def record(events: tuple[Event, ...]) -> Record:
    """What was kept of the stack."""
    return Record(
        run="stackproof-1-abcdef01",
        surroundings=Surroundings(
            engine="20.10.24", compose="2.26.1", cgroup_version="1", cpus=2
        ),
        notes=("port 8999 became an ephemeral one",),
        standings={"web": "healthy", "store": "healthy"},
        events=events,
        inspect={"demo-web-1": {"Id": "1"}},
        logs={"web": "line <one>\nline two\n"},
    )


@pytest.fixture
def conduct() -> Conduct:
    """A run of 12 seconds."""
    return Conduct(started=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), seconds=12.0)


@pytest.fixture
def document(
    plan: Plan, results: list[Result], record: Record, conduct: Conduct
) -> dict[str, Any]:
    """The report of the run."""
    scrub = Scrubber.of(["hunter2222"])
    return report_document(plan, results, record, conduct, scrub)
