"""Conditions on a snapshot know which services may end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stackproof.conditions import (
    all_healthy,
    all_stopped,
    any_failed,
    any_unhealthy,
    failed_containers,
)
from stackproof.model import Snapshot

UP = {"store": "running healthy", "setup": "exited 0", "web": "running healthy"}

Snapshots = Callable[..., Snapshot]


def test_stack_is_up(snapshot: Snapshots) -> None:
    """Healthy services and a one-shot that succeeded are a stack that is up."""
    seen = snapshot(**UP)

    assert all_healthy(seen)
    assert not any_failed(seen)


@pytest.mark.parametrize(
    "change",
    [
        {"web": "running starting"},
        {"web": "running unhealthy"},
        {"web": "running"},
        {"web": "restarting"},
        {"setup": "running"},
        {"setup": "exited 1"},
        {"setup": "created"},
    ],
    ids=lambda change: " ".join(*change.items()),
)
def test_stack_is_not_up(snapshot: Snapshots, change: dict[str, str]) -> None:
    """One service that is not where it should be is enough."""
    assert not all_healthy(snapshot(**(UP | change)))


def test_service_without_container_is_not_up(snapshot: Snapshots) -> None:
    """What was declared and is not there counts."""
    assert not all_healthy(snapshot(store="running healthy", setup="exited 0"))


def test_no_containers_at_all_is_not_up(snapshot: Snapshots) -> None:
    """An empty project is not healthy by default."""
    assert not all_healthy(snapshot())


@pytest.mark.parametrize(
    ("row", "failed"),
    [
        ({"setup": "exited 0"}, False),
        ({"setup": "exited 3"}, True),
        ({"web": "exited 0"}, True),
        ({"web": "dead"}, True),
        ({"web": "restarting"}, False),
    ],
    ids=str,
)
def test_end_is_a_failure(
    snapshot: Snapshots,
    row: dict[str, str],
    failed: bool,  # noqa: FBT001 a column of the table
) -> None:
    """Only a one-shot may end, and only with 0; a restart is not an end."""
    seen = snapshot(**(UP | row))

    assert any_failed(seen) is failed
    assert [c.service for c in failed_containers(seen)] == list(row) * failed


def test_unhealthy_is_seen(snapshot: Snapshots) -> None:
    """A failing health check is told from one that has no verdict yet."""
    assert any_unhealthy(snapshot(**(UP | {"web": "running unhealthy"})))
    assert not any_unhealthy(snapshot(**(UP | {"web": "running starting"})))


def test_stopped_means_nothing_runs(snapshot: Snapshots) -> None:
    """Paused and restarting containers are not stopped."""
    assert all_stopped(snapshot(store="exited 0", web="exited 137"))
    assert not all_stopped(snapshot(store="exited 0", web="paused"))
    assert not all_stopped(snapshot(store="exited 0", web="restarting"))
