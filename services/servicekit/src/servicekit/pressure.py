"""Tells when a container is close to its memory limit, before the kernel acts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from .cgroup import Resources, read_resources
from .health import Health, Status

__all__ = ["MEMORY_NEAR_LIMIT", "memory_near_limit", "watch_memory"]

MEMORY_NEAR_LIMIT: Final = "memory_near_limit"
"""Code of the reason; it makes a service degraded, not unhealthy."""


def watch_memory(
    health: Health,
    *,
    percent: float,
    read: Callable[[], Resources] = read_resources,
) -> None:
    """Let the health of a service tell when memory passes a share of the limit."""
    health.watch(
        MEMORY_NEAR_LIMIT,
        Status.DEGRADED,
        lambda: memory_near_limit(read(), percent=percent),
    )


def memory_near_limit(now: Resources, *, percent: float) -> str | None:
    """Return a sentence if `percent` of the limit is in use, None if not (pure).

    Memory is counted as in `Resources`: without page cache that can be dropped. A
    container without a limit is never near it.
    """
    limit = now.memory_limit_bytes
    if not limit or now.memory_bytes < limit * percent / 100:
        return None
    used, most = now.memory_bytes / 2**20, limit / 2**20
    return (
        f"{used:.0f} of {most:.0f} MiB are in use (alert at {percent:g} %): "
        "raise the memory limit in stack/.env"
    )
