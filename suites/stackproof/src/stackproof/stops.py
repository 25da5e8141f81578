"""Read from recorded events how containers ended (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .events import Event

_SIGKILL = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One end of one container.

    Attributes:
        exit_code: of the main process; 128 + n says that signal n ended it.
        signal: first signal that was sent in this life, None for an end by itself.
        seconds: from that signal to the end, None for an end by itself.
        forced: SIGKILL followed a gentler signal: the grace period was used up.
    """

    service: str
    container: str
    exit_code: int | None
    signal: int | None
    seconds: float | None
    forced: bool

    def __str__(self) -> str:
        how = "by itself" if self.signal is None else f"by signal {self.signal}"
        took = "" if self.seconds is None else f" in {self.seconds:.3f} s"
        forced = ", forced with SIGKILL" if self.forced else ""
        return f"{self.service} ended {how}{took}, exit code {self.exit_code}{forced}"


def stops(events: Iterable[Event], *, after_ns: int = 0) -> tuple[Stop, ...]:
    """Return every end after the stamp `after_ns`, in order of time."""
    signals: dict[str, list[Event]] = {}
    found = []
    for event in sorted(events, key=lambda event: event.time_ns):
        if event.action == "start":
            signals[event.container] = []
        elif event.action == "kill":
            signals.setdefault(event.container, []).append(event)
        elif event.action == "die" and event.time_ns > after_ns:
            found.append(_stop(event, signals.get(event.container, [])))
    return tuple(found)


def _stop(end: Event, sent: list[Event]) -> Stop:
    first = sent[0] if sent else None
    return Stop(
        service=end.service,
        container=end.container,
        exit_code=end.exit_code,
        signal=first.signal if first else None,
        seconds=(end.time_ns - first.time_ns) / 1e9 if first else None,
        forced=any(event.signal == _SIGKILL for event in sent[1:]),
    )
