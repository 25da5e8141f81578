"""Gaps: frozen data with the defaults of one that was just found."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from websocket_ingestion.gaps import Gap, GapTotals


def test_a_new_gap_is_open_and_counts_nothing() -> None:
    """Only what is known at the subscription has to be said."""
    gap = Gap(id=1, cause="c", opened_us=3, from_us=1, until_us=None)

    assert (gap.closed_us, gap.expected, dict(gap.reasons), gap.examples) == (
        None,
        0,
        {},
        (),
    )
    assert replace(gap, closed_us=4).closed_us == 4
    assert GapTotals() == (0, 0, 0, 0, 0)


def test_a_gap_does_not_change() -> None:
    """What was handed out stays as it was."""
    gap = Gap(id=1, cause="c", opened_us=3, from_us=1, until_us=None)

    with pytest.raises(FrozenInstanceError):
        gap.expected = 1  # type: ignore[misc]
