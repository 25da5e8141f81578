"""What used the CPU in the seconds in which events became late.

A mean over a trial hides a host that is full for a second now and then: events wait
then, and 1 % of them are enough to miss a p99.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

__all__ = ["Burst", "Look", "burst_of"]

GROWTH: Final = 0.15
"""Seconds of wait that a second adds, from where on events become late in it."""
LEAST_STRETCHES: Final = 3
"""Between two looks each: in fewer seconds anything may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at a stack under load, `at` seconds after some moment.

    `backlog` is in events, None where it could not be counted; `cpu` are the CPU
    seconds of each container so far.
    """

    at: float
    backlog: float | None
    cpu: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """The cores of each container while events became late, and in other seconds."""

    late: Mapping[str, float]
    calm: Mapping[str, float]

    @property
    def grown(self) -> tuple[str, float]:
        """Who used more of the host than in other seconds, and how many cores."""
        rises = {name: self.late[name] - self.calm[name] for name in sorted(self.late)}
        name = max(rises, key=rises.__getitem__)
        return name, rises[name]


def burst_of(looks: Sequence[Look], *, rate: float) -> Burst | None:
    """Part a trial's seconds by the growth of the backlog; None if that tells nothing.

    Args:
        looks: of the trial's window, in order.
        rate: events a second that were due.
    """
    late, calm = _Part(), _Part()
    for before, after in pairwise(looks):
        seconds = after.at - before.at
        if before.backlog is None or after.backlog is None or seconds <= 0:
            continue
        growth = (after.backlog - before.backlog) / seconds
        (late if growth > GROWTH * rate else calm).add(before, after)
    if min(late.stretches, calm.stretches) < LEAST_STRETCHES:
        return None
    busy, usual = late.cores, calm.cores
    names = busy.keys() & usual.keys()
    if not names:
        return None
    return Burst(
        late={name: busy[name] for name in names},
        calm={name: usual[name] for name in names},
    )


class _Part:
    """Sums over some of the seconds."""

    def __init__(self) -> None:
        self.stretches = 0
        self._seconds = 0.0
        self._cpu: dict[str, float] = {}

    def add(self, before: Look, after: Look) -> None:
        """Add what was used between two looks."""
        self.stretches += 1
        self._seconds += after.at - before.at
        for name in before.cpu.keys() & after.cpu.keys():
            used = after.cpu[name] - before.cpu[name]
            self._cpu[name] = self._cpu.get(name, 0.0) + used

    @property
    def cores(self) -> dict[str, float]:
        """Cores that each container used."""
        return {name: used / self._seconds for name, used in self._cpu.items()}
