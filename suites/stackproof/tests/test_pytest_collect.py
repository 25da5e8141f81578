"""A compose file that is named on pytest's command line becomes tests."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import pytest
from pytest import Pytester  # noqa: PT013 - reads better below

# The registry is imported here: what a run imports by itself is forgotten after it.
from stackproof import pytest_collect, registry  # noqa: F401
from stackproof.check import Case, Finding, Result, Verdict
from stackproof.contract.plan import Plan
from stackproof.errors import ComposeError
from stackproof.report.record import Record
from stackproof.report.schema import REPORT, validate
from stackproof.verify.session import Terms

SESSIONS = "sessions"
ALONE = ("-p", "no:asyncio", "-p", "no:hypothesispytest")
"""Without plugins that do not run twice in a process, or are read anew each time."""

DOCKER = """#!/bin/sh
here=$(dirname "$0")
echo "$*" >> "$here/calls"
case " $* " in
*" config "*)
  if [ -f "$here/problem" ]; then cat "$here/problem" >&2; exit 15; fi
  cat "$here/config.json" ;;
*) echo 2.26.1 ;;
esac
"""


@dataclass(slots=True)
class FakeSession:
    """Stands in for a stack: a verdict by the id of the check."""

    plan: Plan
    terms: Terms
    engine: None
    verdicts: Mapping[str, str]
    results: list[Result] = field(default_factory=list)
    started: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    seconds: float = 1.0

    def __post_init__(self) -> None:
        """Say that the stack would start now."""
        self._note(f"opened for {self.plan.contract.compose.files[0].name}")

    def judge(self, case: Case) -> Result:
        """Return the verdict that was asked for, or raise."""
        verdict = self.verdicts.get(case.check.id, "pass")
        if verdict == "stop":
            raise KeyboardInterrupt
        if verdict == "error":
            raise ComposeError(("docker", "create"), 1, "no such image")
        self.results.append(_result(case, Verdict(verdict)))
        return self.results[-1]

    def close(self, expected: Iterable[Case] = ()) -> Record:
        """Say that the stack would go now; what was not judged is unknown."""
        self._note("closed")
        judged = [str(result.case) for result in self.results]
        self.results += [
            _result(case, Verdict.UNKNOWN)
            for case in expected
            if str(case) not in judged
        ]
        return Record()

    def _note(self, text: str) -> None:
        folder = self.plan.contract.compose.files[0].parent
        with (folder / SESSIONS).open("a") as file:
            file.write(f"{text}\n")


def _result(case: Case, verdict: Verdict) -> Result:
    finding = Finding(
        verdict=verdict, observed="seen", message="do this", facts={"n": 1}
    )
    return Result(case=case, verdict=verdict, finding=finding, seconds=0.1)


@pytest.fixture
def inner(
    pytester: Pytester, config_text: str, monkeypatch: pytest.MonkeyPatch
) -> Pytester:
    """A folder with a compose file, and a `docker` that knows it."""
    folder = pytester.mkdir("bin")
    (folder / "config.json").write_text(config_text)
    (folder / "docker").write_text(DOCKER)
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    (pytester.path / "compose.yml").write_text("services: {}")
    return pytester


def run(inner: Pytester, *options: str, **verdicts: str) -> pytest.RunResult:
    """Run pytest in this process with the fake session and these verdicts by id."""
    by_id = {name.replace("_", "-"): verdict for name, verdict in verdicts.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pytest_collect, "connect", lambda: None)
        patch.setattr(pytest_collect, "Session", partial(FakeSession, verdicts=by_id))
        return inner.runpytest_inprocess(*ALONE, *options, no_reraise_ctrlc=True)


def sessions(inner: Pytester) -> list[str]:
    """Return which stacks were started and removed."""
    file = inner.path / SESSIONS
    return file.read_text().splitlines() if file.exists() else []


def test_items_have_readable_ids(inner: Pytester) -> None:
    """Check and claim; sorted by the phase in which they run."""
    result = run(inner, "compose.yml", "--collect-only", "-q")

    ids = [line for line in result.outlines if "::" in line]
    assert "compose.yml::ORDER-01[web after store: service_started]" in ids
    assert not sessions(inner)
    first = next(n for n, line in enumerate(ids) if "::STOP-01[" in line)
    assert all("::ORDER-01[" not in line for line in ids[first:])


def test_folders_are_not_searched(inner: Pytester) -> None:
    """Compose files are tests only when they are named."""
    inner.makepyfile("def test_it(): pass")

    run(inner).assert_outcomes(passed=1)
    run(inner, ".").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("name", "text", "taken"),
    [
        ("docker-compose.prod.yaml", "x: 1", True),
        ("stack.yml", "services:\n  web: {}\n", True),
        ("playbook.yml", "- hosts: all\n", False),
    ],
)
def test_only_compose_files_are_taken(
    inner: Pytester, name: str, text: str, *, taken: bool
) -> None:
    """A name as Compose uses it, or services in the file."""
    (inner.path / name).write_text(text)

    result = run(inner, name, "--collect-only", "-q")

    assert any("::ORDER-01[" in line for line in result.outlines) is taken


def test_verdicts_become_outcomes(inner: Pytester) -> None:
    """Failed and unknown are failures, what is not promised or ignored is skipped."""
    result = run(
        inner,
        "compose.yml",
        *("--stack-select=ORDER-0[12]", "--stack-select=STOP-0[13]", "-rs"),
        ORDER_01="fail",
        ORDER_02="unknown",
        STOP_01="not_promised",
        STOP_03="ignored",
    )

    counted = result.parseoutcomes()
    assert counted["failed"] >= 4
    assert counted["skipped"] >= 2
    result.stdout.fnmatch_lines(
        [
            "promised: starts after *",
            "observed: seen",
            "do this",
            "facts: n 1",
            "more: stackproof explain ORDER-01",
            "*(could not be decided)*",
        ]
    )
    for reason in ("*not promised: do this", "*ignored: *"):
        result.stdout.fnmatch_lines([reason])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*pytest_collect.py*")


def test_one_stack_for_all_items(inner: Pytester) -> None:
    """The session opens once and is closed, also when the run stops early."""
    result = run(inner, "compose.yml", "-x", ORDER_01="fail")

    assert sessions(inner) == ["opened for compose.yml", "closed"]
    result.assert_outcomes(failed=1, passed=result.parseoutcomes().get("passed", 0))


def test_interrupt_closes_and_is_no_pass(inner: Pytester) -> None:
    """After Ctrl-C the stack goes, and the report calls the rest unknown."""
    result = run(
        inner,
        "compose.yml",
        *("--stack-select=ORDER", "--stack-report=run"),
        ORDER_01="stop",
    )

    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert sessions(inner) == ["opened for compose.yml", "closed"]
    document = json.loads((inner.path / "run" / "report.json").read_text())
    validate(document, REPORT, origin="report")
    assert document["verdict"] == "unknown"
    assert document["interrupted"] is True


def test_items_are_chosen(inner: Pytester) -> None:
    """By -k with id, family or service, and by node id."""
    chosen = run(inner, "compose.yml", "-k", "ORDER and setup", "--collect-only", "-q")
    named = run(inner, "compose.yml::ORDER-01", "--collect-only", "-q")

    for result in (chosen, named):
        ids = [line for line in result.outlines if "::" in line]
        assert ids
        assert all(re.match(r"compose.yml::ORDER-", line) for line in ids)


def test_options_reach_the_stack(inner: Pytester) -> None:
    """Overlays, env files and profiles are handed on to Compose."""
    (inner.path / "over.yml").write_text("")
    (inner.path / "vars").write_text("")

    result = run(
        inner,
        "compose.yml",
        *("--stack-overlay=over.yml", "--stack-env-file=vars", "--stack-profile=p"),
        *("--stack-live=prod", "--collect-only", "-q"),
    )

    calls = (inner.path / "bin" / "calls").read_text()
    for option in (
        "--project-name prod",
        "--file=over.yml",
        "--env-file=vars",
        "--profile=p",
    ):
        assert option in calls
    # On a live project only what is safe there is collected.
    assert not any("::STOP-01" in line for line in result.outlines)


def test_report_and_junit(inner: Pytester) -> None:
    """The run's own report, and pytest's with the verdict as a property."""
    run(
        inner,
        "compose.yml",
        *("--stack-select=ORDER-01", "--stack-strict"),
        *("--stack-report=run", "--junitxml=junit.xml"),
    ).assert_outcomes(passed=3)

    document = json.loads((inner.path / "run" / "report.json").read_text())
    assert (document["verdict"], document["strict"]) == ("pass", True)
    junit = (inner.path / "junit.xml").read_text()
    assert '<property name="verdict" value="pass"' in junit
    assert 'name="ORDER-01[web after store: service_started]"' in junit


def test_two_files_have_two_reports(inner: Pytester) -> None:
    """Each file has a stack and a folder of its own."""
    (inner.path / "other.yml").write_text("services: {}")

    run(
        inner,
        *("compose.yml", "other.yml"),
        *("--stack-select=ORDER-01", "--stack-report=run"),
    )

    assert sessions(inner) == [
        *("opened for compose.yml", "closed"),
        *("opened for other.yml", "closed"),
    ]
    found = sorted(path.name for path in (inner.path / "run").iterdir())
    assert found == ["compose.yml", "other.yml"]


@pytest.mark.parametrize(
    ("problem", "options", "said"),
    [
        ("services.web bad is not allowed", (), "*to fix it: remove the key*"),
        (None, ("--stack-select=NOPE",), "*no check has the id 'NOPE'*"),
        (None, ("--stack-overlay=absent.yml",), "*absent.yml: no such file*"),
        (None, ("--stack-report=.",), "*holds no report*"),
    ],
)
def test_wrong_use_is_explained(
    inner: Pytester, problem: str | None, options: tuple[str, ...], said: str
) -> None:
    """A collection error without a traceback."""
    if problem is not None:
        (inner.path / "bin" / "problem").write_text(problem)

    result = run(inner, "compose.yml", *options)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([said])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_failing_start_is_explained(inner: Pytester) -> None:
    """An image that cannot be had is the message, not a traceback."""
    result = run(
        inner, "compose.yml", "--stack-select=ORDER-01", "-x", ORDER_01="error"
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["exit code 1 from: docker create", "*no such image"])
