"""One line on stderr while a run lasts: what is tried, and the time left."""

from __future__ import annotations

from typing import Protocol

from rich.console import Console

from .judge_trial import Judgement
from .search import Progress
from .trial import Stage, TrialResult, TrialSpec

__all__ = ["ConsoleTeller", "Teller"]


class Teller(Protocol):
    """Says what a run does."""

    def said(self, text: str) -> None:
        """Say something."""
        ...

    def begins(self, spec: TrialSpec, progress: Progress) -> None:
        """Say which trial begins."""
        ...

    def ended(self, result: TrialResult, judgement: Judgement) -> None:
        """Say how it ended."""
        ...


class ConsoleTeller:
    """Says it on stderr; at a terminal the running trial has a line that moves."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._status = self._console.status("")
        self._time = ""

    def said(self, text: str) -> None:
        """Say something."""
        self._console.print(text, soft_wrap=True)

    def begins(self, spec: TrialSpec, progress: Progress) -> None:
        """Say which trial begins, and how long all may still take."""
        self._time = f"{_time(progress.used)} gone, about {_time(progress.left)} left"
        self._status.update(f"{spec}; {self._time}")
        self._status.start()

    def ended(self, result: TrialResult, judgement: Judgement) -> None:
        """Say how it ended."""
        self._status.stop()
        total = result.latency.get(Stage.TOTAL)
        latency = f", p99 {1000 * total.p99:.0f} ms" if total else ""
        why = ", ".join(judgement.reasons)
        told = f"{result.spec}: {judgement.outcome}{f' ({why})' if why else ''}"
        if result.ended_after is not None:
            told += f" after {result.ended_after:.0f} of {result.spec.window:.0f} s"
        before = "" if self._console.is_terminal else f"; it began with {self._time}"
        self._console.print(f"{told}{latency}{before}", soft_wrap=True)


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02} min"
