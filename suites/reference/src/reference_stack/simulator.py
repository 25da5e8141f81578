"""Drive the scripted Home Assistant and ask it what it has put on the wire."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import requests

from stackproof import Endpoint
from stackproof.influx import event_key

from .errors import BadAnswer, LedgerIncomplete

_CALL_SECONDS = 10.0
_CONTROL_SECONDS = 60.0
_LONGEST_WAIT = 25.0
_RUNNING = "running"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One event as the simulator's ledger has it.

    Attributes:
        serial: unique in the life of the simulator.
        state: None where the entity was removed.
        on_wire: at least one client was sent it.
        recorded: history returns it.
        intended_us: when it was due, for events of a load.
        run_id: the run that it belongs to.
    """

    serial: int
    entity_id: str
    time_us: int
    state: str | None
    on_wire: bool
    recorded: bool = False
    intended_us: int | None = None
    run_id: str = ""

    @property
    def key(self) -> str:
        """The key under which it must be stored."""
        return event_key(self.entity_id, self.time_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A stream of events that runs by itself.

    Attributes:
        entity_ids: the entities that change in turn.
    """

    job: int
    run_id: str
    entity_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Emitted:
    """One event that a request has made."""

    serial: int
    entity_id: str
    time_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulator:
    """The control API of one simulator."""

    endpoint: Endpoint

    def start(
        self,
        *,
        rate: float,
        run_id: str,
        entities: int = 50,
        count: int | None = None,
        prefix: str | None = None,
    ) -> Load:
        """Send `rate` events a second, on an absolute schedule, until stopped."""
        prefix = prefix or f"sensor.{run_id}"
        answer = self._post(
            "/_script/rate",
            {
                "rate": rate,
                "count": count,
                "entities": entities,
                "run_id": run_id,
                "prefix": prefix,
            },
        )
        names = tuple(f"{prefix}_{number}" for number in range(entities))
        return Load(job=answer["job"], run_id=run_id, entity_ids=names)

    def burst(
        self, count: int, *, entities: int, prefix: str, run_id: str = "run"
    ) -> None:
        """Send so many events in one turn of the event loop."""
        body = {"n": count, "entities": entities, "prefix": prefix, "run_id": run_id}
        self._post("/_script/burst", body)

    def emit(
        self, changes: Iterable[Mapping[str, Any]], *, run_id: str
    ) -> tuple[Emitted, ...]:
        """Set states in one turn of the event loop; return those that are events.

        Args:
            changes: as the control API takes them.
            run_id: the run that they belong to.
        """
        body = {"run_id": run_id, "changes": [dict(change) for change in changes]}
        return _emitted(self._post("/_script/emit", body))

    def remove(self, entity_ids: Iterable[str], *, run_id: str) -> tuple[Emitted, ...]:
        """Remove entities; return the events."""
        body = {"run_id": run_id, "entity_ids": list(entity_ids)}
        return _emitted(self._post("/_script/remove", body))

    def restart(self, *, crash: bool = False, **seconds: float) -> int:
        """Restart or kill Home Assistant, and return when it is up again.

        Args:
            crash: without an orderly end.
            **seconds: what differs from the usual timetable.

        Returns:
            how many rows the recorder has lost.
        """
        path = "/_script/kill" if crash else "/_script/restart"
        answer = self._post(path, {"wait": True, **seconds})
        return int(answer["recorder_rows_lost"])

    def cut(self) -> int:
        """Close all sockets without a word; return how many there were."""
        answer = self._post("/_script/cut", {})
        return len(answer["dropped"]) + int(answer["half_open_released"])

    def half_open(self) -> int:
        """Leave all sockets open and dead; return how many there were."""
        return len(self._post("/_script/half_open", {})["half_open"])

    def status(self) -> Any:
        """Return the status document."""
        return self._get("/_script/status").json()

    def wait_for_end(self, load: Load) -> None:
        """Return when a load with a count has sent all of it."""
        path = f"/_script/rate/{load.job}?wait={_LONGEST_WAIT}"
        while self._get(path).json()["state"] == _RUNNING:
            pass

    def stop(self, load: Load) -> None:
        """Stop a load; it is no error that it has ended."""
        self._post("/_script/stop", {"job": load.job})

    def revoke(self, token: str | None) -> int:
        """Accept another token from now on, or none; return how many it hit."""
        return len(self._post("/_script/auth", {"token": token})["dropped"])

    def sent(self, load: Load) -> tuple[Sent, ...]:
        """Return every event of a load, oldest first.

        Raises:
            LedgerIncomplete: the ledger has dropped old events, so nothing can be
                concluded from it.
        """
        return self.ledger(load.run_id)

    def ledger(self, run_id: str) -> tuple[Sent, ...]:
        """Return every event of a run, oldest first.

        Raises:
            LedgerIncomplete: the ledger has dropped old events, so nothing can be
                concluded from it.
        """
        answer = self._get(f"/_script/ledger?run_id={run_id}")
        if answer.headers["X-Ledger-Capped"] != "false":
            raise LedgerIncomplete(run_id)
        return tuple(_parse(answer.text.splitlines()))

    def _get(self, path: str) -> requests.Response:
        answer = requests.get(
            self.endpoint.url(path), timeout=_CALL_SECONDS + _LONGEST_WAIT
        )
        if not answer.ok:
            raise BadAnswer(answer.url, answer.status_code, answer.text)
        return answer

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        answer = requests.post(
            self.endpoint.url(path), json=body, timeout=_CONTROL_SECONDS
        )
        if not answer.ok:
            raise BadAnswer(answer.url, answer.status_code, answer.text)
        return answer.json()


def _emitted(answer: Any) -> tuple[Emitted, ...]:
    """Return the events of an answer; a change to what is already so is none."""
    return tuple(
        Emitted(
            serial=row["serial"],
            entity_id=row["entity_id"],
            time_us=row["last_updated_us"],
        )
        for row in answer["events"]
        if row["serial"] is not None
    )


def _parse(lines: Iterable[str]) -> Iterable[Sent]:
    for row in map(json.loads, lines):
        yield Sent(
            serial=row["serial"],
            entity_id=row["entity_id"],
            time_us=row["last_updated_us"],
            state=row["state"],
            on_wire=bool(row["on_wire"]),
            recorded=bool(row["recorded"]),
            intended_us=row["intended_us"],
            run_id=row["run_id"],
        )
