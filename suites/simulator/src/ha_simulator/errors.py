"""Everything that can go wrong in the simulator, as one tree.

```
SimulatorError
├── SettingsError
├── Disconnect
├── AuthRefused
├── CommandError
└── ControlError
```
"""

from __future__ import annotations

__all__ = [
    "AuthRefused",
    "CommandError",
    "ControlError",
    "Disconnect",
    "SettingsError",
    "SimulatorError",
]


class SimulatorError(Exception):
    """Root of all errors that the simulator raises on purpose."""


class SettingsError(SimulatorError):
    """The command line or the environment is unusable; holds every problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        count = len(self.problems)
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        return f"settings: {count} problem{'s' if count != 1 else ''}{lines}"


class Disconnect(SimulatorError):
    """The client broke the protocol; Home Assistant closes such a connection."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AuthRefused(SimulatorError):
    """The auth message was refused; holds the `auth_invalid` frame to send."""

    def __init__(self, reply: bytes) -> None:
        super().__init__(reply)
        self.reply = reply

    def __str__(self) -> str:
        return f"auth refused: {self.reply.decode()}"


class CommandError(SimulatorError):
    """A WebSocket command failed; becomes an error result with this code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class ControlError(SimulatorError):
    """A control request cannot be done; becomes a JSON error with this status."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.message}"
