"""What the load is told to send: one order for all, and each worker's part. Pure."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from .arrivals import PERIOD, Schedule, schedule_of
from .trial import Arrival

__all__ = ["Order"]


class Order(Struct, frozen=True, kw_only=True):
    """What the load is to do next; `stop` ends what runs.

    `url` is that of the simulator's control, or of a real Home Assistant with `token`.
    `period` and `offsets` belong to the arrival, see `arrivals`. `entity_growth` new
    entities a minute take the places of the oldest ones, in turn.
    """

    number: int
    stop: bool = False
    worker: int = 0
    url: str = ""
    token: str = ""
    rate: float = 0.0
    seconds: float = 0.0
    entities: int = 100
    entity_growth: float = 0.0
    arrival: Arrival = Arrival.CONSTANT
    period: float = PERIOD
    offsets: tuple[float, ...] = ()
    run_id: str = ""
    prefix: str = ""
    payload_bytes: int = 0
    seed: int = 1

    def part(self, worker: int, *, of: int) -> Order:
        """Return what one of several workers sends of it, to entities of its own.

        Of a trace each takes its turn of the events, so that all keep their times.
        """
        if of == 1:
            return self
        offsets = self.offsets[worker::of]
        share = len(offsets) / len(self.offsets) if offsets else 1 / of
        return msgspec.structs.replace(
            self,
            worker=worker,
            rate=self.rate * share,
            entities=max(1, self.entities // of),
            entity_growth=self.entity_growth / of,
            offsets=offsets,
            prefix=f"{self.prefix}_{worker}",
            seed=self.seed + worker,
        )

    def schedule(self) -> Schedule:
        """Return when its events are due, from the first one on."""
        return schedule_of(
            self.arrival,
            rate=self.rate,
            seed=self.seed,
            period=self.period,
            offsets=self.offsets,
        )

    def place(self, number: int) -> int:
        """Return the number of the entity that an event belongs to."""
        place = number % self.entities
        renewed = int(number * self.growth) - place
        turns = (renewed + self.entities - 1) // self.entities if renewed > 0 else 0
        return place + turns * self.entities

    @property
    def growth(self) -> float:
        """New entities for each event, one at most."""
        return min(1.0, self.entity_growth / 60 / self.rate) if self.rate else 0.0

    def entity(self, number: int) -> str:
        """Return the id of the entity that an event belongs to."""
        return f"{self.prefix}_{self.place(number)}"
