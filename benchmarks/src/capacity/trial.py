"""What one trial is asked to do, and what was measured in it. Data only.

Times are seconds, rates events a second, sizes bytes; shares lie between 0 and 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

__all__ = [
    "BLOCK_SECONDS",
    "CYCLIC",
    "NO_LOAD",
    "STEADY",
    "UNLOADED",
    "Accounting",
    "Arrival",
    "Backlog",
    "Block",
    "Generator",
    "Host",
    "Outage",
    "Phase",
    "Quantiles",
    "Resources",
    "Slo",
    "Stage",
    "TrialResult",
    "TrialSpec",
    "backlog_of",
]

_WHOLE: Final = 100.0
BLOCK_SECONDS: Final = 10.0
"""Events of a stall are not independent, blocks of this length nearly are."""


class Phase(StrEnum):
    """What a trial is for; the order is that of a search. DRAIN comes in anywhere.

    What comes after OUTAGE looks for no edge: it measures one figure each.
    """

    PREFLIGHT = "preflight"
    CALIBRATE = "calibrate"
    WARM_UP = "warm_up"
    BRACKET = "bracket"
    BISECT = "bisect"
    CONFIRM_LOWER = "confirm_lower"
    CONFIRM_UPPER = "confirm_upper"
    SUSTAINED = "sustained"
    OUTAGE = "outage"
    IDLE = "idle"
    LOW = "low"
    DIRECT = "direct"
    COLD = "cold"
    CARDINALITY = "cardinality"
    AGE = "age"
    EMIT = "emit"
    DRAIN = "drain"


UNLOADED: Final = frozenset(
    {Phase.PREFLIGHT, Phase.IDLE, Phase.DIRECT, Phase.COLD, Phase.DRAIN}
)
"""Trials in which the source sends nothing; their rate is 0."""


class Arrival(StrEnum):
    """How events are spread over time, at the same mean rate; see `arrivals`."""

    CONSTANT = "constant"
    POISSON = "poisson"
    BURST = "burst"
    DIURNAL = "diurnal"
    TRACE = "trace"


STEADY: Final = frozenset({Arrival.CONSTANT, Arrival.POISSON})
"""The rate is the same at all times, but for chance."""
CYCLIC: Final = frozenset({Arrival.BURST, Arrival.DIURNAL})
"""The rate is the same in each whole round; a window holds whole rounds."""


class Stage(StrEnum):
    """The stretches of an event's way.

    TOTAL is from the intended time to InfluxDB's answer, QUERYABLE from the intended
    time to the first query that finds a sampled event.
    """

    SCHEDULE = "schedule"
    HA_TO_INGEST = "ha_to_ingest"
    INGEST_TO_ENRICH = "ingest_to_enrich"
    ENRICH_TO_STORED = "enrich_to_stored"
    QUERYABLE = "queryable"
    TOTAL = "total"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """What a user is promised: the share `p` of events is stored within `limit`."""

    p: float = 0.99
    limit: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSpec:
    """One trial: `settle` is thrown away, `window` is measured.

    Those of `UNLOADED` have no load and the rate 0, every other trial at least 1.
    DRAIN only waits for the backlog of a trial before. CALIBRATE sends into a null
    sink. In OUTAGE the database is stopped for `outage` after
    `settle` while the load goes on, and `window` is 0. Afterwards the runner waits at
    most `drain` until the backlog is gone; OUTAGE is over when it is. Before the load
    begins he waits at most `rest` until the database has compacted what it has.

    IDLE only looks. DIRECT writes lines past the services, as fast as it can; their
    times are those of `past_rate` events a second. AGE first stores `past_rate` events
    a second of the last `past_hours`, straight into the database; COLD does so with a
    database of its own, and waits at most `window` until that has compacted them.
    EMIT asks the source for more than it can send: with a reader in place of the stack,
    twice with the stack, and with the reader again.

    `entities` are those of this trial if they are not the run's.
    """

    id: int
    phase: Phase
    rate: float
    settle: float
    window: float
    drain: float
    outage: float = 0.0
    rest: float = 0.0
    arrival: Arrival = Arrival.CONSTANT
    entities: int | None = None
    past_hours: float = 0.0
    past_rate: float = 0.0

    @property
    def past_points(self) -> int:
        """How many points of the past are stored before or in this trial."""
        return round(3_600 * self.past_hours * self.past_rate)

    def __str__(self) -> str:
        """Name it, with its rate where it has one."""
        digits = ",.0f" if self.rate >= _WHOLE else ".3g"
        at = f" at {self.rate:{digits}}/s" if self.rate else ""
        return f"trial {self.id} ({self.phase}{at})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Events due in one block, and those of them that were stored within the limit."""

    due: int
    in_time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """The distribution of one stage's latency; negative ones are counted apart."""

    mean: float
    p50: float
    p90: float
    p99: float
    p999: float
    max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounting:
    """Events of a trial by serial number, once the backlog is drained.

    `lost` are serials that the store lacks and nobody refused; `duplicate` are copies
    in the store beyond the first, and deliveries of a key again that were merged;
    `unexpected` are rows that no event of the trial explains; `out_of_order` are rows
    of an entity with a later time and a lower serial; `negative` are latencies below 0
    (clock skew). Of `compared` events each row was looked at, of the others only how
    many their entity has.
    """

    sent: int
    stored: int
    rejected: int = 0
    lost: int = 0
    duplicate: int = 0
    unexpected: int = 0
    out_of_order: int = 0
    compared: int = 0
    negative: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Events sent and not yet stored; `slope` is events a second over the window.

    `error` is the standard error of the mean, as if the samples were independent, of
    so many `samples`.
    """

    mean: float
    end: float
    slope: float
    error: float = 0.0
    samples: int = 0


def backlog_of(
    samples: Sequence[float], *, interval: float = 1.0, steady: bool = True
) -> Backlog:
    """Return the summary of evenly spaced samples; the slope is a regression's.

    `end` is the mean of the last tenth, so that one batch in flight does not decide.
    Where the rate is not steady, a regression would follow it; then the slope is from
    the first tenth to the last, which are like moments of a round.
    """
    count = len(samples)
    if count == 0:
        return Backlog(mean=0.0, end=0.0, slope=0.0)
    mean = sum(samples) / count
    last = samples[-max(1, count // 10) :]
    centre = (count - 1) / 2
    spread = sum((i - centre) ** 2 for i in range(count))
    moment = sum((i - centre) * (s - mean) for i, s in enumerate(samples))
    slope = moment / spread / interval if spread else 0.0
    if not steady:
        tenth = len(last)
        first = sum(samples[:tenth]) / tenth
        apart = (count - tenth) * interval
        slope = (sum(last) / tenth - first) / apart if apart else 0.0
    variance = sum((sample - mean) ** 2 for sample in samples) / max(1, count - 1)
    return Backlog(
        mean=mean,
        end=sum(last) / len(last),
        slope=slope,
        error=math.sqrt(variance / count),
        samples=count,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What one container used in the window; a pressure is None where none is kept.

    `cpu` and `throttled` are seconds. A pressure is the share of the time in which
    some task waited (PSI `some`).
    """

    cpu: float
    throttled: float = 0.0
    memory_peak: int = 0
    io_bytes: int = 0
    cpu_pressure: float | None = None
    io_pressure: float | None = None
    memory_pressure: float | None = None
    restarts: int = 0
    oom_kills: int = 0
    queue_slope: float = 0.0
    """Growth of the queue in front of it, events a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """How well the schedule was kept; `cpu_share` is of what the generator may use."""

    lag_p50: float
    lag_p99: float
    cpu_share: float
    cpu: float = 0.0


NO_LOAD: Final = Generator(lag_p50=0.0, lag_p99=0.0, cpu_share=0.0)
"""What stands for the generator where none was at work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What the machine did besides: shares of the time.

    `pressure_before` is the CPU pressure before the load began. `drained_before` is
    false if events of the trial before were still under way.
    """

    steal: float = 0.0
    pressure_before: float = 0.0
    clock_ok: bool = True
    drained_before: bool = True
    fsync_p99: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """The database's outage; `drain` is None if the backlog did not go away in time.

    Gone it is when no more events wait than `usual`: some are always under way.
    """

    seconds: float
    backlog_peak: int
    memory_peak: Mapping[str, int]
    drain: float | None
    usual: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """What was measured in a trial; `elapsed` is all it took, waits included.

    `achieved` is the rate at which events left. An event that is not stored at the
    window's end plus the limit is due and not in time in its block. `drained` is
    false if there was still a backlog when the waiting for it ended. `ended_after` are
    the seconds of the window after which a sure fail was ended.
    """

    spec: TrialSpec
    elapsed: float
    achieved: float
    generator: Generator
    host: Host = field(default_factory=Host)
    blocks: tuple[Block, ...] = ()
    latency: Mapping[Stage, Quantiles] = field(default_factory=dict)
    accounting: Accounting = Accounting(sent=0, stored=0)
    backlog: Backlog = Backlog(mean=0.0, end=0.0, slope=0.0)
    resources: Mapping[str, Resources] = field(default_factory=dict)
    disconnects: int = 0
    compactions: int = 0
    drained: bool = True
    outage: Outage | None = None
    ended_after: float | None = None

    @property
    def window(self) -> float:
        """The seconds that were measured."""
        return self.spec.window if self.ended_after is None else self.ended_after

    @property
    def cores(self) -> dict[str, float]:
        """Cores that each container used in the window; of nobody without one."""
        if not self.window:
            return {}
        return {name: used.cpu / self.window for name, used in self.resources.items()}

    @property
    def window_rate(self) -> float:
        """Events a second that left in the window; an arrival may have more there."""
        due = sum(block.due for block in self.blocks)
        if self.spec.arrival in STEADY or not due:
            return self.achieved
        return due / self.window * min(1.0, self.achieved / self.spec.rate)

    @property
    def window_events(self) -> float:
        """How many events left in the window."""
        return self.window_rate * self.window
