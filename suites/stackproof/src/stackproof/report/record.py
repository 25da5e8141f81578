"""What a run leaves beside its results: plain data, secrets already hidden."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The engine and the host that a run saw; empty or 0 where they do not tell."""

    engine: str = ""
    compose: str = ""
    system: str = ""
    kernel: str = ""
    cgroup_version: str = ""
    cpus: int = 0
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What was kept of a stack before it went.

    Attributes:
        run: name of the project that ran; "" when nothing was started.
        surroundings: engine and host.
        start_problem: what Compose said when the start failed.
        notes: what was changed to keep an owned stack apart.
        start_until_ns: when the start was over, as the host's clock says.
        standings: service to how it stood at the end.
        events: the engine's events.
        events_ended: why the record of events has a hole, if it has.
        inspect: container name to its inspect document.
        logs: service to the last lines of its log; only those in trouble.
        not_observed: pieces that could not be had, and why.
    """

    run: str = ""
    surroundings: Surroundings = field(default_factory=Surroundings)
    start_problem: str | None = None
    notes: tuple[str, ...] = ()
    start_until_ns: int | None = None
    standings: Mapping[str, str] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    events_ended: str | None = None
    inspect: Mapping[str, Any] = field(default_factory=dict)
    logs: Mapping[str, str] = field(default_factory=dict)
    not_observed: tuple[str, ...] = ()
