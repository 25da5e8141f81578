"""Fetch what the LIMIT checks judge: the kernel's limits of running containers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..check import Finding, passed
from ..errors import ProbeError
from ..probes import cgroup
from ..verify.container import Inspected
from ..verify.stack import Stack
from ..verify.standing import ends_by_design
from ..verify.vantage import NoVantage

Answer = Mapping[str, Any]


def kernel_limits(stack: Stack, container: Inspected) -> Answer:
    """Return what the kernel keeps for a running container, read once a life.

    Raises:
        ProbeError: it cannot be seen from here.
    """
    seen = stack.once("limits of all containers", lambda: _read_all(stack))
    found = seen.get(_life(container)) or _read(stack, (container,))[_life(container)]
    if "error" in found:
        raise ProbeError("cgroup", str(found["error"]))
    return found


def fresh_limits(stack: Stack, container: Inspected) -> Answer:
    """Return the same as it is now.

    Raises:
        ProbeError: it cannot be seen from here.
    """
    found = _read(stack, (container,))[_life(container)]
    if "error" in found:
        raise ProbeError("cgroup", str(found["error"]))
    return found


def ended_by_design(stack: Stack, service: str) -> Finding | None:
    """Return a pass for a service that did its work and ended, None for others.

    Nothing is left then that could exceed a limit.
    """
    rows = stack.containers(service)
    one_shot = service in stack.model.one_shots
    by_design = ends_by_design(stack.model.services[service], one_shot=one_shot)
    if by_design and rows and all(_done(row) for row in rows):
        return passed("it did its work and ended: nothing is left to be limited")
    return None


def _done(row: Inspected) -> bool:
    return row.state == "exited" and row.exit_code == 0


def _life(container: Inspected) -> tuple[str, float]:
    return container.id, container.started_at


def _read_all(stack: Stack) -> Mapping[tuple[str, float], Answer]:
    return _read(stack, tuple(row for row in stack.containers() if row.running))


def _read(
    stack: Stack, containers: tuple[Inspected, ...]
) -> Mapping[tuple[str, float], Answer]:
    asked = [{"pid": row.pid, "id": row.id} for row in containers]
    if isinstance(stack.vantage, NoVantage):
        found = {row["id"]: _read_here(row, stack.vantage) for row in asked}
    else:
        answer = stack.vantage.probe("cgroup", {"containers": asked})
        found = answer["containers"]
    return {_life(row): found[row.id] for row in containers}


def _read_here(asked: Mapping[str, Any], vantage: NoVantage) -> Answer:
    """Read without root: everybody may, where the engine runs on this host."""
    try:
        return cgroup.observe(int(asked["pid"]), str(asked["id"]))
    except (OSError, ValueError):
        return {"error": vantage.reason}
