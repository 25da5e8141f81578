"""How late events left, and which ones did not, of the entry that sends them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from ..order import Order

__all__ = ["Fate", "Lateness", "due_events"]

_LATE: Final = 0.010
_MOST_NAMED: Final = 1_000


def due_events(order: Order) -> Iterator[tuple[int, float]]:
    """Yield an order's events; each once."""
    schedule, number = order.schedule(), 0
    while (offset := schedule.at(number)) < order.seconds:
        yield number, offset
        number += 1


@dataclass(slots=True)
class Fate:
    """What became of the events that were sent."""

    sent: int = 0
    refused: int = 0
    unsent: list[int] = field(default_factory=list)
    """Events that were not taken, the first ones of them."""
    left_after: float = 0.0
    """Seconds until the last one left so far."""

    def add(self, number: int, *, left: bool, refused: bool = False) -> None:
        """Note one event."""
        self.sent += left
        self.refused += refused
        if not left and len(self.unsent) < _MOST_NAMED:
            self.unsent.append(number)


class Lateness:
    """How late events left; keeps what a status tells."""

    def __init__(self) -> None:
        self._seen: list[float] = []
        self.late = 0

    def add(self, seconds: float) -> None:
        """Note one event."""
        self._seen.append(max(0.0, seconds))
        self.late += seconds > _LATE

    def quantile(self, share: float) -> float:
        """Return the quantile by nearest rank, 0 where nothing was noted."""
        ordered = sorted(self._seen)
        if not ordered:
            return 0.0
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
