"""Verify a stack from Python: compile, start a copy, judge, remove."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..check import Result, Verdict
from ..compose import Compose
from ..contract.plan import EVERYTHING, Selection, compile_plan
from ..contract.source import read_contract
from ..registry import all_checks
from .owned import owned_stack
from .run import Judge
from .stack import Options, Stack

if TYPE_CHECKING:
    from docker import DockerClient

_RED = frozenset({Verdict.FAIL, Verdict.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """All results of one run, in the order in which they were found."""

    results: tuple[Result, ...]
    start_problem: str | None = None
    coverage: float = 100.0

    @property
    def red(self) -> frozenset[str]:
        """The cases that failed or could not be decided, as "ORDER-01[…]"."""
        return frozenset(str(r.case) for r in self.results if r.verdict in _RED)

    @property
    def failed(self) -> frozenset[tuple[str, str]]:
        """Id and service of each failed case; the service is "" for the whole file."""
        return frozenset(
            (r.case.check.id, r.case.claim.subject.service or "")
            for r in self.results
            if r.verdict is Verdict.FAIL
        )

    def of(self, check_id: str, service: str | None = None) -> tuple[Result, ...]:
        """Return the results of a check, or of one service in it."""
        return tuple(
            r
            for r in self.results
            if r.case.check.id == check_id
            and service in {None, r.case.claim.subject.service}
        )

    def __str__(self) -> str:
        lines = [
            f"{r.verdict} {r.case}: {r.finding.observed} {r.finding.message}".rstrip()
            for r in self.results
            if r.verdict in _RED
        ]
        if self.start_problem:
            lines.append(f"start: {self.start_problem}")
        return "\n".join(lines) or f"{len(self.results)} cases, none red"


def try_stack(
    compose: Compose,
    *,
    engine: DockerClient,
    selection: Selection = EVERYTHING,
    strict: bool = False,
    options: Options | None = None,
    after_start: Callable[[Stack], None] | None = None,
) -> Outcome:
    """Verify a copy of a stack and return what was found.

    Args:
        compose: the files; the project's name is not used.
        engine: where the copy runs.
        selection: which cases to judge.
        strict: whether a broken policy fails.
        options: what the checks may do.
        after_start: called with the running stack before the first case is judged, to
            break something on purpose.

    Raises:
        SourceError: the files cannot be used.
        ComposeError: an image cannot be had.
    """
    contract = read_contract(compose)
    plan = compile_plan(contract, all_checks(), selection)
    with (
        tempfile.TemporaryDirectory(prefix="stackproof-") as folder,
        owned_stack(
            contract,
            engine=engine,
            folder=Path(folder),
            options=options or Options(),
        ) as stack,
    ):
        if after_start is not None:
            after_start(stack)
        return Outcome(
            results=tuple(Judge(stack, strict=strict).all(plan.cases)),
            start_problem=stack.start_problem,
            coverage=plan.coverage,
        )
