"""What can go wrong between Home Assistant, the spool and enrichment-pipeline.

```
IngestionError
├── SessionError
│   ├── AuthRejected
│   ├── FrameUnreadable
│   ├── ProtocolViolation
│   └── CommandRefused
├── ConnectionLost
├── ConversationOver
├── SpoolError
├── ReplayRunning
└── ForwardError
```
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "AuthRejected",
    "CommandRefused",
    "ConnectionLost",
    "ConversationOver",
    "ForwardError",
    "FrameUnreadable",
    "IngestionError",
    "ProtocolViolation",
    "ReplayRunning",
    "SessionError",
    "SpoolError",
]


_DAMAGED: Final = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


class IngestionError(Exception):
    """Root of every error that this package raises."""


class SessionError(IngestionError):
    """Home Assistant said something that ends the session."""


class AuthRejected(SessionError):
    """Home Assistant does not accept the access token."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return (
            f"Home Assistant rejected the access token: {self.message or 'no reason'}"
        )


class FrameUnreadable(SessionError):
    """A frame is not the JSON that it should be."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"unreadable frame: {self.reason}"


class ProtocolViolation(SessionError):
    """A frame is no JSON, or a message does not belong into the phase."""

    def __init__(self, phase: str, reason: str) -> None:
        super().__init__(phase, reason)
        self.phase = phase
        self.reason = reason

    def __str__(self) -> str:
        return f"unexpected answer while {self.phase}: {self.reason}"


class CommandRefused(SessionError):
    """Home Assistant refused a command that nothing works without."""

    def __init__(self, command: str, code: str, message: str) -> None:
        super().__init__(command, code, message)
        self.command = command
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.command} was refused: {self.code}: {self.message}"


class ConnectionLost(IngestionError):
    """There is no connection to Home Assistant, or there is none any more."""

    def __init__(self, url: str, cause: str) -> None:
        super().__init__(url, cause)
        self.url = url
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.url}: {self.cause}"


class ConversationOver(IngestionError):
    """The connection ended before Home Assistant answered what was asked."""

    def __init__(self, awaited: str) -> None:
        super().__init__(awaited)
        self.awaited = awaited

    def __str__(self) -> str:
        return f"the connection ended before Home Assistant answered: {self.awaited}"


class SpoolError(IngestionError):
    """The spool cannot be opened, read or written.

    `name` is SQLite's name of the error, such as SQLITE_FULL.
    """

    def __init__(self, path: str, name: str, cause: str) -> None:
        super().__init__(path, name, cause)
        self.path = path
        self.name = name
        self.cause = cause

    @property
    def disk_full(self) -> bool:
        """True if the file system has no room (or the file may not grow)."""
        return self.name == "SQLITE_FULL"

    @property
    def damaged(self) -> bool:
        """True if what is in the file is wrong, which no second try changes."""
        return self.name.startswith(_DAMAGED)

    def __str__(self) -> str:
        return f"spool {self.path}: {self.cause} ({self.name})"


class ReplayRunning(IngestionError):
    """Frames are being handed on again; `rows` are still to be looked at."""

    def __init__(self, rows: int) -> None:
        super().__init__(rows)
        self.rows = rows

    def __str__(self) -> str:
        return f"another replay is going on; {self.rows} frames are left to look at"


class ForwardError(IngestionError):
    """enrichment-pipeline did not take a batch; everything is kept.

    `code` names the reason in the health answer, `retry_after` is in seconds.
    """

    def __init__(
        self, code: str, message: str, *, retry_after: float | None = None
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"
