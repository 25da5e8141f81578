"""What a fault cost is measured from the events around it."""

from __future__ import annotations

import pytest

from stackproof.oracle import FaultProof, LossWindow
from stackproof.oracle.deadlines import Deadlines
from stackproof.oracle.impact import impacts, loss_windows


@pytest.mark.parametrize(
    ("lost", "windows"),
    [
        ("", ()),
        ("....", ()),
        ("..x.", ((2000, 3000),)),
        (".xx.", ((1000, 3000),)),
        ("x.x.", ((0, 1000), (2000, 3000))),
        ("..xx", ((2000, 3001),)),
        ("xxxx", ((0, 3001),)),
    ],
)
def test_window_ends_at_the_next_stored_event(
    lost: str, windows: tuple[tuple[int, int], ...]
) -> None:
    """A single lost event at a rate of 1,000 a second is a window of 1 ms."""
    moments = [1000 * number for number in range(len(lost))]

    found = loss_windows(moments, [letter == "x" for letter in lost])

    assert found.windows == windows
    assert found.count == len(windows)
    assert found.total_ms == sum(until - begun for begun, until in windows) / 1000


def test_few_windows_are_kept_and_all_are_counted() -> None:
    """The evidence is bounded."""
    found = loss_windows(range(200), [number % 2 == 0 for number in range(200)])

    assert (found.count, len(found.windows), found.total_ms) == (100, 20, 0.1)


def proof(started: float, healed: float | None, ready: float | None) -> FaultProof:
    """Return a fault; times in seconds, and a budget of 2 s."""

    def micros(seconds: float | None) -> int | None:
        return None if seconds is None else int(seconds * 1e6)

    return FaultProof(
        kind="cut",
        target="a",
        expected="",
        observed="",
        bitten=True,
        started_us=int(started * 1e6),
        healed_us=micros(healed),
        ready_us=micros(ready),
        budget_us=2_000_000,
    )


@pytest.mark.parametrize(
    ("fault", "recovery_ms", "events"),
    [
        (proof(10, 20, 23), 3000, 15),
        (proof(10, None, 12), 2000, 4),
        (proof(10, 20, None), None, 12),
        (proof(10, None, None), None, 91),
        (proof(10, 20, 19), 0, 11),
    ],
)
def test_recovery_counts_from_the_cure(
    fault: FaultProof, recovery_ms: float | None, events: int
) -> None:
    """Events from a second before the fault until it was over belong to it."""
    moments = [second * 1_000_000 for second in range(100)]

    (found,) = impacts([fault], moments, [False] * 100)

    assert found.recovery_ms == recovery_ms
    assert (found.events, found.lost, found.loss) == (events, 0, LossWindow())


@pytest.mark.parametrize(
    ("moment", "allowed"),
    [(0, 1), (8, 9), (9.5, 23), (15, 23), (20.5, 23.5), (23, 26), (24, 25)],
)
def test_fault_moves_deadlines(moment: float, allowed: float) -> None:
    """One second from the event; in a fault from the cure, with its budget."""
    deadlines = Deadlines(1_000_000, [proof(10, 20, 23), proof(50, 60, 61)])

    assert deadlines.of(int(moment * 1e6)) == int(allowed * 1e6)
