"""Everything that can go wrong while a stack is driven or observed.

```
StackproofError
├── ModelError
├── SourceError
│   └── FileRefused
├── UsageError
├── ComposeError
│   └── ComposeTimeout
├── WaitFailed
├── WaitTimeout
├── EventsLost
├── NoFreeSubnet
├── ProbeError
└── StoreError
```

An error stores what was seen; `str()` makes the sentence and adds the evidence, so that
nobody has to run a command again to see why it failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .compose import Compose
    from .contract.refusal import Refusal

_SHOWN_LINES = 40


class StackproofError(Exception):
    """The root: one `except` catches what this package raises, and nothing else."""


class ModelError(StackproofError):
    """An answer of the engine or of Compose does not have the documented shape."""

    def __init__(self, subject: str, problem: str) -> None:
        super().__init__(subject, problem)
        self.subject = subject
        self.problem = problem

    def __str__(self) -> str:
        return f"cannot read {self.subject}: {self.problem}"


class SourceError(StackproofError):
    """A file that was given cannot be used: absent, not valid, or incomplete."""

    def __init__(self, file: str, problem: str) -> None:
        super().__init__(file, problem)
        self.file = file
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.file}: {self.problem}"


class FileRefused(SourceError):
    """Compose does not take a file: a promise of CONFIG is broken, and nothing runs."""

    def __init__(self, compose: Compose, refusal: Refusal) -> None:
        super().__init__(", ".join(map(str, compose.files)), refusal.problem)
        self.compose = compose
        self.refusal = refusal

    def __str__(self) -> str:
        refusal = self.refusal
        where = ", ".join(map(str, refusal.places))
        fix = f"\n    to fix it: {refusal.fix}" if refusal.fix else ""
        return f"{self.file}: {refusal.check}[{where}]: {self.problem}{fix}"


class UsageError(StackproofError):
    """An option, or the combination of several, asks for what cannot be done."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return self.problem


class ComposeError(StackproofError):
    """A `docker compose` command ended with a code other than 0."""

    def __init__(self, argv: Sequence[str], exit_code: int, evidence: str) -> None:
        super().__init__(tuple(argv), exit_code, evidence)
        self.argv = tuple(argv)
        self.exit_code = exit_code
        self.evidence = evidence

    def __str__(self) -> str:
        return _with_evidence(
            f"exit code {self.exit_code} from: {' '.join(self.argv)}", self.evidence
        )


class ComposeTimeout(ComposeError):
    """A `docker compose` command did not end within its limit and was killed."""

    def __init__(self, argv: Sequence[str], timeout: float, evidence: str) -> None:
        super().__init__(argv, -1, evidence)
        self.timeout = timeout

    def __str__(self) -> str:
        return _with_evidence(
            f"no end after {self.timeout:g} s of: {' '.join(self.argv)}", self.evidence
        )


class WaitFailed(StackproofError):
    """What was awaited can no longer come true."""

    def __init__(self, awaited: str, failure: str, seen: object) -> None:
        super().__init__(awaited, failure, seen)
        self.awaited = awaited
        self.failure = failure
        self.seen = seen

    def __str__(self) -> str:
        return _with_evidence(
            f"{self.failure} while waiting for {self.awaited}; last seen:",
            str(self.seen),
        )


class WaitTimeout(StackproofError):
    """What was awaited did not come true in time."""

    def __init__(self, awaited: str, timeout: float, seen: object) -> None:
        super().__init__(awaited, timeout, seen)
        self.awaited = awaited
        self.timeout = timeout
        self.seen = seen

    def __str__(self) -> str:
        return _with_evidence(
            f"{self.awaited} still false after {self.timeout:g} s; last seen:",
            str(self.seen),
        )


class EventsLost(StackproofError):
    """The engine's event stream ended before it was closed: the record has a hole."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"the engine's event stream ended early: {self.reason}"


class NoFreeSubnet(StackproofError):
    """Every candidate overlaps a network of the engine or a route of the host."""

    def __init__(self, pools: Sequence[str], prefix: int) -> None:
        super().__init__(tuple(pools), prefix)
        self.pools = tuple(pools)
        self.prefix = prefix

    def __str__(self) -> str:
        return f"no free /{self.prefix} network in {', '.join(self.pools)}"


class ProbeError(StackproofError):
    """A probe could not observe what it was sent for."""

    def __init__(self, probe: str, reason: str) -> None:
        super().__init__(probe, reason)
        self.probe = probe
        self.reason = reason

    def __str__(self) -> str:
        return f"probe {self.probe}: {self.reason}"


class StoreError(StackproofError):
    """The database could not be read back, so nothing is known about what it holds."""

    def __init__(self, query: str, reason: str) -> None:
        super().__init__(query, reason)
        self.query = query
        self.reason = reason

    def __str__(self) -> str:
        return _with_evidence(f"query failed: {self.reason}", self.query)


def _with_evidence(sentence: str, evidence: str) -> str:
    lines = evidence.strip().splitlines()
    if not lines:
        return sentence
    hidden = len(lines) - _SHOWN_LINES
    if hidden > 0:
        lines[:hidden] = [f"… {hidden} lines before"]
    return "\n".join([sentence, *(f"    {line}" for line in lines)])
