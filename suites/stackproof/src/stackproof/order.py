"""Judge from recorded events the order in which a stack started and stopped (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from .events import Event
from .model import Condition, Dependency, Health, StackModel


class Reason(StrEnum):
    """How an edge was broken."""

    TOO_EARLY = "started before the condition was met"
    NEVER_MET = "started though the condition was never met"
    NOT_STARTED = "never started, so the promise was not shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderViolation:
    """One `depends_on` edge that the record does not bear out.

    Attributes:
        started_ns: stamp of the dependent's first start.
        met_ns: stamp at which the dependency met the condition.
    """

    dependent: str
    dependency: str
    condition: Condition
    reason: Reason
    started_ns: int | None = None
    met_ns: int | None = None

    def __str__(self) -> str:
        early = ""
        if self.started_ns is not None and self.met_ns is not None:
            early = f" ({(self.met_ns - self.started_ns) / 1e9:.3f} s too early)"
        return (
            f"{self.dependent} after {self.dependency} ({self.condition}): "
            f"{self.reason}{early}"
        )


def start_order(
    events: Iterable[Event], model: StackModel
) -> tuple[OrderViolation, ...]:
    """Compare the first start of each service with the conditions that it declares.

    The record must begin before the stack was created: what happened earlier counts as
    not having happened. An optional dependency that was never created is no violation.
    """
    record = tuple(events)
    verdicts = (
        broken_edge(record, service.name, edge)
        for service in model.services.values()
        for edge in service.depends_on
    )
    return tuple(verdict for verdict in verdicts if verdict is not None)


def broken_edge(
    events: Iterable[Event], dependent: str, edge: Dependency
) -> OrderViolation | None:
    """Return how the record contradicts one edge, or None when it bears it out.

    An optional dependency that fails does not hold up its dependent any longer.
    """
    record = tuple(event for event in events if not event.one_off)
    started = _first(record, dependent, Condition.STARTED)
    created = _kept(record, edge.service, before=started)
    if not edge.required and not created:
        return None
    met = [
        _first(record, edge.service, edge.condition, container=container)
        for container in sorted(created)
    ]
    reached = [stamp for stamp in met if stamp is not None]
    if not edge.required and started and _failed_before(record, edge.service, started):
        return None
    if started is None:
        reason = Reason.NOT_STARTED
    elif not met or len(reached) < len(met):
        reason = Reason.NEVER_MET
    elif max(reached) > started:
        reason = Reason.TOO_EARLY
    else:
        return None
    return OrderViolation(
        dependent=dependent,
        dependency=edge.service,
        condition=edge.condition,
        reason=reason,
        started_ns=started,
        met_ns=max(reached) if met and len(reached) == len(met) else None,
    )


def stop_seconds_apart(
    events: Iterable[Event], dependent: str, dependency: str
) -> float | None:
    """Return the seconds from a dependent's end to the signal to its dependency.

    Negative when the dependency was told to stop first; None when one of the two
    events is not recorded. All containers of both count.
    """
    record = tuple(event for event in events if not event.one_off)
    ended = [e.time_ns for e in record if e.service == dependent and e.action == "die"]
    told = [e.time_ns for e in record if e.service == dependency and e.action == "kill"]
    if not ended or not told:
        return None
    return (min(told) - max(ended)) / 1e9


def _kept(
    record: tuple[Event, ...], service: str, *, before: int | None
) -> frozenset[str]:
    """Return the containers of a service that a dependent could wait for.

    Those that were replaced unused are left out: Compose makes a container anew before
    its first start when the image was built, or tagged, again since it made the first
    one. So are those that came only after the dependent, unless there is no other.
    """
    seen: dict[str, set[str]] = {}
    first: dict[str, int] = {}
    for event in record:
        if event.service == service:
            seen.setdefault(event.container, set()).add(event.action)
            first.setdefault(event.container, event.time_ns)
    used = frozenset(
        container
        for container, actions in seen.items()
        if "destroy" not in actions or "start" in actions
    )
    there = frozenset(one for one in used if before is None or first[one] < before)
    return there or used


def _failed_before(record: tuple[Event, ...], service: str, stamp: int) -> bool:
    return any(
        event.service == service
        and event.time_ns < stamp
        and (
            event.health is Health.UNHEALTHY
            or (event.action == "die" and event.exit_code != 0)
        )
        for event in record
    )


def _first(
    record: tuple[Event, ...],
    service: str,
    condition: Condition,
    *,
    container: str | None = None,
) -> int | None:
    stamps = (
        event.time_ns
        for event in record
        if event.service == service
        and container in {None, event.container}
        and _meets(event, condition)
    )
    return min(stamps, default=None)


def _meets(event: Event, condition: Condition) -> bool:
    match condition:
        case Condition.STARTED:
            return event.action == "start"
        case Condition.HEALTHY:
            return event.health is Health.HEALTHY
        case Condition.COMPLETED:
            return event.action == "die" and event.exit_code == 0
