"""Watch from outside, ten times a second, what is ready and what is counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import requests

from .observation import Counts

_EVERY_SECONDS = 0.1
_LISTEN_SECONDS = 0.5
_CALL_SECONDS = 5.0
_COUNTS = (
    "received",
    "forwarded",
    "pending",
    "written",
    "merged",
    "dead_lettered",
    "expired",
)
_OK = 200
_READY = "ready"
_STARTING = "starting"


@dataclass(frozen=True, slots=True)
class Sample:
    """Which services were ready at one moment, microseconds since 1970."""

    at_us: int
    ready: frozenset[str]


Reach = Callable[[str], str | None]
"""Returns the base URL of a service; None while its port is not published."""


class Vitals:
    """Watches from `__enter__` to `__exit__`.

    Args:
        paths: service to the path that answers 200 while it is ready.
        counting: the service whose /v1/stats are read too.
        telling: the service whose /api/v1/health says how the others are.
        token: opens it.
        reach: where a service is; asked again after each failure.
    """

    def __init__(
        self,
        paths: Mapping[str, str],
        *,
        counting: str,
        telling: str,
        token: str,
        reach: Reach,
    ) -> None:
        self._paths = paths
        self._counting = counting
        self._telling = telling
        self._headers = {"Authorization": f"Bearer {token}"}
        self._reach = reach
        self._known: dict[str, str] = {}
        self._samples: list[Sample] = []
        self._told: list[Sample] = []
        self._counts: list[Counts] = []
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=run, name=f"vitals-{name}", daemon=True)
            for name, run in (
                ("ready", self._watch),
                ("counts", self._count),
                ("told", self._listen),
            )
        ]

    def __enter__(self) -> Self:
        """Begin to watch."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop watching; the record stays."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    @property
    def samples(self) -> tuple[Sample, ...]:
        """What was ready, in order."""
        return tuple(self._samples)

    @property
    def told(self) -> tuple[Sample, ...]:
        """What was said to be ready, in order."""
        return tuple(self._told)

    @property
    def counts(self) -> tuple[Counts, ...]:
        """What was counted, in order."""
        return tuple(self._counts)

    def _watch(self) -> None:
        with requests.Session() as session:
            while not self._over.wait(_EVERY_SECONDS):
                at_us = now_us()
                ready = {
                    name
                    for name, path in self._paths.items()
                    if (answer := self._get(session, name, path)) is not None
                    and answer.status_code == _OK
                }
                self._samples.append(Sample(at_us, frozenset(ready)))

    def _count(self) -> None:
        with requests.Session() as session:
            while not self._over.wait(_EVERY_SECONDS):
                answer = self._get(session, self._counting, "/v1/stats")
                if answer is None or answer.status_code != _OK:
                    continue
                stats = answer.json()
                if stats["status"] != _STARTING:  # it has not read its counters yet
                    self._counts.append(counts_of(stats))

    def _listen(self) -> None:
        with requests.Session() as session:
            session.headers.update(self._headers)
            while not self._over.wait(_LISTEN_SECONDS):
                at_us = now_us()
                answer = self._get(session, self._telling, "/api/v1/health")
                if answer is not None and answer.status_code == _OK:
                    rows = answer.json()["services"]
                    ready = {row["name"] for row in rows if row["status"] == _READY}
                    self._told.append(Sample(at_us, frozenset(ready)))

    def _get(
        self,
        session: requests.Session,
        name: str,
        path: str,
    ) -> requests.Response | None:
        base = self._known.get(name) or self._reach(name)
        if base is None:
            return None
        try:
            answer = session.get(f"{base}{path}", timeout=_CALL_SECONDS)
        except requests.RequestException:
            self._known.pop(name, None)
            return None
        self._known[name] = base
        return answer


def counts_of(stats: Mapping[str, Any]) -> Counts:
    """Return the counters of a /v1/stats document."""
    events = stats["events"]
    return Counts(at_us=now_us(), **{name: int(events[name]) for name in _COUNTS})


def ready_for_good(
    samples: Iterable[Sample],
    services: frozenset[str],
    *,
    after_us: int,
    until_us: int | None = None,
) -> int | None:
    """Return from when on all services were ready, until the end of a time (pure).

    None when they were not at its end, or nothing was seen in it.
    """
    since: int | None = None
    for sample in samples:
        if sample.at_us < after_us or (until_us and sample.at_us > until_us):
            continue
        if not services <= sample.ready:
            since = None
        elif since is None:
            since = sample.at_us
    return since


def silent(
    samples: tuple[Sample, ...], told: tuple[Sample, ...], service: str
) -> float:
    """Return the longest time that a service was told ready while it was not (pure).

    In seconds, from the first to the last of such statements without another between.
    """
    longest = 0.0
    since: int | None = None
    moments = iter(samples)
    now = next(moments, None)
    for statement in told:
        while now is not None and now.at_us < statement.at_us:
            now = next(moments, None)
        if now is None:
            break
        if service in statement.ready and service not in now.ready:
            since = statement.at_us if since is None else since
            longest = max(longest, (statement.at_us - since) / 1e6)
        else:
            since = None
    return longest


def now_us() -> int:
    """Return microseconds since 1970 by this machine's clock."""
    return time.time_ns() // 1000
