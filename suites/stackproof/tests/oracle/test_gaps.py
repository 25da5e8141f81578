"""The product's own account is held against what the source knows."""

from __future__ import annotations

from typing import Any

import pytest

from stackproof.oracle import Counters, GapRow, Sent
from stackproof.oracle.gaps import false_gaps, false_sums
from stackproof.oracle.table import Scope, SentTable


def table(wire: str) -> SentTable:
    """Return events, one a microsecond: `w` on the wire, `r` recorded, `.` neither."""
    return SentTable(
        (
            Sent(
                serial=number,
                entity_id=f"sensor.r_{number % 2}",
                time_us=number,
                state="on",
                on_wire=letter == "w",
                recorded=letter == "r",
            )
            for number, letter in enumerate(wire)
        ),
        Scope(()),
    )


def gap(from_us: int, until_us: int | None, **fields: Any) -> GapRow:
    """Return a closed row that missed and recovered two changes."""
    known = {"closed": True, "expected": 2, "recovered": 2, **fields}
    return GapRow(id=1, cause="c", from_us=from_us, until_us=until_us, **known)


@pytest.mark.parametrize(
    ("wire", "gaps", "lost", "problems"),
    [
        ("wwww", [], [], []),
        ("wwrrww", [gap(1, 3)], [], []),
        ("wwrrww", [gap(1, None)], [], []),
        ("rrww", [], [], []),
        ("ww..ww", [], [], []),
        ("....", [], [], []),
        ("wwrrww", [], [], ["never on the wire, and in no gap"] * 2),
        ("wwrrwrw", [gap(1, 3)], [], ["never on the wire, and in no gap"]),
        ("wrwwwrw", [gap(0, 1), gap(4, 5)], [], []),
        (
            "wrrrwrw",
            [gap(0, 3, expected=3), gap(4, 5, expected=1, recovered=1)],
            [],
            [],
        ),
        ("wrrrwrw", [gap(0, 9), gap(0, 1)], [], ["knows of 2 missed changes of 0"]),
        ("wwrrww", [gap(1, 3, closed=False)], [], ["gap 1 is still open"]),
        ("wwrrww", [gap(1, 3, recovered=3)], [], ["gap 1 recovered 3 of 2"]),
        ("wwrrrw", [gap(1, 4)], [], ["gap 1 knows of 2 missed changes of 0 entities"]),
        ("wwrrrw", [gap(1, 4, entities=1)], [], []),
        ("wwrrww", [gap(1, 3)], [2], ["gap 1 names nothing as unrecoverable, and 1"]),
        ("wwrrww", [gap(1, 3, unrecoverable=1)], [2], []),
        ("wwrrww", [gap(1, 3)], [5], []),
    ],
)
def test_false_row_is_named(
    wire: str, gaps: list[GapRow], lost: list[int], problems: list[str]
) -> None:
    """A row is true when it is closed, adds up, and hides nothing."""
    found = [str(example) for example in false_gaps(gaps, table(wire), lost)]

    assert len(found) == len(problems)
    assert all(problem in text for problem, text in zip(problems, found, strict=True))


@pytest.mark.parametrize(
    ("values", "problems"),
    [
        ({"received": 3, "forwarded": 2, "pending": 1}, 0),
        ({"received": 3, "forwarded": 2, "pending": 2}, 1),
        ({"received": 3}, 0),
        (
            {
                "received": 9,
                "forwarded": 4,
                "pending": 1,
                "written": 1,
                "merged": 1,
                "dead_lettered": 1,
                "expired": 0,
            },
            2,
        ),
    ],
)
def test_sum_that_does_not_hold_is_named(values: dict[str, int], problems: int) -> None:
    """Only sums whose parts are all there are added up."""
    found = list(false_sums([Counters(source="s", at_us=1, values=values)]))

    assert len(found) == problems
