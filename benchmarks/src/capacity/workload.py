"""What events a run sends, and the order for them in each trial. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from .arrivals import PERIOD
from .order import Order
from .trial import TrialSpec

__all__ = ["Workload"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What events are sent: to how many entities, and with how much padding.

    `period` and `offsets` belong to the arrival, see `arrivals`; `entity_growth` are
    new entities a minute.
    """

    prefix: str
    entities: int = 1_000
    entity_growth: float = 0.0
    period: float = PERIOD
    offsets: tuple[float, ...] = ()
    payload_bytes: int = 0
    seed: int = 1

    def order(
        self, spec: TrialSpec, *, url: str, token: str, seconds: float | None = None
    ) -> Order:
        """Return the load of a trial, until its window ends unless told otherwise."""
        prefix = self.prefix
        if self.entity_growth:  # new ones must not be those of another trial
            prefix = f"{prefix}_{spec.id}"
        return Order(
            number=0,
            url=url,
            token=token,
            rate=spec.rate,
            seconds=spec.settle + spec.window if seconds is None else seconds,
            entities=spec.entities or self.entities,
            entity_growth=self.entity_growth,
            arrival=spec.arrival,
            period=self.period,
            offsets=self.offsets,
            run_id=f"t{spec.id}",
            prefix=prefix,
            payload_bytes=self.payload_bytes,
            seed=self.seed + spec.id,
        )
