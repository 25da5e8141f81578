"""One verification from the first case to the removal of the stack.

The command line and the pytest plugin both drive this: cases come one by one, the stack
is there when the first of them needs it, and evidence is kept before it goes.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..check import Case, Phase, Result, Verdict, undecided
from ..contract.plan import Plan
from ..errors import StackproofError, UsageError
from ..report.record import Record
from .connect import need_image
from .evidence import keep_record, surroundings
from .live import live_stack
from .owned import owned_stack
from .run import Judge
from .stack import Options, Stack
from .vantage import NoVantage

if TYPE_CHECKING:
    from docker import DockerClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a verification is done.

    Attributes:
        strict: whether a broken policy fails.
        live: the running project to look at; None starts a copy.
        keep: leave the copy behind.
        build: build the images first.
        engine_restart: the engine itself may be restarted.
        options: what the checks may do.
    """

    strict: bool = False
    live: str | None = None
    keep: bool = False
    build: bool = False
    engine_restart: bool = False
    options: Options = field(default_factory=Options)

    def check(self) -> None:
        """Refuse combinations that contradict each other.

        Raises:
            UsageError: an owned copy's option was given for a live project.
        """
        given = {
            "--keep": self.keep,
            "--build": self.build,
            "--allow-engine-restart": self.engine_restart,
        }
        wrong = [name for name, value in given.items() if value]
        if self.live is not None and wrong:
            raise UsageError(
                f"{wrong[0]} changes something, and a live project is only read: "
                "leave one of the two out"
            )


class Session:
    """Judges cases of one plan; `close` must follow, whatever happens."""

    def __init__(
        self,
        plan: Plan,
        terms: Terms,
        *,
        engine: DockerClient,
        say: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self.plan = plan
        self.terms = terms
        self.results: list[Result] = []
        self.started = datetime.now(UTC)
        self._begun = time.monotonic()
        self._engine = engine
        self._say = say
        self._folder = Path(tempfile.mkdtemp(prefix="stackproof-"))
        self._exits = ExitStack()
        self._stack: Stack | None = None
        self._until_ns: int | None = None
        self.failure: StackproofError | None = None

    @property
    def seconds(self) -> float:
        """Seconds since the session began."""
        return time.monotonic() - self._begun

    def judge(self, case: Case) -> Result:
        """Decide one case; starts the stack when this is the first that needs it.

        Raises:
            SourceError: a copy cannot be made from these files.
            ComposeError: an image cannot be had.
            UsageError: the live project does not exist.
        """
        quiet = case.ignored is not None or case.check.phase is Phase.FILE
        stack = self._files_only() if quiet else self.stack()
        result = Judge(stack, strict=self.terms.strict).one(case)
        self.results.append(result)
        return result

    def stack(self) -> Stack:
        """Return the stack; start or find it the first time.

        What went wrong then is raised again at each later call.
        """
        if self.failure is not None:
            raise self.failure
        if self._stack is None:
            try:
                self._stack = self._open()
            except StackproofError as err:
                self.failure = err
                raise
            self._until_ns = time.time_ns()
        return self._stack

    def close(self, expected: Iterable[Case] = ()) -> Record:
        """Keep evidence, remove what was started, and return the record of it all.

        Args:
            expected: cases that should have been judged; those that were not are
                added as unknown.
        """
        why = "not judged: the run ended before"
        if self.failure is not None:
            why = f"not judged: {self.failure}"
        judged = {str(result.case) for result in self.results}
        self.results += [
            Result(
                case=case,
                verdict=Verdict.UNKNOWN,
                finding=undecided(why),
                seconds=0.0,
            )
            for case in expected
            if str(case) not in judged
        ]
        stack = self._stack
        try:
            around = surroundings(self._engine, self.plan.contract.compose)
            if stack is None:
                problem = None if self.failure is None else str(self.failure)
                return Record(surroundings=around, start_problem=problem)
            return keep_record(
                stack, self.results, around=around, until_ns=self._until_ns
            )
        finally:
            self._exits.close()
            if not self.terms.keep or stack is None:
                shutil.rmtree(self._folder, ignore_errors=True)

    def _open(self) -> Stack:
        contract = self.plan.contract
        if self.terms.options.helper_image is not None:
            need_image(self._engine, self.terms.options.helper_image)
        if self.terms.live is not None:
            return live_stack(
                contract,
                self.terms.live,
                engine=self._engine,
                folder=self._folder,
                options=self.terms.options,
            )
        return self._exits.enter_context(
            owned_stack(
                contract,
                engine=self._engine,
                folder=self._folder,
                options=self.terms.options,
                keep=self.terms.keep,
                build=self.terms.build,
                say=self._say,
            )
        )

    def _files_only(self) -> Stack:
        """Return what a check of the files sees before anything is started."""
        if self._stack is not None:
            return self._stack
        contract = self.plan.contract
        return Stack(
            contract=contract,
            compose=contract.compose,
            document=contract.document,
            model=contract.model,
            engine=self._engine,
            vantage=NoVantage("nothing has been started yet"),
            owned=self.terms.live is None,
            recorder=None,
            folder=self._folder,
            options=self.terms.options,
        )
