"""Where lost events were last seen, and what else the stages tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from .records import Counters, Coverage, GapRow, Seen, Stage, StageRecord
from .table import SentTable


@dataclass(slots=True)
class Told:
    """What the stages tell.

    Attributes:
        last_seen: for each missing place, the farthest stage that knew it and what
            that stage said.
        coverage: what could be listed, by name.
        repeated: attempts beyond the first.
    """

    last_seen: dict[int, tuple[Stage, str]] = field(default_factory=dict)
    coverage: dict[str, Coverage] = field(default_factory=dict)
    counters: list[Counters] = field(default_factory=list)
    gaps: list[GapRow] = field(default_factory=list)
    repeated: int = 0

    def stage_of(self, place: int) -> tuple[Stage, str]:
        """Return where a missing event was last seen.

        One that no stage lists has not gone farther than the source, if the spool
        could be listed; otherwise nobody knows.
        """
        if place in self.last_seen:
            return self.last_seen[place]
        spool = self.coverage.get(Stage.SPOOL)
        known = spool is not None and spool.complete
        return (Stage.SOURCE if known else Stage.UNKNOWN), ""


def read_stages(
    records: Iterable[StageRecord], table: SentTable, missing: Mapping[int, object]
) -> Told:
    """Go through what the stages tell, and keep what is about missing events."""
    told = Told()
    for record in records:
        match record:
            case Seen():
                told.repeated += max(0, record.attempts - 1)
                place = table.find(record.entity_id, record.time_us)
                if place is not None and place in missing:
                    _note(told, place, record)
            case Coverage():
                told.coverage[record.of] = record
            case Counters():
                told.counters.append(record)
            case GapRow():
                told.gaps.append(record)
            case _:
                assert_never(record)
    return told


def _note(told: Told, place: int, record: Seen) -> None:
    before = told.last_seen.get(place)
    if before is None or record.stage.depth > before[0].depth:
        told.last_seen[place] = (record.stage, record.detail)
