"""Events of one run: begin them, end them, and ask the source what it made."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..simulator import Load, Sent, Simulator
from .observation import Told

ENTITIES = 50
_BURST_ENTITIES = 500
_BROUGHT_BACK = "homeassistant_start"
"""The run of events that come from a restart: an entity's last state once more."""


class Traffic(Protocol):
    """Events of one run, whatever plays Home Assistant."""

    @property
    def run_id(self) -> str:
        """The name of the run; every entity of it has it in its id or attributes."""
        ...

    @property
    def pattern(self) -> str:
        """A regular expression for the run's entity ids."""
        ...

    @property
    def scope(self) -> tuple[str, ...]:
        """Patterns of the run's entity ids with `*`, as a history has them."""
        ...

    @property
    def since_us(self) -> int:
        """Rows of these entities from then on are the run's, by the source's clock."""
        ...

    def begin(self, rate: float) -> None:
        """Send `rate` events a second until `end`."""
        ...

    def end(self) -> None:
        """Send no more; may be called twice."""
        ...

    def pause(self) -> None:
        """Send nothing while the source is away on purpose."""
        ...

    def resume(self) -> None:
        """Go on after `pause`."""
        ...

    def burst(self, count: int) -> None:
        """Make so many events in one turn of the source's event loop."""
        ...

    def emitted(self) -> int:
        """Return how many events the source has made so far."""
        ...

    def say(self, changes: Iterable[Mapping[str, Any]]) -> tuple[Told, ...]:
        """Make changes with these values; return them with their times."""
        ...

    def settled(self) -> bool:
        """Whether the source has written down all that it ever will."""
        ...

    def sent(self) -> tuple[Sent, ...]:
        """Return every event of the run by the source's own record."""
        ...

    def stamped(self, event: Sent) -> bool:
        """Tell whether the attributes of an event carry its serial."""
        ...


@dataclass(slots=True, kw_only=True)
class SimulatorTraffic:
    """Events of the scripted Home Assistant."""

    simulator: Simulator
    run_id: str = field(default_factory=lambda: f"run{secrets.token_hex(4)}")
    _loads: list[Load] = field(default_factory=list)

    @property
    def pattern(self) -> str:
        """All entities of a run begin with its name."""
        return rf"^sensor\.{self.run_id}_"

    @property
    def scope(self) -> tuple[str, ...]:
        """The same with a `*`."""
        return (f"sensor.{self.run_id}_*",)

    @property
    def since_us(self) -> int:
        """The entities belong to the run alone, and its clock may step."""
        return 0

    @property
    def prefix(self) -> str:
        """What the run's entity ids begin with."""
        return f"sensor.{self.run_id}"

    def begin(self, rate: float) -> None:
        """Start a load."""
        load = self.simulator.start(rate=rate, run_id=self.run_id, entities=ENTITIES)
        self._loads.append(load)

    def end(self) -> None:
        """Stop all loads."""
        while self._loads:
            self.simulator.stop(self._loads.pop())

    def pause(self) -> None:
        """Go on: the simulator does not send while it is down."""

    def resume(self) -> None:
        """Go on."""

    def burst(self, count: int) -> None:
        """Make events of the run in one turn."""
        self.simulator.burst(
            count,
            entities=_BURST_ENTITIES,
            prefix=f"{self.prefix}_burst",
            run_id=self.run_id,
        )

    def emitted(self) -> int:
        """Return what the simulator has emitted in its life."""
        return int(self.simulator.status()["events"]["emitted"])

    def say(self, changes: Iterable[Mapping[str, Any]]) -> tuple[Told, ...]:
        """Emit changes in one turn; serial and run are added to their attributes."""
        wanted = [dict(change) for change in changes]
        made = self.simulator.emit(wanted, run_id=self.run_id)
        return tuple(
            Told(
                entity_id=event.entity_id,
                time_us=event.time_us,
                state=change["state"],
                attributes={
                    **change.get("attributes", {}),
                    "run_id": self.run_id,
                    "serial": event.serial,
                },
            )
            for change, event in zip(wanted, made, strict=True)
        )

    def settled(self) -> bool:
        """Whether the recorder has committed all."""
        return bool(self.simulator.status()["recorder"]["pending"] == 0)

    def sent(self) -> tuple[Sent, ...]:
        """Return the ledger, with the states that a restart has brought back."""
        back = self.simulator.ledger(_BROUGHT_BACK)
        ours = (event for event in back if event.entity_id.startswith(self.prefix))
        found = (*self.simulator.ledger(self.run_id), *ours)
        return tuple(sorted(found, key=lambda event: event.serial))

    def stamped(self, event: Sent) -> bool:
        """A state that was brought back has the attributes that it had."""
        return event.run_id == self.run_id
