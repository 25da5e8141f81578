"""A service that keeps ending is told from one that still waits."""

from __future__ import annotations

import pytest

from stackproof.drills.loops import at_rest, hopeless_loops
from stackproof.events import Event
from stackproof.model import Health

NEEDED = {"web": frozenset({"store"}), "store": frozenset[str]()}


def record(*steps: tuple[float, str, str]) -> list[Event]:
    """Return events from (seconds, service, action)."""
    return [
        Event(
            time_ns=int(seconds * 1e9),
            service=service,
            container=service,
            action="health_status" if action == "healthy" else action,
            health=Health.HEALTHY if action == "healthy" else None,
        )
        for seconds, service, action in steps
    ]


DIES = record(*((float(second), "web", "die") for second in range(1, 16)))


@pytest.mark.parametrize(
    ("more", "below", "hopeless"),
    [
        ([(1.5, "store", "healthy")], {"web"}, {"web"}),
        ([(9.5, "store", "healthy")], {"web"}, set()),
        ([], {"web", "store"}, set()),
    ],
    ids=["peer long up", "peer just up", "peer still down"],
)
def test_loop_is_hopeless_when_all_others_are_up(
    more: list[tuple[float, str, str]], below: set[str], hopeless: set[str]
) -> None:
    """Ends while a peer was away do not count."""
    events = [*DIES, *record(*more)]

    found = hopeless_loops(events, frozenset({"web"}), frozenset(below), 0, NEEDED)

    assert found == hopeless


def test_loop_behind_a_loop_is_not_judged() -> None:
    """A service whose dependency keeps ending waits for it."""
    others = [(float(s), "store", "die") for s in range(1, 16)]

    found = hopeless_loops(
        [*DIES, *record(*others)],
        frozenset({"web", "store"}),
        frozenset({"web", "store"}),
        0,
        NEEDED,
    )

    assert found == {"store"}


@pytest.mark.parametrize(
    ("below", "given", "over"),
    [
        (set(), set(), True),
        ({"web"}, set(), False),
        ({"web"}, {"web"}, True),
        ({"web", "store"}, {"store"}, True),
        ({"web", "store"}, {"web"}, False),
    ],
    ids=["all stand", "on its way", "lost", "behind a lost one", "peer on its way"],
)
def test_waiting_is_over_when_it_changes_nothing(
    below: set[str], given: set[str], *, over: bool
) -> None:
    """What waits for a lost service is not awaited either."""
    assert at_rest(below, given, NEEDED) is over
