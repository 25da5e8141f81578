"""Plain questions about a snapshot, so that a wait reads as a sentence.

`wait_until(see, all_healthy, failed=any_failed, timeout=60)`
"""

from __future__ import annotations

from .model import Container, Health, Snapshot, State

_ENDED = (State.EXITED, State.DEAD)


def all_healthy(seen: Snapshot) -> bool:
    """Tell whether the whole stack is up.

    Long-running services run and, where they declare a health check, pass it; one-shot
    services have ended with 0. A service without a container counts as not up.
    """
    return not seen.missing and all(_is_up(seen, row) for row in seen.containers)


def any_failed(seen: Snapshot) -> bool:
    """Tell whether a container ended that should not have.

    One-shot services may end with 0. A container that its restart policy will start
    again is in state restarting, not exited, and is not counted.
    """
    return bool(failed_containers(seen))


def any_unhealthy(seen: Snapshot) -> bool:
    """Tell whether a container's health check says unhealthy."""
    return any(row.health is Health.UNHEALTHY for row in seen.containers)


def all_stopped(seen: Snapshot) -> bool:
    """Tell whether no container runs any more; none at all counts as stopped."""
    return all(row.state in {*_ENDED, State.CREATED} for row in seen.containers)


def failed_containers(seen: Snapshot) -> tuple[Container, ...]:
    """Return the containers that ended and should not have."""
    return tuple(
        row
        for row in seen.containers
        if row.state in _ENDED
        and not (row.service in seen.model.one_shots and row.exit_code == 0)
    )


def _is_up(seen: Snapshot, row: Container) -> bool:
    if row.service in seen.model.one_shots:
        return row.state is State.EXITED and row.exit_code == 0
    declared = seen.model.services.get(row.service)
    if declared is None or declared.healthcheck is None:
        healthy = row.health in {Health.NONE, Health.HEALTHY}
    else:
        healthy = row.health is Health.HEALTHY
    return row.state is State.RUNNING and healthy
