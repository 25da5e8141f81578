"""Judge from recorded events whether a stack started in its promised order (pure)."""

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
    record = tuple(event for event in events if not event.one_off)
    verdicts = (
        _judge(record, service.name, edge)
        for service in model.services.values()
        for edge in service.depends_on
    )
    return tuple(verdict for verdict in verdicts if verdict is not None)


def _judge(
    record: tuple[Event, ...], dependent: str, edge: Dependency
) -> OrderViolation | None:
    created = {event.container for event in record if event.service == edge.service}
    if not edge.required and not created:
        return None
    started = _first(record, dependent, Condition.STARTED)
    met = [
        _first(record, edge.service, edge.condition, container=container)
        for container in sorted(created)
    ]
    reached = [stamp for stamp in met if stamp is not None]
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
