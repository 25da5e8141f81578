"""Health: reasons by code, the worst decides."""

from __future__ import annotations

import msgspec
import pytest

from servicekit.health import STARTING, Health, Status, iso


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 1_795_445_276.0

    def __call__(self) -> float:
        """Return the time that the test set."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands."""
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    """Return a register of a service that has just begun."""
    return Health("sample", "1.2", clock=clock, monotonic=clock)


def test_a_service_begins_as_starting(health: Health) -> None:
    """Until the service says that it serves, it is starting."""
    before = health.status
    health.clear(STARTING)

    assert (before, health.status) == (Status.STARTING, Status.READY)


@pytest.mark.parametrize(
    ("statuses", "worst"),
    [
        pytest.param([], Status.READY, id="none"),
        pytest.param([Status.DEGRADED], Status.DEGRADED, id="degraded"),
        pytest.param([Status.DEGRADED, Status.FAILING], Status.FAILING, id="failing"),
        pytest.param([Status.STARTING, Status.DEGRADED], Status.STARTING, id="start"),
    ],
)
def test_the_worst_reason_decides(
    health: Health, statuses: list[Status], worst: Status
) -> None:
    """The status of the service is the worst status of its reasons."""
    health.clear(STARTING)
    for number, status in enumerate(statuses):
        health.set(f"r{number}", status, "because")

    assert health.status is worst


def test_since_moves_only_with_the_status(health: Health, clock: Clock) -> None:
    """A renewed reason keeps its beginning, a worse one gets a new one."""
    health.clear(STARTING)
    health.set("db", Status.DEGRADED, "slow")
    clock.now += 60
    health.set("db", Status.DEGRADED, "slower")
    (renewed,) = health.snapshot().reasons
    health.set("db", Status.FAILING, "gone")
    (worse,) = health.snapshot().reasons

    assert (renewed.detail, renewed.since) == ("slower", "2026-11-23T14:47:56.000000Z")
    assert (worse.detail, worse.since) == ("gone", "2026-11-23T14:48:56.000000Z")


def test_clearing_an_unknown_code_changes_nothing(health: Health) -> None:
    """Clear is safe to call at any time."""
    health.clear("never-set")

    assert health.has(STARTING)
    assert not health.has("never-set")


def test_snapshot_has_the_shape_of_the_answer(health: Health, clock: Clock) -> None:
    """The JSON of a snapshot holds exactly the promised keys, worst reason first."""
    health.clear(STARTING)
    health.set("a", Status.DEGRADED, "one")
    health.set("b", Status.FAILING, "two")
    clock.now += 1.5

    assert msgspec.json.decode(msgspec.json.encode(health.snapshot())) == {
        "service": "sample",
        "version": "1.2",
        "status": "failing",
        "reasons": [
            {
                "code": "b",
                "status": "failing",
                "detail": "two",
                "since": "2026-11-23T14:47:56.000000Z",
            },
            {
                "code": "a",
                "status": "degraded",
                "detail": "one",
                "since": "2026-11-23T14:47:56.000000Z",
            },
        ],
        "uptime_seconds": 1.5,
    }


def test_iso_keeps_microseconds() -> None:
    """Times are UTC with six digits, also when they are zero."""
    assert iso(1_795_445_276.25) == "2026-11-23T14:47:56.250000Z"
