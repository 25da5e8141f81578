"""The timetable of a restart: which step comes when. Pure; the shell waits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Step(StrEnum):
    """What happens to Home Assistant during a restart, in this order by default."""

    FINISH_STOP = "finish_stop"
    BOOT = "boot"
    LOAD_HISTORY = "load_history"
    BEGIN_START = "begin_start"
    LOAD_ENTITIES = "load_entities"
    FINISH_START = "finish_start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """Phases of a restart in seconds.

    `stopping` and `down` follow each other; the others count from the moment the
    WebSocket answers again. A real one answers 2-3 s after its process starts.
    """

    stopping: float = 0.0
    down: float = 1.0
    history: float = 0.5
    starting: float = 0.2
    entities: float = 0.7
    running: float = 1.0

    def steps(self) -> list[tuple[float, Step]]:
        """Return the steps with their seconds from now, in the order to take them."""
        answers = self.stopping + self.down
        timed = [
            (self.stopping, Step.FINISH_STOP),
            (answers, Step.BOOT),
            (answers + self.history, Step.LOAD_HISTORY),
            (answers + self.starting, Step.BEGIN_START),
            (answers + self.entities, Step.LOAD_ENTITIES),
            (answers + self.running, Step.FINISH_START),
        ]
        return sorted(timed, key=lambda entry: entry[0])

    def problems(self) -> list[str]:
        """Return what makes the timetable impossible."""
        found = [
            f"{name}_seconds must not be negative"
            for name in (
                "stopping",
                "down",
                "history",
                "starting",
                "entities",
                "running",
            )
            if getattr(self, name) < 0
        ]
        if self.running < max(self.starting, self.entities):
            found.append("running_seconds must come after starting and entities")
        return found
