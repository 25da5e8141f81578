"""Everything that can go wrong while capacity is measured, as one tree.

```
CapacityError
├── SearchMismatch
└── NotEnoughData
```
"""

from __future__ import annotations

__all__ = ["CapacityError", "NotEnoughData", "SearchMismatch"]


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
