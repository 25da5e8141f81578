"""What can go wrong in the admin API.

```
AdminError
├── BadParameter
└── NeighbourUnavailable
```
"""

from __future__ import annotations

__all__ = ["AdminError", "BadParameter", "NeighbourUnavailable"]


class AdminError(Exception):
    """Root of every error that this package raises."""


class BadParameter(AdminError):
    """A query parameter that cannot be used; names it."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(name, problem)
        self.name = name
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.name}: {self.problem}"


class NeighbourUnavailable(AdminError):
    """Another service or InfluxDB gave no usable answer; `code` says how."""

    def __init__(self, neighbour: str, code: str, cause: str) -> None:
        super().__init__(neighbour, code, cause)
        self.neighbour = neighbour
        self.code = code
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.neighbour} is {self.code}: {self.cause}"
