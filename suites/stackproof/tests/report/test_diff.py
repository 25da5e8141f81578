"""Two runs are compared."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from stackproof.report.diff import Changed, Difference, Moved, compare


def other(document: dict[str, Any]) -> dict[str, Any]:
    """Return a copy to be changed."""
    return copy.deepcopy(document)


def test_same_runs(document: dict[str, Any]) -> None:
    """Nothing changed, and nothing is worse."""
    found = compare(document, other(document))

    assert found == Difference(
        before="fail", after="fail", appeared=(), vanished=(), changed=(), moved=()
    )
    assert not found.worse
    assert str(found) == "verdict: fail -> fail\nno case differs"


@pytest.mark.parametrize(
    ("number", "verdict", "worse"),
    [
        (0, "fail", True),
        (0, "unknown", True),
        (0, "not_promised", False),
        (3, "fail", True),
        (3, "pass", False),
        (2, "unknown", False),
    ],
)
def test_verdict_changes(
    document: dict[str, Any], number: int, verdict: str, *, worse: bool
) -> None:
    """It is worse to fail, and to be no longer decided."""
    after = other(document)
    check = after["checks"][number]
    check |= {"verdict": verdict, "message": "first\nsecond"}

    found = compare(document, after)

    (change,) = found.changed
    assert isinstance(change, Changed)
    assert change.after == verdict
    assert found.worse is worse
    assert "first" in str(found)
    assert "second" not in str(found)


def test_cases_come_and_go(document: dict[str, Any]) -> None:
    """A new case counts as worse when it is red."""
    less = other(document)
    del less["checks"][2]

    grown, shrunk = compare(less, document), compare(document, less)

    assert grown.appeared == (("ORDER-01[web 2]", "fail"),)
    assert grown.worse
    assert shrunk.vanished == (("ORDER-01[web 2]", "fail"),)
    assert not shrunk.worse


@pytest.mark.parametrize(
    ("fact", "before", "after", "moved"),
    [
        ("stop_seconds", 4.5, 6.0, True),
        ("stop_seconds", 4.5, 5.0, False),
        ("stop_seconds", 0.1, 0.4, False),
        ("memory_peak_bytes", 10 * 2**20, 30 * 2**20, True),
        ("memory_peak_bytes", 1000, 3000, False),
        ("restarts", 0, 1, True),
        ("restarts", 1, "many", False),
    ],
)
def test_figures_that_moved(
    document: dict[str, Any], fact: str, before: Any, after: Any, *, moved: bool
) -> None:
    """More than a fifth, and more than noise."""
    document["checks"][0]["facts"] = {fact: before}
    later = other(document)
    later["checks"][0]["facts"] = {fact: after}

    found = compare(document, later)

    expected = Moved(case="LIMIT-01[web 0]", fact=fact, before=before, after=after)
    assert found.moved == ((expected,) if moved else ())
    assert found.document()["worse"] is False
