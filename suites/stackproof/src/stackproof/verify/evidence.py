"""Keep what a stack can tell about itself, before it is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from ..check import Result, Verdict
from ..compose import Compose
from ..events import Timeline
from ..evidence import unobservable
from ..report.record import Record, Surroundings
from ..report.scrub import scrubber_of
from .container import Inspected
from .stack import Stack
from .standing import Standing, Standings

if TYPE_CHECKING:
    from docker import DockerClient

LOG_LINES = 500
_RED = frozenset({Verdict.FAIL, Verdict.UNKNOWN})

T = TypeVar("T")


def surroundings(engine: DockerClient, compose: Compose) -> Surroundings:
    """Return what the engine says about itself and its host."""
    missing: list[str] = []
    silence: dict[str, Any] = {}
    info = _attempt("engine", engine.info, silence, missing)
    version = _attempt("version", lambda: compose("version", "--short"), "", missing)
    return Surroundings(
        engine=str(info.get("ServerVersion") or ""),
        compose=version.strip(),
        system=str(info.get("OperatingSystem") or ""),
        kernel=str(info.get("KernelVersion") or ""),
        cgroup_version=str(info.get("CgroupVersion") or ""),
        cpus=int(info.get("NCPU") or 0),
        memory_bytes=int(info.get("MemTotal") or 0),
    )


def keep_record(
    stack: Stack,
    results: Iterable[Result],
    *,
    around: Surroundings,
    until_ns: int | None,
) -> Record:
    """Return what is known of a stack; what cannot be observed is named instead.

    Logs are kept of services that a red case is about, and of those that are down.
    """
    missing: list[str] = []
    nothing = Standings(rows={})
    seen = _attempt("standing of the services", stack.look, nothing, missing)
    none: tuple[Inspected, ...] = ()
    rows = _attempt("inspect", partial(stack.containers), none, missing)
    scrub = scrubber_of(stack.contract.document)
    timeline = stack.recorder.timeline if stack.recorder else Timeline(events=())
    wanted = _in_trouble(seen, results)
    logs: dict[str, str] = {}
    for row in rows:
        if row.service in wanted:
            name = f"log of {row.name}"
            text = _attempt(name, partial(_log, stack, row.id), "", missing)
            logs[row.service] = logs.get(row.service, "") + scrub.text(text)
    return Record(
        run=stack.compose.project,
        surroundings=around,
        start_problem=stack.start_problem and scrub.text(stack.start_problem),
        notes=stack.notes,
        start_until_ns=until_ns,
        standings={name: row.reason for name, row in seen.rows.items()},
        events=timeline.events,
        events_ended=timeline.ended,
        inspect={row.name: scrub.evidence(dict(row.attrs)) for row in rows},
        logs=logs,
        not_observed=tuple(missing),
    )


def _in_trouble(seen: Standings, results: Iterable[Result]) -> frozenset[str]:
    down = {n for n, row in seen.rows.items() if row.standing is not Standing.SOUND}
    subjects = [r.case.claim.subject for r in results if r.verdict in _RED]
    named = {name for s in subjects for name in (s.service, s.peer) if name}
    return frozenset(down | named)


def _log(stack: Stack, container: str) -> str:
    said: bytes = stack.engine.api.logs(
        container, stdout=True, stderr=True, timestamps=True, tail=LOG_LINES
    )
    return said.decode("utf-8", errors="replace")


def _attempt(name: str, step: Callable[[], T], otherwise: T, missing: list[str]) -> T:
    try:
        return step()
    except unobservable() as err:
        missing.append(f"{name}: {err}")
        return otherwise
