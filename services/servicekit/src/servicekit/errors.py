"""What can go wrong in the shared kit.

```
ServicekitError
├── SettingsError
├── StartError
├── WireError
├── PayloadDamaged
└── InfluxError
    ├── InfluxUnreachable
    └── InfluxQueryFailed
```
"""

from __future__ import annotations

__all__ = [
    "InfluxError",
    "InfluxQueryFailed",
    "InfluxUnreachable",
    "PayloadDamaged",
    "ServicekitError",
    "SettingsError",
    "StartError",
    "WireError",
]


class ServicekitError(Exception):
    """Root of every error that this package raises."""


class SettingsError(ServicekitError):
    """The settings of a service are unusable; holds every problem, one line each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        count = len(self.problems)
        head = f"settings: {count} problem{'' if count == 1 else 's'}"
        return "\n".join([head, *(f"  {problem}" for problem in self.problems)])


class StartError(ServicekitError):
    """A service cannot start, for a reason that needs no traceback."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return self.problem


class WireError(ServicekitError):
    """Bytes from the other service do not hold what the wire format promises."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(what, reason)
        self.what = what
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.what} is not readable: {self.reason}"


class PayloadDamaged(ServicekitError):
    """A payload is marked as compressed and cannot be decompressed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"a compressed payload is damaged: {self.reason}"


class InfluxError(ServicekitError):
    """Root of what the InfluxDB client raises."""


class InfluxUnreachable(InfluxError):
    """InfluxDB gave no HTTP answer: refused, reset, not resolvable or too slow."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(url, reason)
        self.url = url
        self.reason = reason

    def __str__(self) -> str:
        return f"InfluxDB at {self.url} does not answer: {self.reason}"


class InfluxQueryFailed(InfluxError):
    """InfluxDB refused a query, or ended its answer with an error table."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"query refused with {self.status} {self.code}: {self.message}"
