"""The moving line of a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from ..check import Case, Result, Verdict

_STYLES = {Verdict.FAIL: "bold red", Verdict.UNKNOWN: "bold yellow"}


@dataclass(slots=True)
class MovingProgress:
    """A bar with the phase and the case; what is red stays above it."""

    bar: Progress
    task: TaskID

    def say(self, text: str) -> None:
        """Show a step beside the bar."""
        self.bar.update(self.task, phase="", case=text)

    def begin(self, case: Case) -> None:
        """Show the case beside the bar."""
        self.bar.update(self.task, phase=case.check.phase.name.lower(), case=str(case))

    def end(self, result: Result) -> None:
        """Move on; a red case keeps a line."""
        style = _STYLES.get(result.verdict)
        if style is not None:
            line = Text(f"{result.verdict} ", style=style)
            self.bar.console.print(line.append(str(result.case), style="default"))
        self.bar.advance(self.task)


@contextmanager
def moving(total: int) -> Iterator[MovingProgress]:
    """Show a bar on standard error until the end."""
    columns = (
        SpinnerColumn(),
        MofNCompleteColumn(),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("{task.fields[phase]}", markup=False),
        TextColumn("{task.fields[case]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield MovingProgress(bar, bar.add_task("", total=total, phase="", case=""))
