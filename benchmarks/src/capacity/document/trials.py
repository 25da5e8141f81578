"""What was measured: each trial, passed or not, and the containers over time."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from .base import Amount, Count, Part, Percent, Positive, Share, Stage, Text

__all__ = [
    "Accounting",
    "Attainment",
    "Backlog",
    "Block",
    "Incident",
    "IncidentKind",
    "Interval",
    "Io",
    "Latency",
    "Outcome",
    "Phase",
    "Pressure",
    "Resources",
    "Series",
    "Timeline",
    "Trial",
]

Interval = tuple[float, float]


class Outcome(StrEnum):
    """What became of a trial; `invalid` says nothing about the stack."""

    PASS = "pass"  # noqa: S105 - an outcome, no password
    FAIL = "fail"
    INVALID = "invalid"


class Phase(StrEnum):
    """The part of the search that a trial belongs to.

    `calibrate` sends into a null sink: it says what the generator can do. `low`,
    `cardinality` and `age` come after the search and move no bound.
    """

    CALIBRATE = "calibrate"
    WARM_UP = "warm_up"
    BRACKET = "bracket"
    BISECT = "bisect"
    CONFIRM_LOWER = "confirm_lower"
    CONFIRM_UPPER = "confirm_upper"
    SUSTAINED = "sustained"
    OUTAGE = "outage"
    LOW = "low"
    CARDINALITY = "cardinality"
    AGE = "age"


class IncidentKind(StrEnum):
    """What happened in the stack while a trial ran."""

    SNAPSHOT = "snapshot"
    COMPACTION = "compaction"
    FAULT = "fault"
    RESTART = "restart"
    OTHER = "other"


class Latency(Part, frozen=True, kw_only=True):
    """Milliseconds of one stage; `hdr` is the HdrHistogram itself (V2, base64)."""

    count: Count
    mean: Amount
    p50: Amount
    p90: Amount
    p99: Amount
    p999: Amount
    max: Amount
    hdr: str | None


class Attainment(Part, frozen=True, kw_only=True):
    """The share of events within the limit; `ci` from `blocks` blocks of 10 s."""

    value: Share
    ci: Interval
    blocks: Count


class Accounting(Part, frozen=True, kw_only=True):
    """Events by serial number: sent = stored + rejected + lost.

    `unexpected` are rows that no event explains. The rows of `compared` events were
    looked at one by one, of the others only how many their entity has. `named` are
    the first events that are not as they should be.
    """

    sent: Count
    acked: Count
    stored: Count
    rejected: Count
    lost: Count
    duplicate: Count
    out_of_order: Count
    unexpected: Count = 0
    compared: Count = 0
    named: tuple[Text, ...] = ()


class Backlog(Part, frozen=True, kw_only=True):
    """Events sent and not yet stored; `slope` in events/s."""

    mean: Amount
    end: Amount
    slope: float


class Io(Part, frozen=True, kw_only=True):
    """Bytes that a container read and wrote."""

    read: Count
    write: Count


class Pressure(Part, frozen=True, kw_only=True):
    """Per cent of the window in which some task waited (PSI)."""

    cpu: Percent
    io: Percent
    memory: Percent


class Resources(Part, frozen=True, kw_only=True):
    """What a container used in the window; null where the kernel does not tell."""

    cpu_s: Amount
    throttled_s: Amount
    mem_peak: Count
    io: Io | None
    psi: Pressure | None


class Block(Part, frozen=True, kw_only=True):
    """Ten seconds of a trial, from `at_s` after its start; milliseconds."""

    at_s: Amount
    count: Count
    p50: Amount
    p99: Amount
    max: Amount


class Incident(Part, frozen=True, kw_only=True):
    """Something that happened in the stack, `at_s` after the start of the trial."""

    at_s: Amount
    kind: IncidentKind
    text: Text


class Trial(Part, frozen=True, kw_only=True):
    """One trial; `started_s` counts from the start of the run."""

    id: Text
    phase: Phase
    started_s: Amount
    target_eps: Positive
    achieved_eps: Amount
    window_s: Positive
    outcome: Outcome
    reasons: tuple[Text, ...]
    attainment: Attainment | None
    latency: dict[Stage, Latency]
    negative_latencies: Count
    accounting: Accounting
    backlog: Backlog | None
    resources: dict[Text, Resources]
    blocks: tuple[Block, ...]
    incidents: tuple[Incident, ...]

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.outcome is not Outcome.PASS and not self.reasons:
            raise ValueError(f"trial {self.id} did not pass, and gives no reason")


class Series(Part, frozen=True, kw_only=True):
    """One container over time, one value a step: cores, bytes, share throttled."""

    cpu_cores: tuple[Amount, ...]
    mem_bytes: tuple[Count, ...]
    throttled: tuple[Share, ...]

    def __post_init__(self) -> None:
        """Refuse columns that are not of one length."""
        if not len(self.cpu_cores) == len(self.mem_bytes) == len(self.throttled):
            raise ValueError("cpu_cores, mem_bytes and throttled differ in length")


class Timeline(Part, frozen=True, kw_only=True):
    """The containers over the whole run, sampled each `step_s` from its start."""

    step_s: Annotated[float, Meta(gt=0)]
    containers: dict[Text, Series]
