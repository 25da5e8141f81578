"""What can go wrong between a suite and the reference stack.

```
ReferenceStackError
├── BadAnswer
├── BadSchedule
├── LedgerIncomplete
├── SourceForgets
├── SourceSilent
└── TokenMissing
```
"""

from __future__ import annotations

from collections.abc import Sequence


class ReferenceStackError(Exception):
    """Root of all errors of this package."""


class BadAnswer(ReferenceStackError):
    """An HTTP endpoint answered something else than the suite asked for."""

    def __init__(self, url: str, status: int, text: str) -> None:
        super().__init__(url, status, text)
        self.url = url
        self.status = status
        self.text = text

    def __str__(self) -> str:
        return f"{self.url} answered {self.status}: {self.text[:300]}"


class BadSchedule(ReferenceStackError):
    """A text that is no schedule of faults."""

    def __init__(self, part: str, known: Sequence[str], longest: float) -> None:
        super().__init__(part, tuple(known), longest)
        self.part = part
        self.known = tuple(known)
        self.longest = longest

    def __str__(self) -> str:
        return (
            f"{self.part!r} is no step of a schedule: give a name and seconds up to "
            f"{self.longest:g}; names are {', '.join(self.known)}"
        )


class LedgerIncomplete(ReferenceStackError):
    """The simulator no longer knows all that it has sent in a run."""

    def __init__(self, run_id: str) -> None:
        super().__init__(run_id)
        self.run_id = run_id

    def __str__(self) -> str:
        return f"the ledger of the run {self.run_id} has lost its oldest events"


class SourceForgets(ReferenceStackError):
    """Home Assistant's recorder lacks changes that it has confirmed."""

    def __init__(self, run_id: str, missing: int) -> None:
        super().__init__(run_id, missing)
        self.run_id = run_id
        self.missing = missing

    def __str__(self) -> str:
        return (
            f"the recorder lacks {self.missing} changes of the run {self.run_id} that "
            "Home Assistant has confirmed"
        )


class SourceSilent(ReferenceStackError):
    """Home Assistant did not put an expected event on the wire."""

    def __init__(self, entity_id: str, timeout: float) -> None:
        super().__init__(entity_id, timeout)
        self.entity_id = entity_id
        self.timeout = timeout

    def __str__(self) -> str:
        return f"no event of {self.entity_id} on the wire within {self.timeout:g} s"


class TokenMissing(ReferenceStackError):
    """A container does not hold the token that it should."""

    def __init__(self, container: str, path: str) -> None:
        super().__init__(container, path)
        self.container = container
        self.path = path

    def __str__(self) -> str:
        return f"{self.container} has no token in {self.path}"
