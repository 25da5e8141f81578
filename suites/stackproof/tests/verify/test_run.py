"""Tests of `stackproof.verify.run`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

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
from stackproof.errors import ComposeError, ProbeError, WaitTimeout
from stackproof.model import StackModel, State
from stackproof.parsing import parse_config
from stackproof.verify.run import Judge
from stackproof.verify.stack import Stack

MODEL = parse_config(json.dumps({"services": {"web": {"ports": []}, "job": {}}}))


@dataclass(frozen=True)
class Row:
    """A container, as far as the judge looks."""

    state: State = State.RUNNING
    exit_code: int = 0


@dataclass
class FakeCompose:
    """Records that it was asked to start what is down."""

    calls: list[tuple[str, ...]]
    broken: bool = False

    def up(self, *, options: tuple[str, ...]) -> None:
        """Note the call."""
        self.calls.append(("up", *options))
        if self.broken:
            raise ComposeError(("docker", "compose", "up"), 1, "no")


@dataclass
class FakeStack:
    """A stack whose settling is a list of outcomes, in order."""

    settles: list[bool] = field(default_factory=list)
    rows: dict[str, list[Row]] = field(default_factory=lambda: {"web": [Row()]})
    broken: bool = False
    model: StackModel = MODEL
    calls: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def compose(self) -> FakeCompose:
        """The project."""
        return FakeCompose(self.calls, self.broken)

    def container(self, service: str) -> Row:
        """Return the first container."""
        if not self.rows.get(service):
            raise ProbeError("inspect", f"{service} has no container")
        return self.rows[service][0]

    def containers(self, service: str) -> list[Row]:
        """Return all of a service."""
        return self.rows.get(service, [])

    def settle(self) -> None:
        """Settle, or not."""
        self.calls.append(("settle",))
        if self.settles and not self.settles.pop(0):
            raise WaitTimeout("settled", 1.0, "web: unhealthy")

    def expect_no_more(self) -> None:
        """Note the call."""
        self.calls.append(("expect no more",))


def judged(
    judge: Callable[[Claim, Any], Finding],
    stack: FakeStack,
    *,
    phase: Phase = Phase.STOP,
    service: str = "web",
    ignored: str | None = None,
) -> Result:
    """Decide one case."""
    check = Check(
        id="X-01",
        title="",
        kind=Kind.PROMISE,
        phase=phase,
        live=False,
        proves="",
        how="",
        why="",
        fix="",
        claims=lambda _contract: (),
        judge=judge,
    )
    claim = Claim(subject=Subject(service=service), label=service, promised="")
    case = Case(check=check, claim=claim, ignored=ignored)
    times = iter((1.0, 3.5))
    return Judge(cast("Stack", stack), clock=lambda: next(times)).one(case)


def green(_claim: Claim, _stack: object) -> Finding:
    """Find nothing wrong."""
    return passed("fine")


def open_question(_claim: Claim, _stack: object) -> Finding:
    """Find nothing at all."""
    return undecided("not seen")


def test_case_is_timed() -> None:
    """A pass stays one when the stack settles afterwards."""
    stack = FakeStack()

    result = judged(green, stack)

    assert (result.verdict, result.seconds) == (Verdict.PASS, 2.5)
    assert stack.calls == [("settle",)]


def test_looking_needs_no_settling() -> None:
    """Only what disturbs is waited for."""
    stack = FakeStack()

    judged(green, stack, phase=Phase.LOOK)

    assert stack.calls == []


@pytest.mark.parametrize(
    "error", [ProbeError("network", "too late"), OSError("gone"), KeyError("Id")]
)
def test_what_cannot_be_observed_is_unknown(error: Exception) -> None:
    """An error of the engine decides nothing."""

    def judge(_claim: Claim, _stack: object) -> Finding:
        raise error

    result = judged(judge, FakeStack())

    assert result.verdict is Verdict.UNKNOWN
    assert str(error) in result.finding.message


def test_mistake_of_a_check_is_no_verdict() -> None:
    """A check that is wrong ends the run instead of looking like a bad stack."""

    def judge(_claim: Claim, _stack: object) -> Finding:
        raise AttributeError("typo")

    with pytest.raises(AttributeError, match="typo"):
        judged(judge, FakeStack())


def test_ignored_case_is_not_tried() -> None:
    """Its reason stands in the report."""
    result = judged(open_question, FakeStack(), ignored="because")

    assert result.verdict is Verdict.IGNORED


def test_service_without_container_is_unknown() -> None:
    """Whatever the check would have said."""
    result = judged(green, FakeStack(rows={}), phase=Phase.LOOK)

    assert result.verdict is Verdict.UNKNOWN
    assert "web has no container" in result.finding.message


@pytest.mark.parametrize(
    ("finding", "message"),
    [
        (passed("fine"), "afterwards the stack did not recover by itself"),
        (failed("bad", "why"), "why\nafterwards the stack did not recover by itself"),
    ],
)
def test_stack_that_stays_down_fails_the_case(finding: Finding, message: str) -> None:
    """And is mended, so that the next case is judged fairly."""
    stack = FakeStack(settles=[False, True])

    result = judged(lambda _claim, _stack: finding, stack)

    assert result.verdict is Verdict.FAIL
    assert result.finding.message.startswith(message)
    assert stack.calls == [("settle",), ("up", "--no-recreate"), ("settle",)]


@pytest.mark.parametrize(("settles", "broken"), [([False, False], False), ([False], 1)])
def test_what_cannot_be_mended_is_expected_no_more(
    settles: list[bool], broken: object
) -> None:
    """Later cases are not blamed for it."""
    stack = FakeStack(settles=settles, broken=bool(broken))

    judged(green, stack)

    assert stack.calls[-1] == ("expect no more",)


@pytest.mark.parametrize(
    ("service", "rows", "verdict"),
    [
        ("job", [Row(State.EXITED)], Verdict.PASS),
        ("job", [Row(State.EXITED, 1)], Verdict.UNKNOWN),
        ("job", [Row()], Verdict.UNKNOWN),
        ("job", [], Verdict.UNKNOWN),
    ],
)
def test_done_job_needs_no_drill(
    service: str, rows: list[Row], verdict: Verdict
) -> None:
    """What has ended with 0 by design cannot be stopped or killed, and need not be."""
    result = judged(open_question, FakeStack(rows={service: rows}), service=service)

    assert result.verdict is verdict
