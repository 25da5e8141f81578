"""One container as the engine's `inspect` describes it, parsed once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .. import sdk
from ..errors import ModelError
from ..model import Health, State

if TYPE_CHECKING:
    from docker import DockerClient

_LABEL = "com.docker.compose."
_ANONYMOUS = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """A container, as it was at one moment.

    Attributes:
        pid: process id of PID 1 as the host sees it; 0 when it does not run.
        started_at: seconds since 1970 of the last start; 0.0 when it never started.
        finished_at: seconds since 1970 of the last end; 0.0 when it never ended.
        attrs: the whole document, for what is not named here.
    """

    id: str
    name: str
    service: str
    pid: int
    state: State
    health: Health
    exit_code: int
    oom_killed: bool
    restart_count: int
    started_at: float
    finished_at: float
    attrs: Mapping[str, Any] = field(repr=False, hash=False)

    @property
    def host_config(self) -> Mapping[str, Any]:
        """What the engine enforces: limits, capabilities, restart policy and such."""
        return self.attrs.get("HostConfig") or {}

    @property
    def config(self) -> Mapping[str, Any]:
        """What the engine hands on: command, environment, user, labels and such."""
        return self.attrs.get("Config") or {}

    @property
    def networks(self) -> Mapping[str, Mapping[str, Any]]:
        """The engine's name of each network to the container's place in it."""
        return (self.attrs.get("NetworkSettings") or {}).get("Networks") or {}

    @property
    def anonymous_volumes(self) -> Mapping[str, str]:
        """The engine's name of each volume that nobody named, to its place."""
        return {
            str(mount["Name"]): str(mount.get("Destination"))
            for mount in self.attrs.get("Mounts") or ()
            if mount.get("Type") == "volume"
            and _ANONYMOUS.fullmatch(str(mount.get("Name")))
        }

    @property
    def running(self) -> bool:
        """Whether it has a process."""
        return self.state is State.RUNNING


def parse_inspected(attrs: Mapping[str, Any]) -> Inspected:
    """Return what an inspect document says.

    Raises:
        ModelError: it has no state, or an unknown one.
    """
    state = attrs.get("State") or {}
    labels = (attrs.get("Config") or {}).get("Labels") or {}
    health = (state.get("Health") or {}).get("Status") or ""
    try:
        return Inspected(
            id=str(attrs["Id"]),
            name=str(attrs.get("Name", "")).lstrip("/"),
            service=str(labels.get(f"{_LABEL}service", "")),
            pid=int(state.get("Pid") or 0),
            state=State(str(state.get("Status"))),
            health=Health("" if health == "none" else health),
            exit_code=int(state.get("ExitCode") or 0),
            oom_killed=bool(state.get("OOMKilled")),
            restart_count=int(attrs.get("RestartCount") or 0),
            started_at=_seconds(str(state.get("StartedAt") or "")),
            finished_at=_seconds(str(state.get("FinishedAt") or "")),
            attrs=attrs,
        )
    except (KeyError, ValueError) as err:
        raise ModelError("container inspect", repr(err)) from err


def inspect_project(engine: DockerClient, project: str) -> tuple[Inspected, ...]:
    """Return all containers of a project, one-off ones left out, in order of name."""
    listed = engine.api.containers(
        all=True,
        filters={"label": [f"{_LABEL}project={project}", f"{_LABEL}oneoff=False"]},
    )
    found = []
    for row in listed:
        with suppress(sdk.NotFound):  # removed since it was listed
            found.append(parse_inspected(engine.api.inspect_container(row["Id"])))
    return tuple(sorted(found, key=lambda one: one.name))


def _seconds(stamp: str) -> float:
    if not stamp or stamp.startswith("0001-"):
        return 0.0
    return datetime.fromisoformat(stamp).timestamp()
