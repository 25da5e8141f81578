"""Tests of numbers as text."""

from __future__ import annotations

import pytest

from capacity.report import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.00123, "0.00123"),
        (1.5, "1.5"),
        (12.345, "12.3"),
        (999.6, "1,000"),
        (1234.5, "1,230"),
        (-4.26, "-4.26"),
        (31000.0, "31,000"),
    ],
)
def test_number_has_few_digits(value: float, text: str) -> None:
    """Three significant digits, thousands apart, no needless zero."""
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1, "1 s"),
        (89, "89 s"),
        (120, "2 min"),
        (5300, "88 min"),
        (9000, "2.5 h"),
        (86400 * 3, "3 days"),
        (86400 * 61.4, "61 days"),
        (86400 * 365 * 5, "5 years"),
    ],
)
def test_duration_takes_the_unit_that_fits(seconds: float, text: str) -> None:
    """Seconds, minutes, hours, days and years."""
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.25, "250 µs"), (1, "1 ms"), (180.4, "180 ms"), (1250, "1.25 s")],
)
def test_milliseconds_take_the_unit_that_fits(value: float, text: str) -> None:
    """Microseconds, milliseconds and seconds."""
    assert words.milliseconds(value) == text


def test_sizes_are_decimal_for_disks_and_binary_for_memory() -> None:
    """Disks are sold in powers of ten, memory limits are set in powers of two."""
    assert words.bytes_text(41_000_000_000) == "41 GB"
    assert words.memory_text(2 << 30) == "2 GiB"
    assert words.memory_text(512 << 20) == "512 MiB"


def test_other_words() -> None:
    """Rates, shares, cores and days read as a person writes them."""
    assert words.rate(1840) == "1,840 events/s"
    assert words.rate_range(430, 470) == "430\N{EN DASH}470 events/s"
    assert words.percent(0.9934, 4) == "99.34 %"
    assert words.cores_text(1) == "1 core"
    assert words.cores_text(0.5) == "0.5 cores"
    assert words.days_text(1) == "1 day"
    assert words.per_event(0.000031) == "31 µs"
