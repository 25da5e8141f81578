"""Judge the cases of a plan one by one; each has to leave a sound stack."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from ..check import (
    Case,
    Finding,
    Phase,
    Result,
    Verdict,
    final_verdict,
    passed,
    undecided,
)
from ..errors import ComposeError, WaitFailed, WaitTimeout
from ..evidence import unobservable
from ..model import State
from .stack import Stack
from .standing import ends_by_design


def _observing() -> tuple[type[Exception], ...]:
    return (*unobservable(), LookupError)


@dataclass(slots=True)
class Judge:
    """Decides cases on one stack.

    Attributes:
        stack: where to look.
        strict: whether a broken policy fails.
        clock: seconds that never go backwards.
    """

    stack: Stack
    strict: bool = False
    clock: Callable[[], float] = time.monotonic

    def all(self, cases: Iterable[Case]) -> Iterator[Result]:
        """Yield the result of each case, in the order in which they have to run."""
        yield from map(self.one, cases)

    def one(self, case: Case) -> Result:
        """Decide one case; what could not be observed is `unknown`, never an error."""
        begun = self.clock()
        finding = Finding(verdict=Verdict.IGNORED)
        if case.ignored is None:
            finding = self._observed(case)
            if case.check.phase.destructive:
                finding = self._settled(case, finding)
                if finding.verdict is Verdict.UNKNOWN and self._is_done(case):
                    finding = passed("has done its work and ended with 0: nothing runs")
        return Result(
            case=case,
            verdict=final_verdict(case, finding, strict=self.strict),
            finding=finding,
            seconds=self.clock() - begun,
        )

    def _observed(self, case: Case) -> Finding:
        try:
            if case.check.phase > Phase.START and case.claim.subject.service:
                self.stack.container(case.claim.subject.service)
            return case.check.judge(case.claim, self.stack)
        except _observing() as err:
            return undecided(str(err) or repr(err))

    def _is_done(self, case: Case) -> bool:
        """Tell whether a job that nobody waits for has ended well.

        Only the run shows that it is one: by the file it could be a server as well.
        """
        name = case.claim.subject.service
        service = self.stack.model.services.get(name or "")
        if service is None:
            return False
        rows = self.stack.containers(name)
        ended = all(row.state is State.EXITED and row.exit_code == 0 for row in rows)
        one_shot = name in self.stack.model.one_shots
        return bool(rows) and ended and ends_by_design(service, one_shot=one_shot)

    def _settled(self, case: Case, finding: Finding) -> Finding:
        """Wait until the stack stands as before; mend it if it does not by itself."""
        try:
            self.stack.settle()
        except (WaitTimeout, WaitFailed) as err:
            found = replace(
                finding,
                verdict=Verdict.FAIL,
                message=f"{finding.message}\n".lstrip()
                + f"afterwards the stack did not recover by itself:\n{err.seen}",
            )
            self._mend()
            return found
        except _observing() as err:
            return undecided(f"after {case}: {err}")
        return finding

    def _mend(self) -> None:
        """Start what is down; what still does not come back is expected no more."""
        try:
            self.stack.compose.up(options=("--no-recreate",))
            self.stack.settle()
        except (ComposeError, WaitTimeout, WaitFailed):
            self.stack.expect_no_more()
