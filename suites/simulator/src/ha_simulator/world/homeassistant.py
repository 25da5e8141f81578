"""The scripted Home Assistant as a whole: no socket, no clock, only rules.

Whoever calls passes the time. Clients are `Listener`s; the shell gives them a
socket.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from ..errors import ControlError
from .contexts import Contexts
from .journal import Journal
from .ledger import Ledger
from .recorder import Recorder
from .shapes import Shapes
from .states import Entity, StateMachine, Wanted
from .timestamps import SECOND, isoformat
from .wire import WireLog

STATE_CHANGED: Final = "state_changed"
MATCH_ALL: Final = "*"
RETURN_RUN: Final = "homeassistant_start"
"""Run id of the events by which entities come back after a restart."""


class CoreState(StrEnum):
    """`state` of Home Assistant's configuration, plus DOWN: no process is there."""

    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    DOWN = "DOWN"
    NOT_RUNNING = "NOT_RUNNING"
    STARTING = "STARTING"


class Listener(Protocol):
    """A connected client that may want events."""

    def wants(self, event_type: str) -> list[bytes]:
        """Return the message tails of the subscriptions that match."""

    def push(self, message: bytes, now_us: int) -> None:
        """Queue one message that is no journalled event."""

    def push_events(self, messages: Sequence[bytes], first: int, now_us: int) -> None:
        """Queue the messages of journalled events, whose serials begin at *first*."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What this Home Assistant says about itself; latitude and longitude in degrees."""

    version: str = "2026.2.3"
    latitude: float = 52.3731
    longitude: float = 4.8903
    location_name: str = "Simulated Home"
    user_id: str = "5a1e0a7f00d04b6c8f0e0c0ffee00001"


@dataclass(slots=True)
class Watch:
    """A live history stream: *notify* runs for each change of these entities."""

    entity_ids: frozenset[str]
    notify: Callable[[Entity], None] = field(repr=False)


class HomeAssistant:
    """States, recorder and subscriptions of one simulated installation.

    Args:
        token: the access token that is valid; None refuses everybody.
        now_us: the current time.
        commit_us: the recorder's commit interval, 5 s in Home Assistant.
        journal: where events are remembered; by default one of the usual size.
    """

    def __init__(
        self,
        *,
        token: str | None,
        now_us: int,
        identity: Identity | None = None,
        commit_us: int = 5 * SECOND,
        journal: Journal | None = None,
    ) -> None:
        self.identity = identity or Identity()
        self.token = token
        self.core_state = CoreState.RUNNING
        self.history_loaded = True
        self.entities_loaded = True
        self.wire = WireLog()
        self.shapes = Shapes()
        self.journal = journal or Journal()
        self._contexts = Contexts(seed=now_us)
        self.states = StateMachine(self.journal, self.shapes, self._contexts)
        self.recorder = Recorder(
            self.journal, self.shapes, commit_us=commit_us, now_us=now_us
        )
        self.ledger = Ledger(
            self.journal, self.shapes, self.states, self.recorder, self.wire
        )
        self._listeners: list[Listener] = []
        self._routes: list[tuple[Listener, bytes]] = []
        self._watches: list[Watch] = []
        self._absent: list[Entity] = []

    @property
    def answering(self) -> bool:
        """Is there a process that answers requests?"""
        return self.core_state is not CoreState.DOWN

    @property
    def emitting(self) -> bool:
        """Are the entities there, so that states can change?"""
        return self.answering and self.entities_loaded

    # -- clients ---------------------------------------------------------------

    def join(self, listener: Listener) -> None:
        """Let *listener* take part; call `reroute` when its wishes change."""
        self._listeners.append(listener)
        self.reroute()

    def leave(self, listener: Listener) -> None:
        """Forget *listener*; harmless when it left already."""
        if listener in self._listeners:
            self._listeners.remove(listener)
            self.reroute()

    def reroute(self) -> None:
        """Work out anew who gets state changes."""
        self._routes = [
            (listener, tail)
            for listener in self._listeners
            for tail in listener.wants(STATE_CHANGED)
        ]

    def watch(self, watch: Watch) -> None:
        """Start a live history stream."""
        self._watches.append(watch)

    def unwatch(self, watch: Watch) -> None:
        """End a live history stream; harmless when it ended already."""
        if watch in self._watches:
            self._watches.remove(watch)

    # -- changes ---------------------------------------------------------------

    def generate(
        self,
        entity: Entity,
        shape: int,
        now_us: int,
        *,
        intended_us: int = 0,
        record: bool = True,
    ) -> int:
        """Emit the next generated state of *entity*; return the event's serial."""
        self.generate_all(
            [entity],
            shape,
            now_us,
            updated_us=[now_us],
            intended_us=[intended_us],
            record=record,
        )
        return self.journal.last

    def generate_all(
        self,
        entities: Sequence[Entity],
        shape: int,
        now_us: int,
        *,
        updated_us: Sequence[int],
        intended_us: Sequence[int],
        record: bool = True,
    ) -> None:
        """Emit the next generated states of *entities*, in this order.

        Their `last_updated` is *updated_us*, or a microsecond after their last one;
        *intended_us* is 0 for what no schedule asked for.
        """
        self.recorder.advance(now_us)
        # A live history stream reads an entity's newest state: one event at a time.
        most = 1 if self._watches else len(entities)
        for start in range(0, len(entities), most or 1):
            part = slice(start, start + most)
            first = self.journal.next
            bodies = self.states.generate(
                entities[part],
                shape,
                updated_us[part],
                intended_us=intended_us[part],
                record=record,
            )
            self._publish(entities[part], first, bodies, now_us)

    def set(self, wanted: Wanted, now_us: int) -> int | None:
        """Set a state by hand; None when it is what the entity has already.

        Raises:
            ControlError: Home Assistant is down, or the key is taken (status 409).
        """
        self._must_emit()
        self.recorder.advance(now_us)
        done = self.states.set(wanted, now_us)
        if done is None:
            return None
        serial, body = done
        self._publish([self.states.entity(wanted.entity_id)], serial, [body], now_us)
        return serial

    def remove(self, entity_id: str, run_id: str, now_us: int) -> int | None:
        """Remove an entity; None when there is none.

        Raises:
            ControlError: Home Assistant is down (status 409).
        """
        self._must_emit()
        self.recorder.advance(now_us)
        entity = self.states.find(entity_id)
        if entity is None:
            return None
        done = self.states.remove(entity, self.shapes.number(run_id), now_us)
        if done is None:
            return None
        serial, body = done
        self._publish([entity], serial, [body], now_us)
        return serial

    def fire(self, event_type: str, now_us: int) -> None:
        """Fire an event without data, such as `homeassistant_started`."""
        message = b"".join(
            (
                b'{"type":"event","event":{"event_type":',
                msgspec.json.encode(event_type),
                b',"data":{},"origin":"LOCAL","time_fired":"',
                isoformat(now_us),
                b'","context":',
                self._contexts.next(now_us),
                b"}",
            )
        )
        for listener in list(self._listeners):
            for tail in listener.wants(event_type):
                listener.push(message + tail, now_us)

    def _publish(
        self,
        entities: Sequence[Entity],
        first: int,
        bodies: Sequence[bytes],
        now_us: int,
    ) -> None:
        for listener, tail in self._routes:
            listener.push_events([body + tail for body in bodies], first, now_us)
        for watch in self._watches:
            for entity in entities:
                if entity.entity_id in watch.entity_ids:
                    watch.notify(entity)

    def _must_emit(self) -> None:
        if not self.emitting:
            raise ControlError(
                409, "not_running", f"no entities while {self.core_state}"
            )

    # -- life ------------------------------------------------------------------

    def begin_stop(self) -> None:
        """Enter STOPPING: clients are gone, changes still reach the recorder."""
        self.core_state = CoreState.STOPPING

    def finish_stop(self, now_us: int) -> None:
        """Write what the recorder holds and be gone."""
        self.recorder.advance(now_us)
        self.recorder.commit()
        self._go_down()

    def crash(self, now_us: int) -> int:
        """Be gone at once; return how many recorder rows that lost."""
        self.recorder.advance(now_us)
        lost = self.recorder.crash()
        self._go_down()
        return lost

    def boot(self) -> None:
        """Answer again, in NOT_RUNNING and without history and entities."""
        self.core_state = CoreState.NOT_RUNNING

    def load_history(self) -> None:
        """Let the history commands exist."""
        self.history_loaded = True

    def begin_start(self, now_us: int) -> None:
        """Enter STARTING."""
        self.core_state = CoreState.STARTING
        self.fire("homeassistant_start", now_us)

    def load_entities(self) -> None:
        """Let states change again; absent entities wait for `bring_back`."""
        self.entities_loaded = True

    def bring_back(self, count: int, now_us: int) -> int:
        """Bring back up to *count* entities, old_state null; return how many wait."""
        shape = self.shapes.number(RETURN_RUN, unit="W")
        batch, self._absent = self._absent[:count], self._absent[count:]
        for entity in batch:
            if entity.current is not None:
                continue
            if entity.given is None or entity.state is None:
                self.generate(entity, shape, now_us)
                continue
            self.set(
                Wanted(
                    entity_id=entity.entity_id,
                    state=entity.state,
                    attributes=entity.given,
                    shape=shape,
                ),
                now_us,
            )
        return len(self._absent)

    def finish_start(self, now_us: int) -> None:
        """Enter RUNNING."""
        self.core_state = CoreState.RUNNING
        self.fire("homeassistant_started", now_us)

    def _go_down(self) -> None:
        self.core_state = CoreState.DOWN
        self.history_loaded = False
        self.entities_loaded = False
        self._absent = [*self._absent, *self.states.forget()]
