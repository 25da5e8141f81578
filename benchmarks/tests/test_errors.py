"""Tests of the errors' sentences."""

from __future__ import annotations

import pytest

from capacity.errors import CapacityError, NotEnoughData, SearchMismatch


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            SearchMismatch("bracket at 50", "confirm at 40"),
            "the search expects bracket at 50, the result is of confirm at 40",
        ),
        (
            NotEnoughData("a service demand", 3, 2),
            "a service demand needs 3 measurements, there are 2",
        ),
    ],
)
def test_error_says_what_happened(error: CapacityError, sentence: str) -> None:
    """The text of an error is made of the data it holds."""
    assert str(error) == sentence
