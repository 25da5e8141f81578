"""Which changes are missing after a gap, and when all of them are there again. Pure.

A subscription comes with a snapshot of all states that was taken in the same moment.
So of an entity in the snapshot everything up to its `last_updated` must come from
history, and everything later comes live. An entity that was there before and is not in
the snapshot is gone, or not back yet after a restart: its changes end where the live
events begin. Times are Home Assistant's own throughout: its clock need not be ours.

The recorder commits in the order of the events. Once history shows the newest change
of the snapshot, it shows everything before it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import msgspec

from servicekit.wire import Frame, Origin

from .errors import FrameUnreadable
from .frames import UNREADABLE, plain_payload
from .gaps import MOST_EXAMPLES, Gap
from .history import SECOND_US, Pages, Row
from .times import time_us

__all__ = ["MARGIN_US", "MOST_KNOWN", "Canary", "Closing", "Known", "keys_of"]

MARGIN_US: Final = 10 * SECOND_US
"""Before the last event: what may have overtaken it, were clocks ever set."""
MOST_KNOWN: Final = 20_000
"""Events before the gap that are remembered; with more, the margin is shorter."""
_CANARIES: Final = 3
_STEPPED_BACK_US: Final = SECOND_US
_FOR_EVER_US: Final = 2**62

Key = tuple[str, int]


class Canary(NamedTuple):
    """A change of the snapshot: when history shows it, it shows all before it."""

    entity_id: str
    updated_us: int


class _NewState(msgspec.Struct):
    last_updated: str = ""


class _Data(msgspec.Struct):
    entity_id: str = ""
    new_state: _NewState | None = None


class _Event(msgspec.Struct):
    time_fired: str = ""
    data: _Data | None = None


class _Message(msgspec.Struct):
    event: _Event | None = None


class _State(msgspec.Struct):
    entity_id: str = ""
    last_updated: str = ""


_live = msgspec.json.Decoder(list[_Message] | _Message)
_states = msgspec.json.Decoder(list[_State])


@dataclass(frozen=True, slots=True)
class Known:
    """The keys of what was received before, as far as it is remembered.

    `since_us` is where the memory begins: 0 if it holds everything of the margin.
    """

    keys: frozenset[Key] = frozenset()
    since_us: int = 0


def keys_of(frames: Iterable[Frame], *, most: int = MOST_KNOWN) -> Known:
    """Return the keys of the events in frames, newest last.

    A frame that cannot be read has no keys: its events are fetched once more, which
    changes nothing.
    """
    keys = [key for frame in frames for key in _keys_of_frame(frame)]
    cut = len(keys) >= most
    return Known(frozenset(keys), min((us for _, us in keys), default=0) if cut else 0)


def _keys_of_frame(frame: Frame) -> Iterator[Key]:
    try:
        payload = plain_payload(frame)
        if frame.origin is Origin.LIVE:
            found = _live.decode(payload)
            messages = found if isinstance(found, list) else [found]
            changes = [_change(m.event) for m in messages if m.event is not None]
        else:
            states = _states.decode(payload)
            changes = [(one.entity_id, one.last_updated) for one in states]
    except (*UNREADABLE, FrameUnreadable):
        return
    for entity_id, text in changes:
        moment_us = time_us(text)
        if moment_us:
            yield entity_id, moment_us


def _change(event: _Event) -> tuple[str, str]:
    data = event.data
    if data is None:
        return "", ""
    state = data.new_state
    return data.entity_id, event.time_fired if state is None else state.last_updated


class Closing:
    """What is missing since one or more gaps opened, and what has been found of it.

    Args:
        gaps: the open ones, oldest first; the last is that of this subscription.
        present: `last_updated` of each entity of the snapshot, in µs.
        before: entities that were known before the subscription.
        known: keys of what was received shortly before.
        away_us: how long nothing was received, by our own clock.
        kept_us: how far back history goes; before that nobody is asked.
    """

    def __init__(
        self,
        gaps: tuple[Gap, ...],
        *,
        present: Mapping[str, int],
        before: AbstractSet[str],
        known: Known,
        away_us: int,
        kept_us: int = _FOR_EVER_US,
    ) -> None:
        newest_us = max(present.values(), default=0)
        self._present = present
        self._known = known
        self._gaps = gaps
        self._cores = [_core_of(gap, newest_us, away_us) for gap in gaps]
        self._starts = [self._with_margin(core) for core in self._cores]
        # A clock that began in 1970 must not make a request for each hour since.
        self.start_us = max(min(self._starts), newest_us - kept_us)
        self.missing = tuple(sorted(set(before) - present.keys()))
        self._changed = {
            name: us for name, us in present.items() if self._has_changed(name, us)
        }
        self.horizon_us = max(newest_us, gaps[-1].from_us)
        self._unproven = dict(self._changed)
        self._expected = [0] * len(gaps)
        self._newest_us = [0] * len(gaps)
        self._entities: list[set[str]] = [set() for _ in gaps]
        self._reached: dict[str, int] = {}
        self._unaskable: set[str] = set()
        self._count_snapshot()

    def _with_margin(self, from_us: int) -> int:
        return max(0, from_us - MARGIN_US, min(self._known.since_us, from_us))

    def _has_changed(self, name: str, us: int) -> bool:
        if us <= self.start_us:
            return False
        # What was received as the newest change of an entity has nothing before it
        # that was not; older gaps know nothing of that.
        return (name, us) not in self._known.keys or len(self._gaps) > 1

    def _count_snapshot(self) -> None:
        """Count the changes that the snapshot itself has brought."""
        for name, us in self._changed.items():
            if (name, us) not in self._known.keys:
                self._count(name, us)

    @property
    def entity_ids(self) -> tuple[str, ...]:
        """Whom history has to be asked for."""
        return (*sorted(self._changed), *self.missing)

    @property
    def canaries(self) -> tuple[Canary, ...]:
        """The newest changes of the snapshot; none if any entity is missing.

        A missing entity may have changed after them.
        """
        if self.missing:
            return ()
        newest = sorted(self._changed.items(), key=lambda item: -item[1])
        return tuple(Canary(name, us) for name, us in newest[:_CANARIES])

    def pages(self, entity_ids: tuple[str, ...] | None = None) -> Iterator[Pages]:
        """Yield the requests: for entities that are there, then for missing ones."""
        asked = self.entity_ids if entity_ids is None else entity_ids
        changed = [name for name in asked if name in self._changed]
        if changed:
            end_us = max(self._changed[name] for name in changed) + 1000
            yield Pages(
                changed, start_us=self.start_us, horizon_us=end_us, end_us=end_us
            )
        missing = [name for name in asked if name not in self._changed]
        if missing:
            yield Pages(
                missing,
                start_us=self.start_us,
                horizon_us=self.horizon_us,
                end_us=None,
            )

    def take(self, rows: Iterable[Row], first_live_us: int) -> list[Row]:
        """Return the rows that are missing, in order, and count them.

        Args:
            rows: what history has answered, in time order for each entity.
            first_live_us: time of the first event that came live, 0 if none has.
        """
        missing = []
        for row in rows:
            if not self._is_missing(row, first_live_us):
                continue
            self._reached[row.entity_id] = row.updated_us
            self._count(row.entity_id, row.updated_us)
            missing.append(row)
        return missing

    def _is_missing(self, row: Row, first_live_us: int) -> bool:
        name, us = row.entity_id, row.updated_us
        newest_us = self._changed.get(name)
        if newest_us is not None and us >= newest_us:
            self._unproven.pop(name, None)
            return False
        if newest_us is None and first_live_us and us >= first_live_us:
            return False
        # Windows overlap, and some entities are asked for again.
        if us <= self._reached.get(name, 0) or (name, us) in self._known.keys:
            return False
        return self._place(us) is not None

    def give_up(self, entity_ids: Iterable[str]) -> None:
        """Take note of entities that Home Assistant does not answer for."""
        self._unaskable.update(entity_ids)

    @property
    def unproven(self) -> tuple[str, ...]:
        """Changed entities whose newest change history has not shown."""
        return tuple(sorted(self._unproven.keys() - self._unaskable))

    @property
    def newest_unproven_us(self) -> int:
        """When the newest of these changes was; 0 without any."""
        return max((self._unproven[name] for name in self.unproven), default=0)

    def proven_after(self, after_us: int) -> tuple[str, ...]:
        """Return entities of which history has shown a change after a time."""
        return tuple(
            sorted(
                name
                for name, us in self._changed.items()
                if us > after_us and name not in self._unproven
            )
        )

    def closed(
        self, now_us: int, *, without_history: str = "", purged_before_us: int = 0
    ) -> tuple[Gap, ...]:
        """Return the gaps with their numbers, closed now.

        Args:
            now_us: our clock.
            without_history: why nothing could be asked, if so.
            purged_before_us: what is older, Home Assistant no longer has.
        """
        return tuple(
            replace(
                gap,
                closed_us=now_us,
                **self._numbers(number, gap, without_history, purged_before_us),
            )
            for number, gap in enumerate(self._gaps)
        )

    def _numbers(
        self, number: int, gap: Gap, without: str, purged_before_us: int
    ) -> dict[str, Any]:
        entities = self._entities[number]
        if without:
            lacking = {without: entities | set(self.missing)}
        elif gap.from_us < purged_before_us:
            lacking = {"purged": entities}
        else:
            lacking = {
                "not_recorded": entities & set(self.unproven),
                "not_askable": entities & self._unaskable,
            }
        reasons = {why: len(names) for why, names in lacking.items() if names}
        names = sorted(set().union(*lacking.values()))
        return {
            "until_us": gap.until_us or max(self.horizon_us, self._newest_us[number]),
            "entities": len(entities),
            "expected": self._expected[number],
            "recovered": self._expected[number],
            "unrecoverable": len(names),
            "reasons": reasons,
            "examples": tuple(names[:MOST_EXAMPLES]),
        }

    def _count(self, entity_id: str, updated_us: int) -> None:
        number = self._place(updated_us)
        if number is not None:
            self._expected[number] += 1
            self._newest_us[number] = max(self._newest_us[number], updated_us)
            self._entities[number].add(entity_id)

    def _place(self, updated_us: int) -> int | None:
        """Return the number of the newest gap that a time belongs to.

        Before its start, within the margin, only what belongs to no other gap.
        """
        for starts in (self._cores, self._starts):
            for number in range(len(self._gaps) - 1, -1, -1):
                until_us = self._gaps[number].until_us
                later = updated_us > starts[number]
                if later and (not until_us or updated_us <= until_us):
                    return number
        return None


def _core_of(gap: Gap, newest_us: int, away_us: int) -> int:
    """Return where a gap begins by the clock that Home Assistant has now."""
    if newest_us and newest_us + _STEPPED_BACK_US < gap.from_us:
        # It was set back meanwhile.
        return newest_us - away_us
    return gap.from_us
