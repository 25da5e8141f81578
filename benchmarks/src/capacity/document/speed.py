"""The figures beside the edge, each with its target: what was measured, and how."""

from __future__ import annotations

from enum import StrEnum

from .base import Amount, Count, Part, Positive, Text

__all__ = ["Age", "Direct", "EntityStep", "Idle", "Sense", "Speed", "SpeedFigure"]


class Sense(StrEnum):
    """Whether the target is the least or the most that a figure may be."""

    AT_LEAST = "at_least"
    AT_MOST = "at_most"


class SpeedFigure(Part, frozen=True, kw_only=True):
    """A figure and its target, both in `unit`; `aim` is what is worked for.

    `value` and `holds` are null where it was not measured; `how` tells what it comes
    from, or why it is missing.
    """

    name: Text
    value: Amount | None
    unit: Text
    sense: Sense
    target: Positive
    aim: Positive | None
    holds: bool | None
    how: Text

    def __post_init__(self) -> None:
        """Refuse a verdict that the figure does not have."""
        if self.holds is not holds(self.value, self.sense, self.target):
            raise ValueError(f"speed: {self.name} does not hold as it says")


def holds(value: float | None, sense: Sense, target: float) -> bool | None:
    """Tell whether a figure meets its target; None where there is no figure."""
    if value is None:
        return None
    return value >= target if sense is Sense.AT_LEAST else value <= target


class Idle(Part, frozen=True, kw_only=True):
    """A container without load: cores, and the most memory in bytes."""

    cpu_cores: Amount
    mem_peak: Count


class Direct(Part, frozen=True, kw_only=True):
    """Lines like the stored ones, written over one connection past the services.

    `client_cores` is the CPU of the process that wrote: below 1, it was not the limit.
    """

    lines_per_s: Positive
    lines: Count
    seconds: Positive
    batch_lines: Count
    line_bytes: Positive
    compressed: bool
    client_cores: Amount


class EntityStep(Part, frozen=True, kw_only=True):
    """One trial with so many entities; by container, what an event costs there."""

    trial: Text
    entities: Count
    series: Count | None
    cpu_s_per_event: dict[Text, Amount]
    mem_peak: dict[Text, Count]


class Age(Part, frozen=True, kw_only=True):
    """One trial after `past_points` of the last `past_hours` were stored."""

    trial: Text
    past_hours: Positive
    past_points: Count
    cpu_s_per_event: dict[Text, Amount]


class Speed(Part, frozen=True, kw_only=True):
    """What was measured beside the edge; what is empty or null was not."""

    figures: tuple[SpeedFigure, ...]
    idle: dict[Text, Idle]
    direct: Direct | None
    entities: tuple[EntityStep, ...]
    age: tuple[Age, ...]
