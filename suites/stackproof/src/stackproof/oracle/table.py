"""The source's events in columns: about 150 bytes an event, found by key."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from fnmatch import translate
from re import compile as compile_pattern

from .records import Sent

_ON_WIRE = 1
_RECORDED = 2


class Scope:
    """Tells which entities a run answers for."""

    def __init__(self, patterns: Iterable[str]) -> None:
        chosen = [f"(?:{translate(pattern)})" for pattern in patterns]
        self._pattern = compile_pattern("|".join(chosen)) if chosen else None
        self._known: dict[str, bool] = {}

    def __contains__(self, entity_id: str) -> bool:
        if self._pattern is None:
            return True
        known = self._known.get(entity_id)
        if known is None:
            known = self._known[entity_id] = bool(self._pattern.match(entity_id))
        return known


class SentTable:
    """All events within the scope, addressed by their place in the order of reading.

    Of several events with one key the one with the highest serial stands for the key;
    `chains` has all of them, by serial.

    Attributes:
        count: events.
        hits: for each place, how many stored rows have its key.
        chains: place that stands for a key to all places with that key.
    """

    def __init__(self, events: Iterable[Sent], scope: Scope) -> None:
        self.serials = array("q")
        self.times = array("q")
        self.moments = array("q")
        self.states: list[str | None] = []
        self.chains: dict[int, list[int]] = {}
        self._entities = array("L")
        self._flags = bytearray()
        self._names: list[str] = []
        self._numbers: dict[str, int] = {}
        self._places: list[dict[int, int]] = []
        for event in events:
            if event.entity_id in scope:
                self._add(event)
        self.count = len(self.serials)
        self.hits = array("L", bytes(array("L").itemsize * self.count))

    def _add(self, event: Sent) -> None:
        number = self._numbers.get(event.entity_id)
        if number is None:
            number = self._numbers[event.entity_id] = len(self._names)
            self._names.append(event.entity_id)
            self._places.append({})
        place = len(self.serials)
        self.serials.append(event.serial)
        self.times.append(event.time_us)
        self.moments.append(event.at_us)
        self.states.append(event.state)
        self._entities.append(number)
        self._flags.append(_ON_WIRE * event.on_wire + _RECORDED * event.recorded)
        places = self._places[number]
        before = places.setdefault(event.time_us, place)
        if before != place:
            chain = [*self.chains.pop(before, [before]), place]
            chain.sort(key=self.serials.__getitem__)
            places[event.time_us] = chain[-1]
            self.chains[chain[-1]] = chain

    def find(self, entity_id: str, time_us: int) -> int | None:
        """Return the place that stands for a key."""
        number = self._numbers.get(entity_id)
        return None if number is None else self._places[number].get(time_us)

    def __iter__(self) -> Iterator[int]:
        """Yield the place that stands for each key, entity by entity."""
        for places in self._places:
            yield from places.values()

    def of_entity(self, entity_id: str) -> list[int]:
        """Return the places that stand for the keys of one entity."""
        number = self._numbers.get(entity_id)
        return [] if number is None else list(self._places[number].values())

    def chain(self, place: int) -> list[int]:
        """Return all places with the key of this one, by serial."""
        return self.chains.get(place) or [place]

    def entity_id(self, place: int) -> str:
        """Return whose event it is."""
        return self._names[self._entities[place]]

    def on_wire(self, place: int) -> bool:
        """Whether an event with this key was on the wire."""
        return any(self._flags[p] & _ON_WIRE for p in self.chain(place))

    def recorded(self, place: int) -> bool:
        """Whether the source's history has an event with this key."""
        return any(self._flags[p] & _RECORDED for p in self.chain(place))

    def acknowledged(self, place: int) -> bool:
        """Whether the key must be stored."""
        if self.chains and place in self.chains:
            return any(self._flags[p] for p in self.chains[place])
        return self._flags[place] != 0

    def states_allowed(self, place: int) -> frozenset[str | None]:
        """Return the states that the key may have at the end.

        That of the last acknowledged event with this key, and those of later ones,
        which may have been stored or not.
        """
        chain = self.chain(place)
        firm = [index for index, p in enumerate(chain) if self._flags[p]]
        return frozenset(self.states[p] for p in chain[firm[-1] if firm else 0 :])
