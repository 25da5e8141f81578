"""Is the service well, and if not, why: a register of named reasons."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import structlog

__all__ = ["STARTING", "Health", "Reason", "Snapshot", "Status", "iso"]

STARTING: Final = "starting"
"""Code of the reason that every service begins with; clear it once it serves."""

_log = structlog.get_logger(__name__)


class Status(StrEnum):
    """How well a service is; the worst of its reasons decides."""

    READY = "ready"
    DEGRADED = "degraded"
    STARTING = "starting"
    FAILING = "failing"


_SEVERITY: Final = {status: rank for rank, status in enumerate(Status)}


def iso(seconds: float) -> str:
    """Return seconds since the epoch as ISO 8601 in UTC with microseconds."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a service is not plainly ready; `since` is ISO 8601 UTC."""

    code: str
    status: Status
    detail: str
    since: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The health of a service at one moment, in the shape of its JSON answer."""

    service: str
    version: str
    status: Status
    reasons: tuple[Reason, ...]
    uptime_seconds: float


class Health:
    """The register: parts of a service set and clear reasons by code."""

    def __init__(
        self,
        service: str,
        version: str,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._version = version
        self._clock = clock
        self._monotonic = monotonic
        self._began = monotonic()
        self._reasons: dict[str, Reason] = {}
        self._watches: dict[str, tuple[Status, Callable[[], str | None]]] = {}
        self.set(STARTING, Status.STARTING, "the service has not finished its start")

    @property
    def service(self) -> str:
        """Name of the service."""
        return self._service

    def set(self, code: str, status: Status, detail: str) -> None:
        """Add or renew the reason `code`; `since` moves only with the status."""
        known = self._reasons.get(code)
        if known is not None and known.status is status:
            since = known.since
        else:
            since = iso(self._clock())
            if code != STARTING:
                _log.warning("health.reason", code=code, status=status, detail=detail)
        self._reasons[code] = Reason(
            code=code, status=status, detail=detail, since=since
        )

    def clear(self, code: str) -> None:
        """Drop the reason `code`; nothing happens if it is not set."""
        if self._reasons.pop(code, None) is not None:
            _log.info("health.cleared", code=code, status=self.status)

    def watch(self, code: str, status: Status, look: Callable[[], str | None]) -> None:
        """Set or clear the reason `code` at each snapshot, by what `look` returns."""
        self._watches[code] = (status, look)

    def has(self, code: str) -> bool:
        """Tell whether the reason `code` is set."""
        return code in self._reasons

    @property
    def status(self) -> Status:
        """The worst status of all reasons; ready without any."""
        return max(
            (reason.status for reason in self._reasons.values()),
            key=_SEVERITY.__getitem__,
            default=Status.READY,
        )

    def snapshot(self) -> Snapshot:
        """Return the state of the register now, worst reasons first."""
        for code, (status, look) in self._watches.items():
            detail = look()
            if detail is None:
                self.clear(code)
            else:
                self.set(code, status, detail)
        reasons = sorted(
            self._reasons.values(),
            key=lambda reason: (-_SEVERITY[reason.status], reason.code),
        )
        return Snapshot(
            service=self._service,
            version=self._version,
            status=self.status,
            reasons=tuple(reasons),
            uptime_seconds=round(self._monotonic() - self._began, 3),
        )
