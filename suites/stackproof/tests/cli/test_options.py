"""Exceptions of a command line have reasons."""

from __future__ import annotations

import pytest

from stackproof.cli.options import ignores_of
from stackproof.errors import UsageError
from stackproof.registry import all_checks


def test_exceptions_are_paired() -> None:
    """The first reason belongs to the first exception."""
    some = all_checks()[0].id

    one, other = ignores_of([some, f"{some}:web:80"], ["a", " b "], all_checks())

    assert (one.id, one.subject, one.reason) == (some, "*", "a")
    assert (other.id, other.subject, other.reason) == (some, "web:80", "b")


@pytest.mark.parametrize(
    ("ignored", "reasons", "problem"),
    [
        (["ORDER-01"], [], "each exception needs one reason"),
        ([], ["because"], "each exception needs one reason"),
        (["ORDER-01"], [" "], "the reason is empty"),
        (["NOPE-01"], ["because"], "no check has the id 'NOPE-01'"),
    ],
)
def test_wrong_exceptions(ignored: list[str], reasons: list[str], problem: str) -> None:
    """Nothing is ignored without a reason, and nothing that does not exist."""
    with pytest.raises(UsageError, match=problem):
        ignores_of(ignored, reasons, all_checks())
