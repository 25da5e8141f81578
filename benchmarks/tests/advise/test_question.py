"""Tests of what is asked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from capacity.advise.question import (
    parse_count,
    parse_days,
    parse_rate,
    parse_seconds,
)
from capacity.errors import UsageError


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("30d", 30),
        ("12h", 0.5),
        ("8w", 56),
        ("6m", 180),
        ("1y", 365),
        ("90", 90),
        (" 1.5 D ", 1.5),
        ("forever", 0),
        ("0", 0),
    ],
)
def test_retention_is_understood(text: str, days: float) -> None:
    """Hours to years, a bare number of days, and for ever."""
    assert parse_days(text) == days


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30min", 1800), ("4h", 14400), ("2d", 172800)]
)
def test_outage_is_understood(text: str, seconds: float) -> None:
    """Seconds to days."""
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_days, "soon"),
        (parse_days, "-1d"),
        (parse_days, "30min"),
        (parse_days, "0d"),
        (parse_seconds, "4"),
        (parse_seconds, "0h"),
        (parse_seconds, ""),
        (parse_rate, "fast"),
        (parse_rate, "0"),
        (parse_rate, "-3"),
        (parse_rate, "nan"),
        (parse_rate, "inf"),
        (parse_count, "2.5"),
        (parse_count, "0"),
    ],
)
def test_nonsense_is_refused_with_an_example(
    parse: Callable[[str], float], text: str
) -> None:
    """The message repeats what was said and shows what is meant."""
    with pytest.raises(UsageError, match=r"^--\w+ .* is meant"):
        parse(text)
