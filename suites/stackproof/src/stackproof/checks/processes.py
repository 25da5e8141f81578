"""What the kernel says about the processes of a service, for the checks to share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..verify.container import Inspected
from ..verify.stack import Stack
from ..verify.standing import Standing

_INIT = frozenset({"docker-init", "tini", "catatonit", "dumb-init"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process; user and group ids are those inside of the container."""

    name: str
    uid: int
    gid: int
    effective_uid: int
    groups: frozenset[int] = frozenset()
    bounding: frozenset[str] | None = None
    effective: frozenset[str] | None = None
    no_new_privs: bool | None = None
    seccomp: int | None = None
    security: str | None = None
    oom_score_adj: int | None = None

    @property
    def is_init(self) -> bool:
        """Whether it is there only to reap others."""
        return self.name in _INIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """What stands at a path of the container."""

    kind: str
    mode: int
    uid: int
    gid: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """One container from within; PID 1 is the first process."""

    processes: tuple[Process, ...]
    mounts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    namespaces: Mapping[str, str] = field(default_factory=dict)
    host_namespaces: Mapping[str, str] = field(default_factory=dict)
    clock_offsets: Mapping[str, float] = field(default_factory=dict)
    users: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)
    paths: Mapping[str, Path | None] = field(default_factory=dict)

    @property
    def first(self) -> Process:
        """PID 1."""
        return self.processes[0]

    @property
    def programs(self) -> tuple[Process, ...]:
        """All processes but an init that only reaps, unless there is nothing else."""
        return tuple(p for p in self.processes if not p.is_init) or self.processes


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A container from outside and, while it runs, from within."""

    container: Inspected
    inside: Inside | None


def parse_inside(answer: Mapping[str, Any]) -> Inside:
    """Return what the probe `process` answered (pure).

    Raises:
        KeyError: the answer has another shape.
        ValueError: PID 1 is gone.
    """
    users, groups = answer.get("uid_map") or (), answer.get("gid_map") or ()
    processes = tuple(
        _process(row, users, groups) for row in answer["processes"] if row.get("uids")
    )
    if not processes or not answer["processes"][0].get("uids"):
        raise ValueError("PID 1 ended while it was looked at")
    return Inside(
        processes=processes,
        # A later mount on the same place hides the earlier one.
        mounts={row["target"]: tuple(row["options"]) for row in answer["mounts"]},
        namespaces=answer.get("namespaces") or {},
        host_namespaces=answer.get("host_namespaces") or {},
        clock_offsets=answer.get("clock_offsets") or {},
        users={name: tuple(ids) for name, ids in (answer.get("users") or {}).items()},
        groups=answer.get("groups") or {},
        paths={
            path: Path(
                kind=found["kind"],
                mode=found["mode"],
                uid=inner(found["uid"], users),
                gid=inner(found["gid"], groups),
                size=found["size"],
            )
            if found
            else None
            for path, found in (answer.get("paths") or {}).items()
        },
    )


def observe_service(
    stack: Stack, service: str, paths: Iterable[str] = ()
) -> tuple[Observed, ...]:
    """Look at all containers of a service; those that ended have no inside.

    Raises:
        ProbeError: a container that runs cannot be looked into.
    """
    wanted = list(paths)

    def look() -> tuple[Observed, ...]:
        return tuple(
            Observed(container=row, inside=_inside(stack, row, wanted))
            for row in stack.containers(service)
        )

    # One look serves all checks: the moment is named by the containers that are there.
    moment = ",".join(f"{r.id}@{r.started_at}" for r in stack.containers(service))
    return stack.once(f"inside {service} {moment} {wanted}", look)


def ended_well(stack: Stack, service: str) -> bool:
    """Tell whether a service stands as it should, so that an end was by design."""
    return stack.look().rows[service].standing is Standing.SOUND


def inner(number: int, mapping: Iterable[list[int]]) -> int:
    """Return the id that the container knows a host's id by (pure)."""
    for row in mapping:
        inside, outside, count = row
        if outside <= number < outside + count:
            return inside + number - outside
    return number


def _inside(stack: Stack, row: Inspected, paths: list[str]) -> Inside | None:
    if not row.pid:
        return None
    answer = stack.vantage.probe("process", {"pid": row.pid, "paths": paths})
    return parse_inside(answer)


def _process(
    row: Mapping[str, Any], users: Iterable[list[int]], groups: Iterable[list[int]]
) -> Process:
    sets = row["capabilities"]
    return Process(
        name=row["name"],
        uid=inner(row["uids"][0], users),
        gid=inner(row["gids"][0], groups),
        effective_uid=inner(row["uids"][1], users),
        groups=frozenset(inner(number, groups) for number in row["groups"]),
        bounding=_names(sets["bounding"]),
        effective=_names(sets["effective"]),
        no_new_privs=row["no_new_privs"],
        seccomp=row["seccomp"],
        security=row["security"],
        oom_score_adj=row["oom_score_adj"],
    )


def _names(names: list[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)
