"""What the measurements mean: verdict, model, storage, resilience, advice."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from .base import Amount, Confidence, Count, Kind, Label, Part, Positive, Share, Text
from .trials import Interval

__all__ = [
    "BacklogPoint",
    "Baseline",
    "Bottleneck",
    "BytesPerPoint",
    "Check",
    "Cost",
    "Demand",
    "DrainS",
    "Edge",
    "Figure",
    "Forecast",
    "Gate",
    "Headroom",
    "Memory",
    "Model",
    "Ratio",
    "Recommendation",
    "Resilience",
    "Resource",
    "Standing",
    "Status",
    "StopReason",
    "Storage",
    "Usl",
    "Verdict",
]


class Status(StrEnum):
    """The verdict of a run.

    `fail`: the run is sound, and the smallest rate does not hold. `invalid`: the
    numbers say nothing about the stack. `inconclusive`: sound as far as it went, and
    not far enough for a capacity.
    """

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    INVALID = "invalid"
    INCONCLUSIVE = "inconclusive"


class StopReason(StrEnum):
    """Why the search ended."""

    WIDTH_REACHED = "width_reached"
    TIME_BUDGET = "time_budget"
    MAX_RATE = "max_rate"
    GENERATOR_LIMITED = "generator_limited"
    UNSTABLE = "unstable"
    MIN_RATE_FAILS = "min_rate_fails"
    NOT_VALID = "not_valid"
    NOT_DRAINED = "not_drained"
    INTERRUPTED = "interrupted"


class Edge(Part, frozen=True, kw_only=True):
    """Capacity as an interval in events/s: `lower` passes, `upper` fails.

    `upper` is null where nothing failed. `confirmed` means that long trials agreed at
    both ends.
    """

    lower: Positive
    upper: Positive | None
    confirmed: bool

    def __post_init__(self) -> None:
        """Refuse an interval that is upside down."""
        if self.upper is not None and self.upper < self.lower:
            raise ValueError(
                f"edge: lower {self.lower:g} is above upper {self.upper:g}"
            )


class Figure(Part, frozen=True, kw_only=True):
    """A number of the verdict's sentence, and where it comes from."""

    name: Text
    text: Text
    label: Label
    because: Text


class Verdict(Part, frozen=True, kw_only=True):
    """The answer. `sentence` and `figures` follow from the rest of the document."""

    status: Status
    sentence: str
    figures: tuple[Figure, ...]
    sustained_eps: Positive | None
    sustained_trial: str | None
    edge: Edge | None
    stop_reason: StopReason


class Standing(StrEnum):
    """How a check of the run's validity came out."""

    OK = "ok"
    WARNING = "warning"
    BAD = "bad"


class Check(Part, frozen=True, kw_only=True):
    """One line of the validity box: what was looked at, what it was, what it may be."""

    name: Text
    standing: Standing
    value: Text
    limit: Text
    why: str


class Demand(Part, frozen=True, kw_only=True):
    """CPU of a container: `idle` cores and `cpu_s_per_event` for each event.

    `ci` is the interval of `cpu_s_per_event`; `x_max` the rate in events/s at which
    the container uses its limit less the headroom, null without a limit.
    """

    container: Text
    cpu_s_per_event: Amount
    idle: Amount
    ci: Interval
    x_max: Amount | None


class Memory(Part, frozen=True, kw_only=True):
    """Memory of a container: base + per series + per event that waits, in bytes.

    `max_series` is the largest number of series measured. A figure is null where the
    run did not vary what it depends on.
    """

    container: Text
    base: Count
    per_series: Amount | None
    per_backlog_event: Amount | None
    peak: Count
    max_series: Annotated[int, Meta(ge=1)]


class Usl(Part, frozen=True, kw_only=True):
    """Universal Scalability Law; nothing is said beyond twice `n_max`."""

    gamma: Amount
    alpha: Amount
    beta: Amount
    n_max: Positive


class Resource(StrEnum):
    """What of a container or of the host is used up; `thread` is its only busy one."""

    CPU = "cpu"
    THREAD = "thread"
    DISK = "disk"
    MEMORY = "memory"
    UNKNOWN = "unknown"


class Bottleneck(Part, frozen=True, kw_only=True):
    """The first limit: a container or `host`, its resource, and what speaks for it."""

    name: Text
    resource: Resource
    evidence: tuple[Text, ...]
    confidence: Confidence


class Headroom(Part, frozen=True, kw_only=True):
    """The shares of CPU, memory and disk that are planned with."""

    cpu: Annotated[float, Meta(gt=0, le=1)]
    memory: Annotated[float, Meta(gt=0, le=1)]
    disk: Annotated[float, Meta(gt=0, le=1)]


class Model(Part, frozen=True, kw_only=True):
    """Demand by container, and what bounds the whole."""

    headroom: Headroom
    demand: tuple[Demand, ...]
    memory: tuple[Memory, ...]
    little_residual: float | None
    usl: Usl | None
    bottleneck: Bottleneck | None


class BytesPerPoint(Part, frozen=True, kw_only=True):
    """Bytes on disk of a point, freshly written and fully compacted."""

    hot: Positive
    cold: Positive


class Forecast(Part, frozen=True, kw_only=True):
    """Bytes on disk after so many days, with an interval."""

    days: Amount
    bytes: Amount
    lo: Amount
    hi: Amount


class Storage(Part, frozen=True, kw_only=True):
    """What the data take on disk, at `rate_eps` and kept for `retention_days`.

    `retention_days` 0 keeps them for ever. `shard_days` is the length of InfluxDB's
    shards, by which data outlive their retention; `fixed_bytes` what does not depend
    on the days (WAL, cache, scratch of a compaction). `days_to_full` is null when it
    does not fill.
    """

    bytes_per_point: BytesPerPoint
    points_per_event: Positive
    method: Text
    kind: Kind
    rate_eps: Positive
    retention_days: Amount
    shard_days: Positive
    fixed_bytes: Count
    plateau_bytes: Amount | None
    forecast: tuple[Forecast, ...]
    days_to_full: Amount | None


class DrainS(Part, frozen=True, kw_only=True):
    """Seconds until the backlog of an outage was gone."""

    predicted: Amount | None
    measured: Amount | None


class BacklogPoint(Part, frozen=True, kw_only=True):
    """Events that wait, `at_s` after the start of the outage trial."""

    at_s: Amount
    events: Count


class Resilience(Part, frozen=True, kw_only=True):
    """The database was away for `outage_s`, from `down_at_s` on.

    `max_outage_s` is the longest outage that the buffer holds at `rate_eps`:
    `buffer_bytes` of `bytes_per_event`.
    """

    rate_eps: Positive
    down_at_s: Amount
    outage_s: Positive
    backlog_peak: Count
    drain_s: DrainS
    lost: Count
    out_of_order: Count
    buffer_bytes: Annotated[int, Meta(gt=0)]
    bytes_per_event: Positive
    max_outage_s: Positive
    curve: tuple[BacklogPoint, ...]


class Cost(StrEnum):
    """What a recommendation costs."""

    SETTING = "setting"
    HARDWARE = "hardware"
    WORK = "work"


class Recommendation(Part, frozen=True, kw_only=True):
    """Something to do, what it brings, and what that rests on."""

    action: Text
    expected_gain: Text
    predicted_eps: Positive | None
    kind: Kind
    cost: Cost
    evidence: tuple[Text, ...]

    def __post_init__(self) -> None:
        """Refuse advice without a ground."""
        if not self.evidence:
            raise ValueError(f"the recommendation {self.action!r} gives no evidence")


class Gate(StrEnum):
    """How a figure stands to the one of the baseline."""

    BETTER = "better"
    SAME = "same"
    WORSE = "worse"
    UNDECIDED = "undecided"


class Ratio(Part, frozen=True, kw_only=True):
    """This run's figure divided by the baseline's, with its interval."""

    metric: Text
    value: Positive
    ci: Interval
    gate: Gate


class Baseline(Part, frozen=True, kw_only=True):
    """An earlier run that this one is compared with."""

    run_id: Text
    fingerprint_match: bool
    ratios: tuple[Ratio, ...]
    false_alarm_rate: Share | None
