"""All that a scenario leaves for the checks to judge: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stackproof import Stop
from stackproof.influx import event_key
from stackproof.oracle import Attributes, FaultProof, GapRow, Judgement

from ..simulator import Sent
from .scenario import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One stored state change.

    Attributes:
        serial: the source's, as the stored attributes carry it.
        attributes: where its attributes are from.
        fields: all that is stored, only for the rows that were `told`.
    """

    entity_id: str
    time_us: int
    state: str | None
    serial: int | None
    attributes: Attributes = Attributes.NONE
    fields: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def key(self) -> str:
        """What makes the row one event."""
        return event_key(self.entity_id, self.time_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A change whose every value is known, because a check has made it."""

    entity_id: str
    time_us: int
    state: str
    attributes: Mapping[str, Any] = field(hash=False)

    @property
    def key(self) -> str:
        """The key under which it must be stored."""
        return event_key(self.entity_id, self.time_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What websocket-ingestion counts, at one moment."""

    at_us: int
    received: int
    forwarded: int
    pending: int
    written: int
    merged: int
    dead_lettered: int
    expired: int

    @property
    def accounted(self) -> int:
        """Forwarded events whose outcome is known."""
        return self.written + self.merged + self.dead_lettered + self.expired

    @property
    def balanced(self) -> bool:
        """Whether both equations hold."""
        whole = self.received == self.forwarded + self.pending
        return whole and self.forwarded == self.accounted


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Memory of one container, in bytes, and what the kernel has killed for it.

    Attributes:
        resident: without the page cache.
        peak: the most that it was charged for, page cache included; it never passes
            the limit unless the limit is not enforced.
        oom_kills: of the last life of the container.
    """

    resident: int | None
    peak: int | None
    limit: int
    oom_kills: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One run of a scenario.

    Attributes:
        scenario: what was done.
        run_id: the source's name for the traffic.
        rate: events a second that were asked for.
        started_us: when the traffic began.
        ended_us: when all was read.
        sent: every event of the run, by the source's own record.
        rows: every row of the run's entities.
        told: changes whose values are known exactly.
        before: counters before the traffic.
        counts: counters during the run, in order.
        after: counters when nothing was pending; None when they could not be read.
        gaps: rows of the gap ledger that the run has opened; None: not readable.
        gap_totals: their totals, as /v1/stats has them, before and after.
        proofs: the faults.
        judgement: what the oracle says of the saved history.
        silent: service to the longest time that admin-api called it ready while it was
            not, where that was longer than it may take to notice.
        admin: path to what admin-api answered afterwards.
        memory: service to its memory.
        spool: the spool's size and limit in bytes.
        secrets_seen: where a secret stood, by its name.
        logs: container to what it has logged since the run began.
        crashes: lines of the logs that tell of an error that nobody has caught.
        stops: how the services ended in the clean shutdown afterwards.
        grace_seconds: how long the database may take.
        problems: what went wrong before the judgement, one sentence each.
        missing: what could not be read: part of the observation to the reason.
    """

    scenario: Scenario
    run_id: str
    rate: float
    started_us: int
    ended_us: int
    sent: tuple[Sent, ...] = ()
    rows: tuple[Row, ...] = ()
    told: tuple[Told, ...] = ()
    before: Counts | None = None
    counts: tuple[Counts, ...] = ()
    after: Counts | None = None
    gaps: tuple[GapRow, ...] = ()
    proofs: tuple[FaultProof, ...] = ()
    judgement: Judgement | None = None
    silent: Mapping[str, float] = field(default_factory=dict, hash=False)
    admin: Mapping[str, Any] = field(default_factory=dict, hash=False)
    gap_totals: Mapping[str, int] = field(default_factory=dict, hash=False)
    memory: Mapping[str, Memory] = field(default_factory=dict, hash=False)
    spool: Mapping[str, int] = field(default_factory=dict, hash=False)
    secrets_seen: tuple[str, ...] = ()
    logs: Mapping[str, str] = field(default_factory=dict, hash=False, repr=False)
    crashes: tuple[str, ...] = ()
    stops: tuple[Stop, ...] = ()
    grace_seconds: float = 30.0
    problems: tuple[str, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict, hash=False)
