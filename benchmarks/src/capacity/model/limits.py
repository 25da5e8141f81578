"""How far each container's limit reaches, and what a changed limit would bring."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from .demand import Demand

__all__ = ["CPU_SHARE", "Ceiling", "Change", "Container", "Gain", "ceilings", "gain_of"]

CPU_SHARE: Final = 0.7
"""Of its CPU limit a container should use so much at most (the headroom is 30 %)."""
THREAD: Final = 1.0
HOST: Final = "host"


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container's cost and limit; `cpu_limit` is cores, None is no limit.

    `single_threaded` holds for the Python services: more than one core is of no use.
    """

    name: str
    demand: Demand
    cpu_limit: float | None
    single_threaded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """The rate at which a container, or the host, is at `share` of what it may use.

    `low` and `high` follow from the interval of the demand. `by_thread` says that one
    thread is the limit and a higher CPU limit would be of no use.
    """

    name: str
    rate: float
    low: float
    high: float
    cores: float
    by_thread: bool

    @property
    def resource(self) -> str:
        """What is used up at it."""
        return "thread" if self.by_thread else "cpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """New CPU limits by container, and cores of the host; None leaves them."""

    cpu_limits: Mapping[str, float]
    host_cores: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What a change brings: the ratio of the rates, and what the limit is then."""

    before: Ceiling
    after: Ceiling
    ratio: float


def ceilings(
    containers: Sequence[Container], *, host_cores: float, share: float = CPU_SHARE
) -> list[Ceiling]:
    """Return how far each limit reaches, the host's among them, least first.

    The host carries all containers together; what else runs there, the generator
    too, is given as one without a limit, or left out to see what would be.
    With the share 1 the ceilings are those of the edge, with the default those of the
    rate that should be promised.
    """
    found = [
        _ceiling(
            container.name,
            [container.demand],
            _usable(container, host_cores),
            share=share,
            by_thread=_bound_by_thread(container, host_cores),
        )
        for container in containers
    ]
    demands = [container.demand for container in containers]
    found.append(_ceiling(HOST, demands, host_cores, share=share, by_thread=False))
    return sorted(found, key=lambda ceiling: ceiling.rate)


def gain_of(
    containers: Sequence[Container],
    change: Change,
    *,
    host_cores: float,
    measured_edge: float | None = None,
    used: float = 1.0,
) -> Gain:
    """Predict what other limits bring: up to where the next limit is reached.

    The prediction is of the edge, where a limit is used up, so the share is 1. An
    edge that was measured stands for the first limit if it is lower than its own
    ceiling: what is lost on the way there (waiting, bursts) is lost with the others
    too, by the same factor. The first limit then reaches further as it grows: services
    work in batches, and at their limit the batches are as large as they get, so an
    event costs the same whatever the limit is. What a fit over lower rates calls idle
    is the cost of their many small batches. Under a limit so small that events are late
    before it is used up, as a batch takes several of its periods, `used` is the share
    of it that was used at the edge; with twice the limit a batch takes half as long,
    and the rest is used too.
    """
    before = ceilings(containers, host_cores=host_cores, share=1.0)[0]
    changed = [
        replace(container, cpu_limit=change.cpu_limits[container.name])
        if container.name in change.cpu_limits
        else container
        for container in containers
    ]
    cores = host_cores if change.host_cores is None else change.host_cores
    reached = ceilings(changed, host_cores=cores, share=1.0)
    if measured_edge is not None and math.isfinite(before.rate) and before.rate:
        factor = min(1.0, measured_edge / before.rate)
        before = _scaled(before, factor)
        reached = [
            _grown(before, row, used=used)
            if row.name == before.name
            else _scaled(row, factor)
            for row in reached
        ]
    after = min(reached, key=lambda row: row.rate)
    ratio = after.rate / before.rate if before.rate else math.inf
    if math.isinf(before.rate):
        ratio = 1.0
    return Gain(before=before, after=after, ratio=ratio)


def _usable(container: Container, host_cores: float) -> float:
    limit = math.inf if container.cpu_limit is None else container.cpu_limit
    thread = THREAD if container.single_threaded else math.inf
    return min(limit, thread, host_cores)


def _bound_by_thread(container: Container, host_cores: float) -> bool:
    limit = math.inf if container.cpu_limit is None else container.cpu_limit
    return container.single_threaded and min(limit, host_cores) >= THREAD


def _ceiling(
    name: str,
    demands: Sequence[Demand],
    cores: float,
    *,
    share: float,
    by_thread: bool,
) -> Ceiling:
    room = max(0.0, cores * share - sum(demand.idle for demand in demands))

    def rate(per_event: float) -> float:
        return room / per_event if per_event > 0 else math.inf

    return Ceiling(
        name=name,
        rate=rate(sum(demand.per_event for demand in demands)),
        low=rate(sum(demand.high for demand in demands)),
        high=rate(sum(demand.low for demand in demands)),
        cores=cores,
        by_thread=by_thread,
    )


def _grown(before: Ceiling, after: Ceiling, *, used: float) -> Ceiling:
    """Return how far a limit that was measured reaches with other cores."""
    factor = after.cores / before.cores if before.cores else 1.0
    if factor > 1:
        factor /= used
    return replace(
        _scaled(before, factor), cores=after.cores, by_thread=after.by_thread
    )


def _scaled(ceiling: Ceiling, factor: float) -> Ceiling:
    return replace(
        ceiling,
        rate=ceiling.rate * factor,
        low=ceiling.low * factor,
        high=ceiling.high * factor,
    )
