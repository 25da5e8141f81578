"""How much dearer an event is with more entities than the search had (pure).

The steps of a report say what an event costs with several numbers of entities. Between
two of them the cost is taken to grow with the logarithm of the number, as it was seen
to do from 1,000 over 20,000 to 100,000 (docs/REQUIREMENTS.md).
"""

from __future__ import annotations

import math
from collections import defaultdict
from statistics import mean

import numpy as np

from ..document import EntityStep, Report

__all__ = ["dearer", "dearer_together", "most_entities"]


def dearer(report: Report, container: str, entities: int) -> float:
    """Return how many times the searched cost an event has for a container.

    1 up to the number of entities that the search had, and where the report has no
    steps. A cost that falls with the number is noise and counts as 1.
    """
    costs = _costs(report, container)
    if not costs or entities <= report.workload.entities:
        return 1.0
    return max(1.0, _at(costs, entities) / _at(costs, report.workload.entities))


def dearer_together(report: Report, entities: int) -> float:
    """Return the same for all containers together, each by its demand."""
    demand = {d.container: d.cpu_s_per_event for d in report.model.demand}
    before = sum(demand.values())
    if before == 0:
        return 1.0
    return (
        sum(cost * dearer(report, name, entities) for name, cost in demand.items())
        / before
    )


def most_entities(report: Report) -> int:
    """Return the largest number of entities of which the cost was measured."""
    return max([report.workload.entities, *(s.entities for s in _steps(report))])


def _steps(report: Report) -> tuple[EntityStep, ...]:
    return () if report.speed is None else report.speed.entities


def _costs(report: Report, container: str) -> dict[int, float]:
    """Return seconds an event by entities, ascending; a step made twice is its mean."""
    found: defaultdict[int, list[float]] = defaultdict(list)
    for step in _steps(report):
        cost = step.cpu_s_per_event.get(container)
        if step.entities and cost:
            found[step.entities].append(cost)
    return {entities: mean(found[entities]) for entities in sorted(found)}


def _at(costs: dict[int, float], entities: int) -> float:
    """Return the cost with so many; below the fewest theirs, beyond the most as last.

    A cost that falls between the last two numbers does not go on falling.
    """
    logs = [math.log(number) for number in costs]
    values = list(costs.values())
    at = math.log(entities)
    if at > logs[-1] and len(logs) > 1:
        slope = (values[-1] - values[-2]) / (logs[-1] - logs[-2])
        return values[-1] + max(0.0, slope) * (at - logs[-1])
    return float(np.interp(at, logs, values))
