"""A compose file that is named on pytest's command line becomes tests."""

from __future__ import annotations

import json
import os
import re

import pytest
from pytest import Pytester  # noqa: PT013 - reads better below

from stackproof.report.schema import REPORT, validate

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

# Stands in for the engine: a verdict by the id of the check.
CONFTEST = """
import pytest
from datetime import UTC, datetime
from stackproof import pytest_collect
from stackproof.check import Finding, Result, Verdict
from stackproof.errors import ComposeError
from stackproof.report.record import Record
from stackproof.verify import session

class FakeSession:
    def __init__(self, plan, terms, *, engine):
        print("session opens for", plan.contract.compose.files[0].name)
        self.results = []
        self.plan = plan
        self.terms = terms
        self.started = datetime(2026, 1, 1, tzinfo=UTC)
        self.seconds = 1.0

    def judge(self, case):
        verdict = VERDICTS.get(case.check.id, "pass")
        if verdict == "stop":
            raise KeyboardInterrupt
        if verdict == "error":
            raise ComposeError(("docker", "create"), 1, "no such image")
        finding = Finding(
            verdict=Verdict(verdict), observed="seen", message="do this", facts={"n": 1}
        )
        result = Result(
            case=case, verdict=Verdict(verdict), finding=finding, seconds=0.1
        )
        self.results.append(result)
        return result

    def close(self, expected=()):
        print("session closes")
        judged = [str(result.case) for result in self.results]
        self.results += [
            Result(
                case=case,
                verdict=Verdict.UNKNOWN,
                finding=Finding(verdict=Verdict.UNKNOWN),
                seconds=0.0,
            )
            for case in expected
            if str(case) not in judged
        ]
        return Record()

VERDICTS = {}
pytest_collect.Session = FakeSession
pytest_collect.connect = lambda: None
"""


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
    """Run pytest with the fake session and these verdicts by id."""
    by_id = {name.replace("_", "-"): verdict for name, verdict in verdicts.items()}
    inner.makeconftest(CONFTEST.replace("VERDICTS = {}", f"VERDICTS = {by_id}"))
    return inner.runpytest_subprocess("-p", "no:asyncio", *options)


def test_items_have_readable_ids(inner: Pytester) -> None:
    """Check and claim; sorted by the phase in which they run."""
    result = run(inner, "compose.yml", "--collect-only", "-q")

    ids = [line for line in result.outlines if "::" in line]
    assert "compose.yml::ORDER-01[web after store: service_started]" in ids
    assert "session opens for compose.yml" not in result.outlines
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
    result = run(inner, "compose.yml", "-s", "-x", ORDER_01="fail")

    assert str(result.stdout).count("session opens for compose.yml") == 1
    assert str(result.stdout).count("session closes") == 1
    result.assert_outcomes(failed=1, passed=result.parseoutcomes().get("passed", 0))


def test_interrupt_closes_and_is_no_pass(inner: Pytester) -> None:
    """After Ctrl-C the stack goes, and the report calls the rest unknown."""
    result = run(inner, "compose.yml", "-s", "--stack-report=run", ORDER_01="stop")

    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert str(result.stdout).count("session closes") == 1
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

    result = run(
        inner,
        *("compose.yml", "other.yml", "-s"),
        *("--stack-select=ORDER-01", "--stack-report=run"),
    )

    assert str(result.stdout).count("session opens for") == 2
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
