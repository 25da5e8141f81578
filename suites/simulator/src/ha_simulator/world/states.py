"""The state machine: entities, and the exact bytes of their state_changed events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from ..errors import ControlError
from .contexts import Contexts
from .journal import EXPLICIT, REMOVED, UNRECORDED, Journal, Written
from .shapes import Shapes
from .timestamps import isoformat

MAX_STATE_LENGTH: Final = 255
"""Characters; Home Assistant replaces a longer state of an entity by "unknown"."""
MAX_RECORDED_ATTRIBUTES: Final = 16_384
"""Bytes of JSON; the recorder stores `{}` for larger attributes."""
UNRECORDED_ATTRIBUTES: Final = frozenset(
    {"attribution", "restored", "supported_features"}
)


class Entity:
    """One entity; `current` is its state object as JSON, None while it is absent."""

    __slots__ = (
        "changed_us",
        "created",
        "current",
        "entity_id",
        "given",
        "high_us",
        "number",
        "quoted",
        "serial",
        "shape",
        "state",
        "unordered",
    )

    def __init__(self, number: int, entity_id: str) -> None:
        self.number = number
        self.entity_id = entity_id
        self.quoted = b'"%b"' % entity_id.encode()
        self.current: bytes | None = None
        self.state: str | None = None
        self.given: dict[str, Any] | None = None
        self.shape = 0
        self.serial = 0
        self.high_us = 0
        self.changed_us = 0
        self.created = False
        self.unordered = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A state that somebody wants to set by hand.

    Attributes:
        updated_us: use this time instead of now; it may lie in the past.
        record: False keeps the event out of the recorder.
        stamp: put `serial` and `run_id` into the attributes.
        user_id: the user in the event's context.
    """

    entity_id: str
    state: str
    attributes: dict[str, Any]
    shape: int
    updated_us: int | None = None
    record: bool = True
    stamp: bool = True
    force: bool = False
    user_id: str | None = None


def generated_state(serial: int) -> bytes:
    """Return the state's text of a generated event: the serial divided by ten."""
    return b"%d.%d" % divmod(serial, 10)


def _state_object(
    quoted: bytes,
    state: bytes,
    attributes: bytes,
    changed: bytes,
    updated: bytes,
    context: bytes,
) -> bytes:
    return b"".join(
        (
            b'{"entity_id":',
            quoted,
            b',"state":',
            state,
            b',"attributes":',
            attributes,
            b',"last_changed":"',
            changed,
            b'","last_reported":"',
            updated,
            b'","last_updated":"',
            updated,
            b'","context":',
            context,
            b"}",
        )
    )


def _event(
    quoted: bytes, old: bytes | None, new: bytes | None, fired: bytes, context: bytes
) -> bytes:
    """Return an event message without its tail `,"id":N}`: the id comes last."""
    return b"".join(
        (
            b'{"type":"event","event":{"event_type":"state_changed",',
            b'"data":{"entity_id":',
            quoted,
            b',"old_state":',
            old or b"null",
            b',"new_state":',
            new or b"null",
            b'},"origin":"LOCAL","time_fired":"',
            fired,
            b'","context":',
            context,
            b"}",
        )
    )


class StateMachine:
    """Keeps the entities and turns each change into a journal row and event bytes.

    Times of one entity rise by at least one microsecond unless a caller overrides
    them, so (entity, time) is a unique key.
    """

    def __init__(self, journal: Journal, shapes: Shapes, contexts: Contexts) -> None:
        self._journal = journal
        self._shapes = shapes
        self._contexts = contexts
        self._by_id: dict[str, Entity] = {}
        self._by_number: list[Entity] = []

    def entity(self, entity_id: str) -> Entity:
        """Return the entity, known but absent if nobody named it before."""
        entity = self._by_id.get(entity_id)
        if entity is None:
            entity = Entity(len(self._by_number), entity_id)
            self._by_id[entity_id] = entity
            self._by_number.append(entity)
        return entity

    def find(self, entity_id: str) -> Entity | None:
        """Return the entity when it was ever named, else None."""
        return self._by_id.get(entity_id)

    def numbered(self, number: int) -> Entity:
        """Return the entity that journal rows call *number*."""
        return self._by_number[number]

    def present(self) -> list[Entity]:
        """Return all entities that have a state now."""
        return [entity for entity in self._by_number if entity.current is not None]

    def snapshot(self) -> bytes:
        """Return the JSON array of all state objects, as `get_states` answers."""
        states = [entity.current for entity in self._by_number if entity.current]
        return b"[%b]" % b",".join(states)

    def generate(
        self,
        entities: Sequence[Entity],
        shape: int,
        updated_us: Sequence[int],
        *,
        intended_us: Sequence[int],
        record: bool = True,
    ) -> list[bytes]:
        """Give each of *entities* its next generated state; return their events.

        This is the path that must be fast: one call for all events of a turn, whose
        serials follow the journal's last one. An entity may be there more than once;
        *updated_us* and *intended_us* hold a time for each.
        """
        serial = self._journal.next
        next_context = self._contexts.next
        attributes = self._shapes[shape].attributes
        instants: list[int] = []
        previous: list[int] = []
        bodies: list[bytes] = []
        for entity, us, intended in zip(entities, updated_us, intended_us, strict=True):
            instant = us if us > entity.high_us else entity.high_us + 1
            entity.high_us = entity.changed_us = instant
            instants.append(instant)
            previous.append(entity.serial)
            when = isoformat(instant)
            context = next_context(instant)
            old = entity.current
            entity.serial = serial
            entity.shape = shape
            entity.state = entity.given = None
            entity.created = old is None
            entity.current = new = _state_object(
                entity.quoted,
                b'"%d.%d"' % divmod(serial, 10),
                attributes(serial, intended),
                when,
                when,
                context,
            )
            bodies.append(_event(entity.quoted, old, new, when, context))
            serial += 1
        self._journal.extend(
            [entity.number for entity in entities],
            instants,
            intended_us,
            shape,
            previous,
            0 if record else UNRECORDED,
        )
        return bodies

    def set(self, wanted: Wanted, now_us: int) -> tuple[int, bytes] | None:
        """Set a state by hand; None when nothing changed and so no event exists.

        Raises:
            ControlError: the overridden time is taken by this entity (status 409).
        """
        entity = self.entity(wanted.entity_id)
        state = wanted.state
        if len(state) > MAX_STATE_LENGTH:
            state = "unknown"
        same_state = (
            entity.current is not None and entity.state == state and not wanted.force
        )
        if same_state and entity.given == wanted.attributes:
            return None
        us = self._instant(entity, wanted.updated_us, now_us)
        changed_us = entity.changed_us if same_state else us
        flags = EXPLICIT if wanted.record else EXPLICIT | UNRECORDED
        serial = self._journal.append(
            entity.number, us, 0, wanted.shape, entity.serial, flags
        )
        attributes = wanted.attributes
        if wanted.stamp:
            run_id = self._shapes[wanted.shape].run_id
            attributes = {**attributes, "serial": serial, "run_id": run_id}
        encoded = msgspec.json.encode(attributes)
        text = msgspec.json.encode(state)
        self._journal.write(
            serial, Written(text, recorded_attributes(attributes, encoded), changed_us)
        )
        if wanted.user_id is None:
            context = self._contexts.next(us)
        else:
            context = self._contexts.of_user(us, wanted.user_id)
        when = isoformat(us)
        new = _state_object(
            entity.quoted, text, encoded, isoformat(changed_us), when, context
        )
        old = entity.current
        entity.serial = serial
        entity.shape = wanted.shape
        entity.state = state
        entity.given = wanted.attributes
        entity.changed_us = changed_us
        entity.created = old is None
        entity.current = new
        return serial, _event(entity.quoted, old, new, when, context)

    def remove(
        self, entity: Entity, shape: int, now_us: int
    ) -> tuple[int, bytes] | None:
        """Remove the entity's state; None when it has none."""
        old = entity.current
        if old is None:
            return None
        us = self._instant(entity, None, now_us)
        serial = self._journal.append(
            entity.number, us, 0, shape, entity.serial, REMOVED
        )
        entity.serial = serial
        entity.current = entity.state = entity.given = None
        entity.created = False
        when = isoformat(us)
        return serial, _event(entity.quoted, old, None, when, self._contexts.next(us))

    def forget(self) -> list[Entity]:
        """Drop every state without an event, as a stop does; return who had one."""
        gone = self.present()
        for entity in gone:
            entity.current = None
        return gone

    def _instant(self, entity: Entity, override_us: int | None, now_us: int) -> int:
        if override_us is None:
            us = max(now_us, entity.high_us + 1)
        else:
            us = override_us
            if us <= entity.high_us:
                self._refuse_used(entity, us)
                entity.unordered = True
        entity.high_us = max(entity.high_us, us)
        return us

    def _refuse_used(self, entity: Entity, us: int) -> None:
        serial = entity.serial if entity.serial >= self._journal.first else 0
        while serial:
            if self._journal.row(serial).updated_us == us:
                raise ControlError(
                    409,
                    "duplicate_key",
                    f"{entity.entity_id} already has an event at {us} µs",
                )
            serial = self._journal.previous(serial)


def recorded_attributes(attributes: dict[str, Any], encoded: bytes) -> bytes:
    """Return what the recorder keeps: without some keys, `{}` when too large."""
    if UNRECORDED_ATTRIBUTES & attributes.keys():
        kept = {
            key: value
            for key, value in attributes.items()
            if key not in UNRECORDED_ATTRIBUTES
        }
        encoded = msgspec.json.encode(kept)
    return encoded if len(encoded) <= MAX_RECORDED_ATTRIBUTES else b"{}"
