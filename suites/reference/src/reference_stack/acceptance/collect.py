"""Read back all that a run has left; what cannot be read is named, not guessed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import requests
from docker.errors import DockerException
from msgspec import structs

from stackproof import StackproofError, Stop, stops
from stackproof.checks.limit_observe import fresh_limits
from stackproof.oracle import FaultProof, GapRow

from ..errors import ReferenceStackError
from ..project import DATABASE, LONG_RUNNING, SourceKind
from .observation import Memory, Observation, Row
from .vitals import Sample, counts_of, ready_for_good, silent
from .world import ADMIN, World

T = TypeVar("T")

UNREADABLE = (
    ReferenceStackError,
    StackproofError,
    DockerException,
    requests.RequestException,
    OSError,
    LookupError,
    ValueError,
)
"""What may come in place of something that is read back."""

_NOTICE_SECONDS = 6.0
_EVENTS = "200"
_GAPS = "1000"
_CRASH = re.compile(
    r"Traceback \(most recent call last\)|^panic:|fatal error:", re.MULTILINE
)
_LONGEST_LINE = 200


def look_back(world: World, seen: Observation) -> Observation:
    """Return an observation completed by what can be read now that all is healed."""
    missing: dict[str, str] = dict(seen.missing)

    def read(part: str, look: Callable[[], T], otherwise: T) -> T:
        try:
            return look()
        except UNREADABLE as err:
            missing[part] = f"{type(err).__name__}: {err}"
            return otherwise

    told = tuple(world.told)
    stats = read("stats", world.stats, None)
    known = frozenset(gap.id for gap in seen.gaps)
    nothing: tuple[Row, ...] = ()
    rows = read(
        "rows",
        lambda: world.database.rows(
            world.traffic.pattern,
            [change.key for change in told],
            since_us=world.traffic.since_us,
        ),
        nothing,
    )
    samples = world.vitals.samples if world.vitals else ()
    said = world.vitals.told if world.vitals else ()
    return replace(
        seen,
        sent=read("sent", world.traffic.sent, ()),
        rows=rows,
        told=told,
        counts=world.vitals.counts if world.vitals else (),
        after=None if stats is None else counts_of(stats),
        gaps=read("gaps", lambda: gaps_of(world, but=known), ()),
        gap_totals={} if stats is None else stats.get("gaps", {}),
        proofs=tuple(with_recovery(world.proofs, samples)),
        silent=silences(samples, said),
        admin=read("admin", lambda: admin_view(world), {}),
        memory=read("memory", lambda: memory_of(world), {}),
        spool={} if stats is None else stats["spool"],
        missing=missing,
    )


def listen_back(world: World, seen: Observation, *, since_ns: int) -> Observation:
    """Return an observation completed by the stops since a stamp, and by all logs."""
    missing: dict[str, str] = dict(seen.missing)
    ends: tuple[Stop, ...] = ()
    secrets: tuple[str, ...] = ()
    crashes: tuple[str, ...] = ()
    texts: Mapping[str, str] = {}
    try:
        ends = stops(world.proof.events.events, after_ns=since_ns)
    except UNREADABLE as err:
        missing["stops"] = str(err)
    try:
        texts = logs_of(world, since_us=seen.started_us)
        secrets = tuple(told_secrets(world, texts, seen.admin))
        crashes = tuple(crashes_in(texts))
    except UNREADABLE as err:
        missing["logs"] = str(err)
    return replace(
        seen,
        stops=ends,
        grace_seconds=world.stack.model.services[DATABASE].stop_grace_seconds,
        secrets_seen=secrets,
        logs=texts,
        crashes=crashes,
        missing=missing,
    )


def with_recovery(
    proofs: Sequence[FaultProof], samples: tuple[Sample, ...]
) -> Iterator[FaultProof]:
    """Yield faults with the time from which on all was ready again (pure).

    That is until the next fault began, or until nobody looked any more.
    """
    for proof in proofs:
        later = [
            other.started_us for other in proofs if other.started_us > proof.started_us
        ]
        ready = ready_for_good(
            samples,
            frozenset(LONG_RUNNING),
            after_us=proof.over_us or proof.started_us,
            until_us=min(later, default=None),
        )
        yield structs.replace(proof, ready_us=ready)


def gaps_of(world: World, *, but: frozenset[int] = frozenset()) -> tuple[GapRow, ...]:
    """Return the rows of the gap ledger, those with known ids left out."""
    answer = world.admin.get("/gaps", {"limit": _GAPS})
    return tuple(gap_of(row) for row in answer["gaps"] if row["id"] not in but)


def gap_of(row: Mapping[str, Any]) -> GapRow:
    """Return one row of the gap ledger (pure)."""
    return GapRow(
        id=int(row["id"]),
        closed=row["state"] == "closed",
        cause=str(row["cause"]),
        from_us=int(row["from_us"]),
        until_us=None if row["until_us"] is None else int(row["until_us"]),
        entities=int(row["entities"]),
        expected=int(row["expected"]),
        recovered=int(row["recovered"]),
        unrecoverable=int(row["unrecoverable"]),
        reasons=dict(row["reasons"]),
    )


def silences(
    samples: tuple[Sample, ...], said: tuple[Sample, ...]
) -> Mapping[str, float]:
    """Return the services that were called ready too long while they were not (pure).

    A look that came back late, because the one who was asked did not answer, is one of
    the time when it was asked.
    """
    found = {
        name: silent(samples, said, name) for name in LONG_RUNNING if name != ADMIN
    }
    return {name: time for name, time in found.items() if time > _NOTICE_SECONDS}


def admin_view(world: World) -> Mapping[str, Any]:
    """Return what admin-api shows of the run, and what it shows of all."""
    admin = world.admin
    return {
        "/health": admin.get("/health"),
        "/stats": admin.get("/stats"),
        "/services": admin.get("/services"),
        "/config": admin.get("/config"),
        "/deadletters": admin.get("/deadletters"),
        "/events": admin.get("/events", {"limit": _EVENTS, "minutes": "60"}),
    }


def memory_of(world: World) -> Mapping[str, Memory]:
    """Return the memory of each service as the kernel counts it."""
    found = {}
    for name in LONG_RUNNING:
        row = world.proof.running(name)
        values = fresh_limits(world.proof, row)["values"]
        usage, cache = values.get("memory_usage"), values.get("memory_cache")
        found[name] = Memory(
            resident=None if usage is None else usage - (cache or 0),
            peak=values.get("memory_peak", usage),
            limit=int(values["memory_limit"]),
            oom_kills=values.get("oom_kills"),
        )
    return found


def logs_of(world: World, *, since_us: int) -> Mapping[str, str]:
    """Return what each container has logged since a moment."""
    return {
        row.name: world.stack.engine.api.logs(
            row.id, timestamps=False, since=since_us / 1e6
        ).decode("utf-8", "replace")
        for row in world.proof.containers()
    }


def told_secrets(
    world: World, texts: Mapping[str, str], admin: Mapping[str, Any]
) -> Iterable[str]:
    """Yield where a secret of the stack stands that may stand nowhere."""
    project = world.stack.project
    known = {
        file.name: file.read_text("utf-8").strip() for file in project.secrets.iterdir()
    }
    for name in ("write_token", "read_token"):
        known[name] = world.stack.file_in(ADMIN, f"/run/influxdb-tokens/{name}")
    if project.source is SourceKind.HOME_ASSISTANT:
        known["source_token"] = world.stack.home_assistant.token
    places = {
        **{f"the log of {name}": text for name, text in texts.items()},
        **{f"admin-api {path}": json.dumps(view) for path, view in admin.items()},
    }
    for place, text in places.items():
        for name, value in known.items():
            if value and value in text:
                yield f"{name} is in {place}"


def crashes_in(texts: Mapping[str, str]) -> Iterable[str]:
    """Yield the services whose log tells of an error that nobody has caught (pure)."""
    for name, text in texts.items():
        found = _CRASH.search(text)
        if found:
            line = text[found.start() :].partition("\n")[0]
            yield f"{name}: {line[:_LONGEST_LINE]}"
