"""How much dearer an event is with more entities than the search had (pure).

The steps of a report say what an event costs with several numbers of entities. Between
two of them the cost is taken to grow with the logarithm of the number, as it was seen
to do from 1,000 over 20,000 to 100,000 (docs/REQUIREMENTS.md).
"""

from __future__ import annotations

import math

import numpy as np

from ..document import EntityStep, Report

__all__ = ["dearer", "dearer_together", "most_entities"]


def dearer(report: Report, container: str, entities: int) -> float:
    """Return how many times the searched cost an event has for a container.

    1 up to the number of entities that the search had, and where the report has no
    steps.
    """
    costs = _costs(report, container)
    if not costs or entities <= report.workload.entities:
        return 1.0
    return _at(costs, entities) / _at(costs, report.workload.entities)


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
    """Return seconds an event by entities, ascending and never falling.

    What disturbs a trial makes it dearer: InfluxDB may merge in it what the steps
    before have left. So an event costs the least that one was seen to cost with as
    many entities or more. Trials of the data's age have the entities of the search, at
    the rate of the steps.
    """
    speed = report.speed
    if speed is None or not speed.entities:
        return {}
    rows = [(step.entities, step.cpu_s_per_event) for step in speed.entities]
    rows += [(report.workload.entities, age.cpu_s_per_event) for age in speed.age]
    seen = [(number, row[container]) for number, row in rows if row.get(container)]
    return {
        entities: min(cost for number, cost in seen if number >= entities)
        for entities in sorted({number for number, _ in seen if number})
    }


def _at(costs: dict[int, float], entities: int) -> float:
    """Return the cost with so many: below the fewest theirs, above as it last grew."""
    logs = [math.log(number) for number in costs]
    values = list(costs.values())
    at = math.log(entities)
    if at > logs[-1] and len(logs) > 1:
        slope = (values[-1] - values[-2]) / (logs[-1] - logs[-2])
        return values[-1] + slope * (at - logs[-1])
    return float(np.interp(at, logs, values))
