"""Under what conditions was measured: the run, the host, the load, the objective."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta

from .base import Amount, Count, Part, Percent, Positive, Share, Text

__all__ = [
    "Arrival",
    "Cpu",
    "Disk",
    "Entry",
    "Environment",
    "FsyncMs",
    "Generator",
    "Git",
    "LagMs",
    "Objective",
    "Placement",
    "Profile",
    "Run",
    "Service",
    "Workload",
]


class Profile(StrEnum):
    """How long a search may take, and so how sure it is; `quick` only screens."""

    QUICK = "quick"
    STANDARD = "standard"
    FULL = "full"


class Arrival(StrEnum):
    """The shape in which events arrive, at the same mean rate.

    `burst` is 5 times the rate for a sixth of each period, `diurnal` a day's course
    in each, and `trace` a recording that is stretched and repeated.
    """

    CONSTANT = "constant"
    POISSON = "poisson"
    BURST = "burst"
    DIURNAL = "diurnal"
    TRACE = "trace"


class Entry(StrEnum):
    """Who emits the events: the simulator, or a real Home Assistant."""

    FAKE_HA = "fake_ha"
    REAL_HA = "real_ha"


class Placement(StrEnum):
    """Where the load generator ran: on the measured host, or on another one."""

    CO_LOCATED = "co_located"
    OWN_HOST = "own_host"


class Git(Part, frozen=True, kw_only=True):
    """The source that was measured; `dirty` means that it had uncommitted changes."""

    commit: Text
    dirty: bool


class Run(Part, frozen=True, kw_only=True):
    """One run; `complete` is false when it was ended before its last phase."""

    id: Text
    started: Annotated[datetime, Meta(tz=True)]
    duration_s: Amount
    profile: Profile
    command: Text
    git: Git
    seed: int
    complete: bool


class Cpu(Part, frozen=True, kw_only=True):
    """The processor, as the kernel names it; `mhz` and `governor` where it tells."""

    model: Text
    cores: Annotated[int, Meta(ge=1)]
    mhz: Positive | None
    governor: str | None


class FsyncMs(Part, frozen=True, kw_only=True):
    """Milliseconds of one write with fdatasync (2,300 B, as etcd probes a disk)."""

    p50: Amount
    p99: Amount


class Disk(Part, frozen=True, kw_only=True):
    """The disk below InfluxDB's volume and the spool; sizes in bytes."""

    device: Text
    type: Text
    fs: Text
    size: Count
    free: Count
    fsync_ms: FsyncMs


class Service(Part, frozen=True, kw_only=True):
    """A container: its image, and its limits (cores, bytes; null is no limit).

    `max_cores` is what it can use at most, whatever its limit says: 1 for a process
    with a single busy thread, null where it uses all that it gets.
    """

    image_digest: Text
    version: Text
    cpu_limit: Positive | None
    mem_limit: Annotated[int, Meta(gt=0)] | None
    max_cores: Positive | None


class Environment(Part, frozen=True, kw_only=True):
    """The host; `fingerprint_sha` is the digest of what makes two of them alike."""

    cpu: Cpu
    mem_bytes: Annotated[int, Meta(gt=0)]
    swap: Count
    disk: Disk
    kernel: Text
    cgroup: Literal[1, 2]
    docker: Text
    compose: Text
    virt: str
    steal_pct: Percent
    services: dict[Text, Service]
    fingerprint_sha: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Workload(Part, frozen=True, kw_only=True):
    """What was sent; `series` is how many InfluxDB held at the end of the run.

    Those are more than `entities` where steps with other entities were measured.

    `payload_bytes` of padding are in the attributes of each event. `period_s` is that
    of a burst or a day, `trace` which recording was replayed, and `entity_growth` how
    many new entities came a minute.
    """

    entities: Annotated[int, Meta(ge=1)]
    series: Annotated[int, Meta(ge=1)]
    event_bytes: Positive
    arrival: Arrival
    entry: Entry
    payload_bytes: Count = 0
    period_s: Positive | None = None
    trace: Text | None = None
    entity_growth: Amount = 0.0


class Objective(Part, frozen=True, kw_only=True):
    """When a rate is sustained: the share `p` of events is stored within `limit_ms`.

    `loss` is how many may be lost; `backlog_slope` how fast the backlog may grow, as a
    share of the rate.
    """

    p: Annotated[float, Meta(gt=0, lt=1)]
    limit_ms: Positive
    loss: Count
    backlog_slope: Share


class LagMs(Part, frozen=True, kw_only=True):
    """Milliseconds by which events left later than intended."""

    p50: Amount
    p99: Amount


class Generator(Part, frozen=True, kw_only=True):
    """The load generator: `g_max` is the rate up to which it keeps its schedule."""

    placement: Placement
    workers: Annotated[int, Meta(ge=1)]
    g_max: Positive
    cpu_s_per_event: Amount
    lag_ms: LagMs
