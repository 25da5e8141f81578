"""Schedules: some quick faults one after the other, as text and as a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..errors import BadSchedule
from .catalogue import SCENARIOS
from .faults.schedule import Step, sequence
from .scenario import Scenario, Subscription

QUICK: Final = tuple(
    scenario.name
    for scenario in SCENARIOS
    if scenario.name.startswith(("sigterm-", "sigkill-"))
    or scenario.name in {"ha-restart", "ha-burst"}
)
"""What a schedule may be made of. Home Assistant's own SIGKILL is not among them: right
after the end of another service it takes events away that nobody else has."""

LONGEST_PAUSE: Final = 3.0
_FAULTS: Final = {scenario.name: scenario.fault for scenario in SCENARIOS}


def step(name: str, pause: float) -> Step:
    """Return one step.

    Raises:
        BadSchedule: no quick fault has this name, or the pause is too long.
    """
    if name not in QUICK or not 0 <= pause <= LONGEST_PAUSE:
        raise BadSchedule(f"{name} {pause:g}", QUICK, LONGEST_PAUSE)
    return Step(name=name, fault=_FAULTS[name], pause=pause)


def parse_schedule(text: str) -> tuple[Step, ...]:
    """Return the steps of a text such as "sigkill-ingestion 0.4, ha-restart 1" (pure).

    Raises:
        BadSchedule: a step has not this form.
    """
    found = []
    for part in text.split(","):
        name, _, pause = part.strip().partition(" ")
        try:
            seconds = float(pause or "0")
        except ValueError as err:
            raise BadSchedule(part, QUICK, LONGEST_PAUSE) from err
        found.append(step(name, seconds))
    return tuple(found)


def spelled(steps: Sequence[Step]) -> str:
    """Return the text of a schedule, as `parse_schedule` takes it (pure)."""
    return ", ".join(map(str, steps))


def scheduled(name: str, steps: Sequence[Step]) -> Scenario:
    """Return the scenario of a schedule."""
    return Scenario(
        name=name,
        title=spelled(steps),
        fault=sequence(steps),
        subscription=Subscription.MAY_BREAK,
        ready_seconds=60.0,
        drain_seconds=90.0,
        repeat=f'--schedule "{spelled(steps)}"',
    )
