"""Stop all processes of a service and see whether its health check tells."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..errors import ProbeError, WaitTimeout
from ..events import Event
from ..healthchecks import (
    MOST_PASSES,
    Frozen,
    effective,
    failing_seconds,
    passes_since,
    recovering_seconds,
)
from ..model import Health
from ..verify.container import Inspected
from ..verify.stack import Stack
from ..wait import wait_until

# Up to here one service after the other is frozen, so that none feels another's pause.
_ONE_BY_ONE_SECONDS = 60.0
_SIGNAL_SECONDS = 30.0
_LOOK_SECONDS = 0.2


def freeze_services(stack: Stack, services: list[str]) -> Mapping[str, Frozen]:
    """Freeze the first container of each service and return what was seen."""
    found = {name: Frozen(problem=_problem(stack, name)) for name in services}
    chosen = {name: stack.running(name) for name in services if not found[name].problem}
    budgets = {name: _noticing(row) for name, row in chosen.items()}
    if sum(budgets.values()) <= _ONE_BY_ONE_SECONDS:
        for name, row in chosen.items():
            found[name] = _freeze(stack, row, extra=0.0)
            stack.settle()
        return found
    # A peer that is frozen as well may keep a service from recovering until it goes on.
    extra = max(budgets.values(), default=0.0)
    with ThreadPoolExecutor(max_workers=max(len(chosen), 1)) as pool:
        running = {
            name: pool.submit(_freeze, stack, row, extra=extra)
            for name, row in chosen.items()
        }
    return found | {name: future.result() for name, future in running.items()}


def _problem(stack: Stack, service: str) -> str | None:
    rows = stack.containers(service)
    if not any(row.running for row in rows):
        return f"{service} does not run"
    row = stack.running(service)
    if row.health is not Health.HEALTHY:
        return f"{service} is not healthy before it is stopped: {row.health or 'none'}"
    return None


def _noticing(row: Inspected) -> float:
    return failing_seconds(effective(row.config.get("Healthcheck")))


def _freeze(stack: Stack, row: Inspected, *, extra: float) -> Frozen:
    """Freeze one container; it goes on in any case."""
    check = effective(row.config.get("Healthcheck"))
    limit, recovery = failing_seconds(check), recovering_seconds(check) + extra
    before = max((event.time_ns for event in stack.events.events), default=0)
    passes: set[str] = set()
    log = _log(stack, row)

    def look() -> Event | None:
        passes.update(passes_since(log, _log(stack, row)))
        return _first(stack, row, Health.UNHEALTHY, before)

    def told(event: Event | None) -> bool:
        return event is not None or len(passes) > MOST_PASSES

    begun = time.monotonic()
    try:
        answer = _signal(stack, row, signal.SIGSTOP)
        if not answer.get("stopped"):
            return Frozen(problem="not all of its processes could be stopped")
        noticed = wait_until(look, told, timeout=limit, every=_LOOK_SECONDS)
    except WaitTimeout:
        noticed = None
    except ProbeError as err:
        return Frozen(problem=str(err))
    finally:
        took = time.monotonic() - begun
        _go_on(stack, row)
    if noticed is None:
        return Frozen(waited_seconds=took, passes=len(passes))
    if noticed.action == "die":
        return Frozen(problem="the container ended while its processes were stopped")
    resumed = time.monotonic()
    healthy = _next(stack, row, Health.HEALTHY, recovery, noticed.time_ns)
    if healthy is not None and healthy.action == "die":
        # Its own restart policy may bring it back.
        healthy = _next(stack, row, Health.HEALTHY, recovery, healthy.time_ns)
    back = healthy is not None and healthy.health is Health.HEALTHY
    return Frozen(
        unhealthy_seconds=took,
        waited_seconds=took,
        recovery_seconds=time.monotonic() - resumed if back else None,
        recovery_limit_seconds=recovery,
    )


def _next(
    stack: Stack, row: Inspected, health: Health, timeout: float, after_ns: int
) -> Event | None:
    """Return the container's next such verdict, or its end; None when none comes."""
    try:
        return stack.events.wait_for(
            lambda event: _is(event, row, health), timeout=timeout, after_ns=after_ns
        )
    except WaitTimeout:
        return None


def _first(stack: Stack, row: Inspected, health: Health, after_ns: int) -> Event | None:
    later = (event for event in stack.events.events if event.time_ns > after_ns)
    return next((event for event in later if _is(event, row, health)), None)


def _is(event: Event, row: Inspected, health: Health) -> bool:
    mine = event.container == row.id
    return mine and (event.health is health or event.action == "die")


def _log(stack: Stack, row: Inspected) -> list[Mapping[str, Any]]:
    """Return the last results of a health check, five at most."""
    attrs = stack.engine.api.inspect_container(row.id)
    return list(((attrs.get("State") or {}).get("Health") or {}).get("Log") or ())


def _signal(stack: Stack, row: Inspected, number: int) -> Mapping[str, object]:
    request = {"pid": row.pid, "signal": int(number), "scope": "all"}
    return stack.vantage.probe("signals", request, timeout=_SIGNAL_SECONDS)


def _go_on(stack: Stack, row: Inspected) -> None:
    """Let the container run, by the engine's help where the probe cannot."""
    try:
        _signal(stack, row, signal.SIGCONT)
    except ProbeError:
        for now in stack.containers(row.service):
            if now.id == row.id and now.running:
                stack.engine.api.kill(row.id, signal="SIGCONT")
