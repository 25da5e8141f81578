"""The engine's own record of what happened, with its nanosecond stamps.

Open the recorder before `up`: the stream starts at subscription, and order is proven
from what was recorded, never from polling.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from . import sdk
from .errors import EventsLost, ModelError, StackproofError, WaitFailed
from .model import Health
from .wait import Clock, wait_until

if TYPE_CHECKING:
    from docker import DockerClient

_LABEL = "com.docker.compose."
_HEALTH_STATUS = "health_status"
_CLOSING_SECONDS = 5.0
_EVERY_SECONDS = 0.05
_SHOWN = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to a container of the project.

    Attributes:
        time_ns: the engine's stamp, nanoseconds since 1970.
        service: name in the Compose file.
        container: container id.
        action: create, start, kill, die, stop, health_status, oom, pause, …
        exit_code: only with die.
        signal: only with kill.
        health: only with health_status.
        one_off: made by `compose run`, so not part of the promised set.
    """

    time_ns: int
    service: str
    container: str
    action: str
    exit_code: int | None = None
    signal: int | None = None
    health: Health | None = None
    one_off: bool = False

    def __str__(self) -> str:
        facts = {
            "exit code": self.exit_code,
            "signal": self.signal,
            "is": self.health,
        }
        told = [f"{name} {value}" for name, value in facts.items() if value is not None]
        return " ".join([self.service, self.action, *told])


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The record so far, and why it ended if it did."""

    events: tuple[Event, ...]
    ended: str | None = None

    def __str__(self) -> str:
        start = self.events[0].time_ns if self.events else 0
        lines = [
            f"+{(event.time_ns - start) / 1e9:8.3f} s {event}"
            for event in self.events[-_SHOWN:]
        ]
        if self.ended:
            lines.append(f"stream ended: {self.ended}")
        return "\n".join(lines) or "no event"


class EventStream(Protocol):
    """What the docker SDK returns for an open event stream."""

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Yield events until the stream ends."""
        ...

    def close(self) -> None:
        """End the stream from another thread."""
        ...


class EventRecorder:
    """Records one project's container events from `__enter__` to `__exit__`."""

    def __init__(self, open_stream: Callable[[], EventStream]) -> None:
        self._open = open_stream
        self._events: list[Event] = []
        self._ended: str | None = None
        self._closing = threading.Event()
        self._reader = threading.Thread(
            target=self._read, name="stackproof-events", daemon=True
        )

    @classmethod
    def of_project(cls, engine: DockerClient, project: str) -> Self:
        """Return a recorder that listens to the engine."""
        return cls(lambda: open_stream(engine, project))

    def __enter__(self) -> Self:
        """Subscribe; when this returns, no later event can be missed."""
        self._stream = self._open()
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the stream and wait for the reader's end; the record stays."""
        self._closing.set()
        if self._reader.is_alive():
            # The SDK takes the socket apart; it stumbles when the engine was faster.
            with suppress(AttributeError, OSError):
                self._stream.close()
        self._reader.join(_CLOSING_SECONDS)

    @property
    def timeline(self) -> Timeline:
        """The record so far, whole or not."""
        return Timeline(events=tuple(self._events), ended=self._ended)

    @property
    def events(self) -> tuple[Event, ...]:
        """The record so far.

        Raises:
            EventsLost: the stream ended by itself, so events may be missing and nothing
                can be judged from the rest.
        """
        timeline = self.timeline
        if timeline.ended:
            raise EventsLost(timeline.ended)
        return timeline.events

    def wait_for(
        self,
        wanted: Callable[[Event], bool],
        *,
        timeout: float,
        after_ns: int = 0,
        clock: Clock | None = None,
    ) -> Event:
        """Return the first recorded event that is wanted, waiting up to `timeout` s.

        Events up to the stamp `after_ns` are passed over, so that a repeated action can
        be told from the first.

        Raises:
            WaitTimeout: it did not come; holds the time line.
            EventsLost: the stream ended by itself.
        """

        def first(timeline: Timeline) -> Event | None:
            later = (event for event in timeline.events if event.time_ns > after_ns)
            return next(filter(wanted, later), None)

        def wanted_event(timeline: Timeline) -> bool:
            return first(timeline) is not None

        def stream_ended(timeline: Timeline) -> bool:
            return timeline.ended is not None and first(timeline) is None

        try:
            seen = wait_until(
                lambda: self.timeline,
                wanted_event,
                failed=stream_ended,
                timeout=timeout,
                every=_EVERY_SECONDS,
                clock=clock,
            )
        except WaitFailed as err:
            raise EventsLost(self._ended or "") from err
        found = first(seen)
        if found is None:  # `wanted_event` has just seen it
            raise EventsLost("the record shrank")
        return found

    def _read(self) -> None:
        reason = "the engine closed it"
        try:
            for raw in self._stream:
                event = parse_event(raw)
                if event is not None:
                    self._events.append(event)
        except (
            sdk.DockerException,
            sdk.RequestException,
            sdk.HTTPError,
            StackproofError,
            ValueError,
        ) as err:
            reason = repr(err)
        if not self._closing.is_set():
            self._ended = reason


def open_stream(engine: DockerClient, project: str) -> EventStream:
    """Subscribe to the container events of one project, from the engine's now on."""
    now = str(engine.info()["SystemTime"])
    # The engine takes fractions of a second here; the type stubs know whole ones only.
    stream: EventStream = engine.events(  # type: ignore[call-overload]
        since=engine_time(now),
        filters={"type": "container", "label": f"{_LABEL}project={project}"},
        decode=True,
    )
    return stream


def engine_time(text: str) -> str:
    """Turn the engine's RFC 3339 time into the seconds that its event filter takes."""
    return f"{datetime.fromisoformat(text).timestamp():.6f}"


def parse_event(raw: Mapping[str, Any]) -> Event | None:
    """Return what a line of the stream says, or None for events of no interest.

    Health checks and `exec` announce each command that they run; those are left out.

    Raises:
        ModelError: a stamp or number is missing or malformed.
    """
    action = str(raw.get("Action") or raw.get("status") or "")
    if raw.get("Type") != "container" or action.startswith("exec_"):
        return None
    actor = raw.get("Actor") or {}
    labels: Mapping[str, str] = actor.get("Attributes") or {}
    name, _, detail = action.partition(": ")
    try:
        return Event(
            time_ns=int(raw["timeNano"]),
            service=labels.get(f"{_LABEL}service", ""),
            container=str(actor.get("ID", "")),
            action=name,
            exit_code=_number(labels, "exitCode") if name == "die" else None,
            signal=_number(labels, "signal") if name == "kill" else None,
            health=Health(detail) if name == _HEALTH_STATUS else None,
            one_off=labels.get(f"{_LABEL}oneoff") == "True",
        )
    except (KeyError, ValueError) as err:
        raise ModelError(f"event {action!r}", repr(err)) from err


def to_json_lines(events: Iterable[Event]) -> str:
    """Return the record as one JSON object a line, for the evidence."""
    return "".join(f"{json.dumps(asdict(event))}\n" for event in events)


def read_json_lines(text: str) -> tuple[Event, ...]:
    """Return the record that `to_json_lines` wrote.

    Raises:
        ModelError: a line holds no event.
    """
    found = []
    for line in text.splitlines():
        try:
            fields = json.loads(line)
            health = fields.get("health")
            fields["health"] = None if health is None else Health(health)
            found.append(Event(**fields))
        except (ValueError, TypeError, AttributeError) as err:
            raise ModelError("recorded event", repr(err)) from err
    return tuple(found)


def _number(attributes: Mapping[str, str], name: str) -> int | None:
    value = attributes.get(name)
    return None if value is None else int(value)
