"""The two equations of the event counts."""

from __future__ import annotations

from typing import Any

import pytest

from admin_api.reconciliation import reconcile

COUNTS = {
    "received": 100,
    "forwarded": 90,
    "pending": 10,
    "written": 80,
    "merged": 5,
    "dead_lettered": 3,
    "expired": 2,
}


def test_counts_that_add_up() -> None:
    """Received is forwarded and pending; forwarded is all that became of it."""
    found = reconcile(COUNTS)

    assert found is not None
    assert found.reconciled is True
    assert (found.accounted, found.forwarded_less_accounted) == (90, 0)
    assert found.received_less_forwarded_and_pending == 0


@pytest.mark.parametrize(
    ("name", "differences"),
    [
        ("received", (1, 0)),
        ("forwarded", (-1, 1)),
        ("pending", (-1, 0)),
        ("written", (0, -1)),
        ("merged", (0, -1)),
        ("dead_lettered", (0, -1)),
        ("expired", (0, -1)),
    ],
)
def test_one_event_too_many_is_seen(name: str, differences: tuple[int, int]) -> None:
    """Whichever count is off by one, the verdict is no and the difference is named."""
    found = reconcile(COUNTS | {name: COUNTS[name] + 1})

    assert found is not None
    assert found.reconciled is False
    assert (
        found.received_less_forwarded_and_pending,
        found.forwarded_less_accounted,
    ) == differences


@pytest.mark.parametrize(
    "events", [None, {}, [], "x", {"received": 1}, COUNTS | {"written": "80"}]
)
def test_what_is_no_count_is_not_judged(events: Any) -> None:
    """No verdict is better than a wrong one."""
    assert reconcile(events) is None
