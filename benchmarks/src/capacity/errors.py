"""Everything that can go wrong while capacity is measured, as one tree.

```
CapacityError
├── SearchMismatch
├── NotEnoughData
├── DocumentUnusable
├── EnvFileUnusable
├── AdviceRefused
├── UsageError
├── TraceUnusable
├── BadAnswer
├── LoadFailed
├── StackFailed
├── RunUnusable
└── VersionUnusable
```
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "AdviceRefused",
    "BadAnswer",
    "CapacityError",
    "DocumentUnusable",
    "EnvFileUnusable",
    "LoadFailed",
    "NotEnoughData",
    "RunUnusable",
    "SearchMismatch",
    "StackFailed",
    "TraceUnusable",
    "UsageError",
    "VersionUnusable",
]


class CapacityError(Exception):
    """Root of all errors that this package raises on purpose."""


class SearchMismatch(CapacityError):
    """A result was given to the search that is not of the trial it asked for."""

    def __init__(self, expected: object, given: object) -> None:
        super().__init__(expected, given)
        self.expected = expected
        self.given = given

    def __str__(self) -> str:
        return f"the search expects {self.expected}, the result is of {self.given}"


class NotEnoughData(CapacityError):
    """A figure was asked for that the measurements cannot support."""

    def __init__(self, figure: str, needed: int, given: int) -> None:
        super().__init__(figure, needed, given)
        self.figure = figure
        self.needed = needed
        self.given = given

    def __str__(self) -> str:
        return f"{self.figure} needs {self.needed} measurements, there are {self.given}"


class DocumentUnusable(CapacityError):
    """A report.json cannot be read: absent, another version, or a wrong key."""

    def __init__(self, file: str, problem: str, *, fix: str, key: str = "") -> None:
        super().__init__(file, problem, fix, key)
        self.file = file
        self.problem = problem
        self.fix = fix
        self.key = key

    def __str__(self) -> str:
        place = f"{self.file}: {self.key}" if self.key else self.file
        return f"{place}: {self.problem}\n    to fix it: {self.fix}"


class EnvFileUnusable(CapacityError):
    """The environment file that limits go into cannot be used; it is as it was."""

    def __init__(self, file: str, problem: str, *, fix: str) -> None:
        super().__init__(file, problem, fix)
        self.file = file
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.file}: {self.problem}\n    to fix it: {self.fix}"


class AdviceRefused(CapacityError):
    """What was asked lies beyond what the measurements allow to say."""

    def __init__(self, refusals: Sequence[str]) -> None:
        super().__init__(tuple(refusals))
        self.refusals = tuple(refusals)

    def __str__(self) -> str:
        return "\n    ".join(("no limits can be named:", *self.refusals))


class UsageError(CapacityError):
    """An option, or the combination of several, asks for what cannot be done."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return self.problem


class TraceUnusable(CapacityError):
    """A recorded trace cannot be replayed; `line` counts from 1, 0 is the whole."""

    def __init__(self, file: str, problem: str, *, fix: str, line: int = 0) -> None:
        super().__init__(file, problem, fix, line)
        self.file = file
        self.problem = problem
        self.fix = fix
        self.line = line

    def __str__(self) -> str:
        place = f"{self.file}, line {self.line}" if self.line else self.file
        return f"{place}: {self.problem}\n    to fix it: {self.fix}"


class BadAnswer(CapacityError):
    """A part of the stack answered with something else than was agreed."""

    def __init__(self, question: str, problem: str) -> None:
        super().__init__(question, problem)
        self.question = question
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.question}: {self.problem}"


class LoadFailed(CapacityError):
    """The process that makes the load has ended, or does not answer."""

    def __init__(self, problem: str, *, log: str) -> None:
        super().__init__(problem, log)
        self.problem = problem
        self.log = log

    def __str__(self) -> str:
        return f"the load: {self.problem}\n    its log: {self.log}"


class StackFailed(CapacityError):
    """The stack could not be started, or the engine does not do what it should."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return (
            f"the stack: {self.problem}\n"
            "    to fix it: look whether `docker version` answers and `make setup` "
            "has made the images"
        )


class RunUnusable(CapacityError):
    """The raw data of a run cannot be gone on with."""

    def __init__(self, file: str, problem: str) -> None:
        super().__init__(file, problem)
        self.file = file
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.file}: cannot be gone on with: {self.problem}"


class VersionUnusable(CapacityError):
    """A version to compare is not there, or cannot be built."""

    def __init__(self, version: str, problem: str, *, fix: str) -> None:
        super().__init__(version, problem, fix)
        self.version = version
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        return f"version {self.version}: {self.problem}\n    to fix it: {self.fix}"
