"""What the kernel's files say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from capacity.resources import Usage, occupied, parse_pressure, parse_stat, used

USAGE = Usage(
    container="c",
    started="2026-11-25T01:00:00Z",
    restarts=0,
    cpu=10.0,
    throttled=1.0,
    memory=100,
    read=5,
    written=7,
    oom_kills=0,
    pressure={"cpu": 2.0},
)


def test_stolen_and_idle_time_are_told_apart() -> None:
    """Time of guests is not counted twice."""
    text = "cpu  100 5 50 800 20 1 4 20 30 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n"
    assert parse_stat(text) == (1_000, 820, 20)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\nfull total=1\n", 2.5),
        ("", None),
    ],
)
def test_pressure_is_unknown_where_it_is_not_kept(
    text: str, seconds: float | None
) -> None:
    """An old kernel has none, which is not 0."""
    assert parse_pressure(text) == seconds


def test_what_was_used_is_a_difference() -> None:
    """Sums are subtracted; memory is the peak of all looks."""
    after = replace(
        USAGE, cpu=12.5, throttled=1.5, memory=90, written=27, pressure={"cpu": 3.0}
    )
    found = used(USAGE, after, peak=150, seconds=10.0)
    assert (found.cpu, found.throttled, found.io_bytes) == (2.5, 0.5, 20)
    assert (found.memory_peak, found.restarts) == (150, 0)
    assert found.cpu_pressure == pytest.approx(0.1)
    assert found.io_pressure is None


def test_a_container_that_began_anew_counts_from_there() -> None:
    """Its sums began at 0, and it is a restart even where the engine made it."""
    after = replace(USAGE, started="2026-11-25T02:00:00Z", cpu=13.0, throttled=0.2)
    found = used(USAGE, after, peak=0, seconds=10.0)
    assert (found.cpu, found.throttled, found.restarts) == (13.0, 0.2, 1)


@pytest.mark.parametrize(
    "rows",
    [
        {"total_cache": 400, "total_shmem": 30, "cache": 7},
        {"file": 400, "shmem": 30, "anon": 9},
    ],
    ids=["cgroup v1", "cgroup v2"],
)
def test_cache_of_files_is_nobodys_memory(rows: dict[str, int]) -> None:
    """It is given back when it is needed; a tmpfs is not."""
    assert occupied(500, rows) == 130
    assert occupied(300, rows) == 0
