"""Events of a real Home Assistant, made by its service `burst.fire`.

What it has made is read from its recorder afterwards. Whether an event was on the wire
it does not tell; what the recorder holds must be stored in any case.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import requests
from websockets.sync.client import ClientConnection, connect

from ..errors import BadAnswer, SourceForgets
from ..homeassistant import Change, HomeAssistant, micros
from ..simulator import Sent
from .observation import Told
from .vitals import now_us

_ENTITIES: Final = 50
_EVERY_SECONDS: Final = 0.1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_FRAME: Final = 64 * 2**20
_ANSWER_SECONDS: Final = 60.0
_MARGIN: Final = timedelta(seconds=1)
_UNREACHABLE: Final = (BadAnswer, requests.RequestException, OSError)


@dataclass(slots=True, kw_only=True)
class HomeAssistantTraffic:
    """Events of one run on a real Home Assistant.

    Attributes:
        home: returns where it is now, with a token.
    """

    home: Callable[[], HomeAssistant]
    run_id: str = field(default_factory=lambda: f"run{secrets.token_hex(4)}")
    since_us: int = field(default_factory=now_us)
    _next: int = 0
    _accepted: int = 0
    _last: int = -1
    _named: set[str] = field(default_factory=set)
    _over: threading.Event = field(default_factory=threading.Event)
    _may_send: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    @property
    def pattern(self) -> str:
        """The service's entities, which all runs share, and the run's own."""
        return rf"^sensor\.(burst|{self.run_id})_"

    @property
    def scope(self) -> tuple[str, ...]:
        """The same with a `*`."""
        return ("sensor.burst_*", f"sensor.{self.run_id}_*")

    def begin(self, rate: float) -> None:
        """Call the service ten times a second, on an absolute schedule."""
        self._may_send.set()
        self._thread = threading.Thread(
            target=self._send, args=(rate,), name="home-traffic", daemon=True
        )
        self._thread.start()

    def end(self) -> None:
        """Send no more."""
        self._over.set()
        self._may_send.set()
        if self._thread is not None:
            self._thread.join()

    def pause(self) -> None:
        """Let no call be under way while Home Assistant ends."""
        self._may_send.clear()
        with self._lock:
            pass

    def resume(self) -> None:
        """Call again."""
        self._may_send.set()

    def burst(self, count: int) -> None:
        """Fire so many in one call."""
        self._fire(count)

    def emitted(self) -> int:
        """Return how many changes Home Assistant has confirmed."""
        return self._accepted

    def say(self, changes: Iterable[Mapping[str, Any]]) -> tuple[Told, ...]:
        """Set states over REST; the answers tell their times."""
        return tuple(self._told(change) for change in changes)

    def settled(self) -> bool:
        """Whether the recorder has committed the last change."""
        if self._last < 0:
            return True
        entity = f"sensor.burst_{self._last % _ENTITIES}"
        rows = self._history((entity,))[entity]
        return any(row["s"] == str(self._last) for row in rows)

    def sent(self) -> tuple[Sent, ...]:
        """Return what the recorder holds of the run.

        Raises:
            SourceForgets: a change that was confirmed is not in it.
        """
        names = [f"sensor.burst_{number}" for number in range(_ENTITIES)]
        history = self._history((*names, *sorted(self._named)))
        found = sorted(
            (sent for name, rows in history.items() for sent in _sent(name, rows)),
            key=lambda sent: (sent.time_us, sent.serial),
        )
        fired = {sent.serial for sent in found if sent.entity_id in set(names)}
        missing = self._accepted - len(self._named) - len(fired)
        if missing > 0:
            raise SourceForgets(self.run_id, missing)
        return tuple(found)

    def stamped(self, event: Sent) -> bool:
        """All changes of the run are made with a serial."""
        return event.serial >= 0

    def _send(self, rate: float) -> None:
        begun = time.monotonic()
        sent = 0
        while not self._over.wait(_EVERY_SECONDS):
            if not self._may_send.is_set():
                self._may_send.wait()
                begun, sent = time.monotonic(), 0
                continue
            due = int((time.monotonic() - begun) * rate) - sent
            if due > 0:
                sent += due
                try:
                    self._fire(due)
                except _UNREACHABLE:
                    continue  # not confirmed: it is not counted

    def _fire(self, count: int) -> None:
        with self._lock:
            if not self._may_send.is_set():
                return
            first = self._next
            self._next += count
            self.home().call(
                "/api/services/burst/fire",
                {
                    "count": count,
                    "entities": _ENTITIES,
                    "first_serial": first,
                    "run_id": self.run_id,
                },
            )
            self._accepted += count
            self._last = first + count - 1

    def _told(self, change: Mapping[str, Any]) -> Told:
        attributes = {**change.get("attributes", {}), "run_id": self.run_id}
        with self._lock:
            serial = _NAMED_SERIALS + len(self._named)
            attributes["serial"] = serial
            entity_id = str(change["entity_id"])
            answer = self.home().set_state(
                Change(
                    entity_id=entity_id,
                    state=str(change["state"]),
                    attributes=attributes,
                )
            )
            if entity_id not in self._named:
                self._named.add(entity_id)
                self._accepted += 1
        return Told(
            entity_id=entity_id,
            time_us=micros(answer["last_updated"]),
            state=str(change["state"]),
            attributes=attributes,
        )

    def _history(self, entities: tuple[str, ...]) -> Mapping[str, list[Any]]:
        begun = _EPOCH + timedelta(microseconds=self.since_us)
        home = self.home()
        with connect(
            home.endpoint.url("/api/websocket", scheme="ws"),
            compression=None,
            max_size=_MAX_FRAME,
            proxy=None,
        ) as socket:
            _hear(socket)
            _ask(socket, {"type": "auth", "access_token": home.token})
            answer = _ask(
                socket,
                {
                    "id": 1,
                    "type": "history/history_during_period",
                    "start_time": begun.isoformat(),
                    "end_time": (datetime.now(UTC) + _MARGIN).isoformat(),
                    "entity_ids": list(entities),
                    "include_start_time_state": False,
                    "significant_changes_only": False,
                    "minimal_response": False,
                    "no_attributes": False,
                },
            )
        if not answer.get("success"):
            raise BadAnswer("history_during_period", 0, json.dumps(answer))
        result: dict[str, list[Any]] = answer["result"]
        return {name: result.get(name, []) for name in entities}


_NAMED_SERIALS: Final = 10_000_000
"""Serials of changes that were made one by one begin here."""


def _sent(entity_id: str, rows: Iterable[Mapping[str, Any]]) -> Iterator[Sent]:
    """Yield the events of an entity as the recorder has them (pure)."""
    for row in rows:
        moment = datetime.fromtimestamp(row["lu"], UTC) - _EPOCH
        serial = row["a"].get("serial")
        yield Sent(
            serial=-1 if serial is None else int(serial),
            entity_id=entity_id,
            time_us=moment // timedelta(microseconds=1),
            state=row["s"],
            on_wire=True,
            recorded=True,
        )


def _hear(socket: ClientConnection) -> Any:
    return json.loads(socket.recv(timeout=_ANSWER_SECONDS))


def _ask(socket: ClientConnection, message: Mapping[str, Any]) -> Any:
    socket.send(json.dumps(message))
    return _hear(socket)
