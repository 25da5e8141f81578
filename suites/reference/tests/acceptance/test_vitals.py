"""Tests of `reference_stack.acceptance.vitals`."""

from __future__ import annotations

import pytest

from reference_stack.acceptance.vitals import Sample, ready_for_good, silent

BOTH = frozenset({"a", "b"})
ONE = frozenset({"a"})
NONE: frozenset[str] = frozenset()


def samples(*ready: frozenset[str]) -> tuple[Sample, ...]:
    """Return one sample a second."""
    return tuple(Sample(at * 10**6, seen) for at, seen in enumerate(ready))


@pytest.mark.parametrize(
    ("seen", "after", "until", "since"),
    [
        (samples(BOTH, ONE, BOTH, BOTH), 0, None, 2),
        (samples(BOTH, ONE, BOTH, ONE), 0, None, None),
        (samples(BOTH, ONE, BOTH, ONE), 0, 2, 2),
        (samples(BOTH, BOTH, BOTH), 1, None, 1),
        (samples(BOTH), 1, None, None),
        ((), 0, None, None),
    ],
)
def test_ready_for_good_is_the_last_time_that_it_became_ready(
    seen: tuple[Sample, ...], after: int, until: int | None, since: int | None
) -> None:
    """A moment of health in between does not count, nor what comes after the end."""
    found = ready_for_good(
        seen,
        BOTH,
        after_us=after * 10**6,
        until_us=None if until is None else until * 10**6,
    )

    assert found == (None if since is None else since * 10**6)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (samples(BOTH, BOTH, BOTH, BOTH), 2.0),
        (samples(BOTH, ONE, BOTH, BOTH), 1.0),
        (samples(ONE, ONE, ONE, ONE), 0.0),
    ],
)
def test_silent_is_the_time_of_false_statements(
    told: tuple[Sample, ...], seconds: float
) -> None:
    """Called ready while it was not: from the first to the last such statement."""
    seen = samples(BOTH, ONE, ONE, NONE)

    assert silent(seen, told, "b") == seconds
