"""Show how far a run is: a moving line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TextIO

from ..check import Case, Phase, Result, Verdict

_RED = frozenset({Verdict.FAIL, Verdict.UNKNOWN})
_SLOW_SECONDS = 5.0


class Progress(Protocol):
    """What a run tells while it goes on."""

    def say(self, text: str) -> None:
        """Tell a step that is no case."""
        ...

    def begin(self, case: Case) -> None:
        """Tell the case that is looked at now."""
        ...

    def end(self, result: Result) -> None:
        """Tell what came out of it."""
        ...


class PlainProgress:
    """One line for each phase, each red case and each slow one."""

    def __init__(self, cases: Sequence[Case], stream: TextIO) -> None:
        self._total = len(cases)
        self._phases = [case.check.phase for case in cases]
        self._stream = stream
        self._phase: Phase | None = None
        self._done = 0

    def say(self, text: str) -> None:
        """Write a line."""
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def begin(self, case: Case) -> None:
        """Announce a new phase."""
        phase = case.check.phase
        if phase is not self._phase:
            self._phase = phase
            count = self._phases.count(phase)
            self.say(
                f"[{self._done}/{self._total}] {phase.name.lower()}: {count} cases"
            )

    def end(self, result: Result) -> None:
        """Write a line about what is red or was slow."""
        self._done += 1
        if result.verdict in _RED or result.seconds > _SLOW_SECONDS:
            self.say(
                f"[{self._done}/{self._total}] {result.verdict} {result.case} "
                f"({result.seconds:.1f} s)"
            )


@contextmanager
def watching(cases: Sequence[Case], stream: TextIO | None = None) -> Iterator[Progress]:
    """Show the progress of a run on standard error."""
    stream = sys.stderr if stream is None else stream
    if not stream.isatty():
        yield PlainProgress(cases, stream)
        return
    from .moving import moving  # noqa: PLC0415 - rich is for terminals only

    with moving(len(cases)) as progress:
        yield progress
