"""Which part is the limit, and by what evidence it is believed.

A container that used up its CPU limit at the rate that failed is the limit: that was
seen. Where none did, the smallest ceiling of the model names a suspect, and what was
seen must agree. If it points elsewhere, that is said, and no CPU limit is recommended.
Where nothing points anywhere, what was used up for a second now and then is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ..trial import Resources, TrialResult
from .bursts import Burst
from .limits import HOST, Ceiling

__all__ = ["Bottleneck", "Confidence", "Evidence", "bottleneck_of"]

NOT_EXPLAINED: Final = "not explained by CPU"
USED_UP: Final = 0.85
"""Of its CPU a container under load in bursts hardly uses more before it is late."""
USED_UP_IN_BURSTS: Final = 0.80
"""The same of the seconds in which events became late: they are not full from end to
end."""
THROTTLED_SHARE: Final = 0.05
PRESSURE: Final = 0.20
FSYNC: Final = 0.010
QUEUE_SHARE: Final = 0.01
NEAR: Final = 1.25


class Confidence(StrEnum):
    """How sure a bottleneck is: by model and signs, by one of both, or by neither."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Sign(StrEnum):
    """What was seen at the rate that failed."""

    CEILING = "ceiling"
    USED = "used"
    THROTTLED = "throttled"
    CPU_PRESSURE = "cpu_pressure"
    IO_PRESSURE = "io_pressure"
    MEMORY_PRESSURE = "memory_pressure"
    FSYNC = "fsync"
    OOM = "oom"
    QUEUE = "queue"
    BURST = "burst"
    GROWN = "grown"


_CPU_SIGNS: Final = frozenset({Sign.THROTTLED, Sign.CPU_PRESSURE})
_OTHER_SIGNS: Final = {
    Sign.IO_PRESSURE: "disk",
    Sign.FSYNC: "disk",
    Sign.MEMORY_PRESSURE: "memory",
    Sign.OOM: "memory",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One sign with what was measured; `container` is the host where it is so."""

    container: str
    sign: Sign
    value: float

    def __str__(self) -> str:
        return f"{self.container}: {self.sign} {self.value:.3g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bottleneck:
    """The first limit: a container or the host, its resource, and why."""

    name: str
    resource: str
    confidence: Confidence
    evidence: tuple[Evidence, ...]

    @property
    def used(self) -> float:
        """The share of its CPU that was used up; 1 where that is not what was seen."""
        shares = [e.value for e in self.evidence if e.sign is Sign.USED]
        return min([1.0, *shares])


def bottleneck_of(
    ceilings: Sequence[Ceiling],
    failed: TrialResult,
    *,
    edge: float,
    burst: Burst | None = None,
) -> Bottleneck:
    """Name the first limit from the ceilings (share 1) and a trial above the edge.

    High confidence is a limit that was used up and a second sign of the same
    container, or a ceiling near the edge and signs of the same container; medium is
    one of them with nothing that contradicts it.

    Args:
        ceilings: of containers and host.
        failed: the trial.
        edge: the highest rate that passed, in events a second.
        burst: what used the CPU in those seconds of it in which events became late.
    """
    seen = [
        *_signs(failed.resources, failed.window, failed.achieved),
        *_host_signs(failed),
    ]
    first = min(ceilings, key=lambda ceiling: ceiling.rate, default=None)
    near = first is not None and first.rate <= NEAR * edge
    mean = _shares(ceilings, failed.cores)
    if (full := _largest(mean, least=USED_UP)) is not None:
        return _exhausted(full, seen, agrees=near and full[0] == first)
    suspect = first.name if first is not None and near else ""
    cpu = [e for e in seen if e.sign in _CPU_SIGNS]
    agreeing = [e for e in cpu if suspect in {e.container, HOST}]
    if first is not None and near and (agreeing or not seen):
        own = Evidence(container=first.name, sign=Sign.CEILING, value=first.rate)
        queue = [e for e in seen if e.sign is Sign.QUEUE and e.container == suspect]
        return Bottleneck(
            name=first.name,
            resource=first.resource,
            confidence=Confidence.HIGH if agreeing else Confidence.MEDIUM,
            evidence=(own, *agreeing, *queue),
        )
    found = _elsewhere(seen, first if near else None)
    if found.name == NOT_EXPLAINED and burst is not None:
        return _in_bursts(ceilings, burst) or found
    return found


def _shares(
    ceilings: Sequence[Ceiling], cores: Mapping[str, float]
) -> list[tuple[Ceiling, float]]:
    """Return which share of its CPU each container used, and the host."""
    used = {**cores, HOST: sum(cores.values())} if cores else {}
    return [
        (ceiling, used[ceiling.name] / ceiling.cores)
        for ceiling in ceilings
        if ceiling.name in used and ceiling.cores > 0
    ]


def _largest(
    shares: Sequence[tuple[Ceiling, float]], *, least: float
) -> tuple[Ceiling, float] | None:
    """Return who used the largest share, if that is all but everything."""
    found = max(shares, key=lambda row: row[1], default=None)
    return found if found is not None and found[1] >= least else None


def _in_bursts(ceilings: Sequence[Ceiling], burst: Burst) -> Bottleneck | None:
    """Name what was used up in the late seconds, and who used more in them."""
    full = _largest(_shares(ceilings, burst.late), least=USED_UP_IN_BURSTS)
    if full is None:
        return None
    ceiling, share = full
    who, rise = burst.grown
    evidence = [Evidence(container=ceiling.name, sign=Sign.BURST, value=share)]
    if rise > 0:
        evidence.append(Evidence(container=who, sign=Sign.GROWN, value=rise))
    return Bottleneck(
        name=ceiling.name,
        resource=ceiling.resource,
        confidence=Confidence.MEDIUM,
        evidence=tuple(evidence),
    )


def _exhausted(
    full: tuple[Ceiling, float],
    seen: Sequence[Evidence],
    *,
    agrees: bool,
) -> Bottleneck:
    """Name who used up its CPU, with all that agrees."""
    ceiling, share = full
    signs = [e for e in seen if e.sign in _CPU_SIGNS | {Sign.QUEUE}]
    own = [e for e in signs if e.container == ceiling.name]
    return Bottleneck(
        name=ceiling.name,
        resource=ceiling.resource,
        confidence=Confidence.HIGH if agrees or own else Confidence.MEDIUM,
        evidence=(
            Evidence(container=ceiling.name, sign=Sign.USED, value=share),
            Evidence(container=ceiling.name, sign=Sign.CEILING, value=ceiling.rate),
            *own,
        ),
    )


def _elsewhere(seen: Sequence[Evidence], first: Ceiling | None) -> Bottleneck:
    """Name what the signs point to where the ceilings do not, or nothing."""
    others = [e for e in seen if e.sign in _OTHER_SIGNS]
    cpu = [e for e in seen if e.sign in _CPU_SIGNS]
    if others:
        strongest = max(others, key=_strength)
        resource = _OTHER_SIGNS[strongest.sign]
        same = [e for e in others if _OTHER_SIGNS[e.sign] == resource]
        return Bottleneck(
            name=strongest.container,
            resource=resource,
            confidence=Confidence.LOW if first or cpu else Confidence.MEDIUM,
            evidence=tuple(same),
        )
    if cpu:
        strongest = max(cpu, key=_strength)
        return Bottleneck(
            name=strongest.container,
            resource="cpu",
            confidence=Confidence.LOW,
            evidence=tuple(e for e in cpu if e.container == strongest.container),
        )
    if first is not None:
        own = Evidence(container=first.name, sign=Sign.CEILING, value=first.rate)
        return Bottleneck(
            name=first.name,
            resource=first.resource,
            confidence=Confidence.MEDIUM,
            evidence=(own, *seen),
        )
    return Bottleneck(
        name=NOT_EXPLAINED,
        resource="unknown",
        confidence=Confidence.LOW,
        evidence=tuple(seen),
    )


def _signs(
    resources: Mapping[str, Resources], window: float, rate: float
) -> list[Evidence]:
    found = []
    for name, used in sorted(resources.items()):
        throttled = used.throttled / window if window else 0.0
        values = {
            Sign.THROTTLED: (throttled, THROTTLED_SHARE),
            Sign.CPU_PRESSURE: (used.cpu_pressure or 0.0, PRESSURE),
            Sign.IO_PRESSURE: (used.io_pressure or 0.0, PRESSURE),
            Sign.MEMORY_PRESSURE: (used.memory_pressure or 0.0, PRESSURE),
            Sign.OOM: (float(used.oom_kills), 1.0),
            Sign.QUEUE: (used.queue_slope, max(QUEUE_SHARE * rate, 1e-9)),
        }
        found += [
            Evidence(container=name, sign=sign, value=value)
            for sign, (value, least) in values.items()
            if value >= least
        ]
    return found


def _host_signs(failed: TrialResult) -> list[Evidence]:
    fsync = failed.host.fsync_p99
    if fsync is None or fsync <= FSYNC:
        return []
    return [Evidence(container=HOST, sign=Sign.FSYNC, value=fsync)]


def _strength(evidence: Evidence) -> float:
    if evidence.sign is Sign.OOM:
        return 1e9
    return evidence.value / (FSYNC if evidence.sign is Sign.FSYNC else PRESSURE)
