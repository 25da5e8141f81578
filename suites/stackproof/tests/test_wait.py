"""A wait ends on a fact, on a failure, or on time."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from stackproof.errors import WaitFailed, WaitTimeout
from stackproof.testing import FakeClock
from stackproof.wait import SystemClock, wait_until


def series(values: Iterable[int]) -> Callable[[], int]:
    """Return a function that observes one value after the other."""
    upcoming = iter(values)
    return lambda: next(upcoming)


def three(seen: int) -> bool:
    """Tell whether this is the awaited number."""
    return seen == 3


def negative(seen: int) -> bool:
    """Tell whether this is a number after which 3 cannot come."""
    return seen < 0


def test_first_ready_observation_is_returned(clock: FakeClock) -> None:
    """The wait looks until it is ready, and pauses between two looks."""
    seen = wait_until(series([1, 2, 3, 4]), three, timeout=10, every=2, clock=clock)

    assert seen == 3
    assert clock.naps == [2, 2]


def test_ready_at_once_needs_no_time(clock: FakeClock) -> None:
    """A fact that is there already is seen with no time at all."""
    assert wait_until(series([3]), three, timeout=0, clock=clock) == 3
    assert clock.naps == []


def test_failure_ends_early(clock: FakeClock) -> None:
    """A failed observation ends the wait and is kept."""
    with pytest.raises(WaitFailed, match="negative while waiting for three") as caught:
        wait_until(series([1, -1, 3]), three, failed=negative, timeout=10, clock=clock)

    assert caught.value.seen == -1


def test_timeout_keeps_the_last_observation(clock: FakeClock) -> None:
    """After the time there is one last look, then an error that shows it."""
    with pytest.raises(WaitTimeout, match=r"three still false after 1 s") as caught:
        wait_until(series([5, 6, 7, 8]), three, timeout=1, every=0.6, clock=clock)

    assert caught.value.seen == 7
    assert clock.now == pytest.approx(1.0)


def test_fact_that_comes_in_the_last_moment_counts(clock: FakeClock) -> None:
    """The look after the deadline can still succeed."""
    assert wait_until(series([1, 2, 3]), three, timeout=1, every=0.6, clock=clock) == 3


def test_condition_without_a_name_is_still_named(clock: FakeClock) -> None:
    """A callable object shows as itself in the message."""

    class Never:
        def __call__(self, _seen: int) -> bool:
            return False

        def __repr__(self) -> str:
            return "<something odd>"

    with pytest.raises(WaitTimeout, match="<something odd> still false"):
        wait_until(series([1]), Never(), timeout=0, clock=clock)


def test_system_clock_goes_forward() -> None:
    """The default clock is the machine's."""
    before = SystemClock.monotonic()
    SystemClock.sleep(0)

    assert SystemClock.monotonic() >= before
