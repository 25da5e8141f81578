"""Figures become bars."""

from __future__ import annotations

from typing import Any

import pytest

from stackproof.report.gauges import human_bytes, memory_gauges, stop_gauges


def check(service: str | None, **facts: Any) -> dict[str, Any]:
    """Build what a report says of a case."""
    return {"subject": {"service": service}, "facts": facts}


@pytest.mark.parametrize(
    ("peak", "limit", "level", "share"),
    [(20, 100, "ok", 0.2), (90, 100, "near", 0.9), (150, 100, "over", 1.0)],
)
def test_level(peak: int, limit: int, level: str, share: float) -> None:
    """Above four fifths it is near, above the limit over."""
    checks = [check("web", memory_peak_bytes=peak, memory_limit_bytes=limit)]

    (gauge,) = memory_gauges(checks)

    assert (gauge.level, gauge.share) == (level, share)


def test_worst_counts_and_gaps_are_left_out() -> None:
    """One bar a service; cases without both figures make none."""
    checks = [
        check("web", stop_seconds=1.0, grace_seconds=10.0),
        check("web", stop_seconds=4.0, grace_seconds=10.0),
        check("db", stop_seconds=4.0),
        check("api", stop_seconds=4.0, grace_seconds=0.0),
        check(None, stop_seconds=4.0, grace_seconds=9.0),
    ]

    (gauge,) = stop_gauges(checks)

    assert (gauge.service, gauge.used, gauge.allowed) == ("web", "4.00 s", "10.00 s")


@pytest.mark.parametrize(
    ("number", "text"),
    [(5, "5 B"), (1536, "1.5 KiB"), (3 * 2**20, "3.0 MiB"), (2**31, "2.00 GiB")],
)
def test_sizes_are_readable(number: int, text: str) -> None:
    """Sizes have a unit."""
    assert human_bytes(number) == text
