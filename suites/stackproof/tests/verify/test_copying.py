"""Tests of `stackproof.verify.copying`."""

from __future__ import annotations

from typing import Any

import pytest

from stackproof.verify.copying import is_crowded

OVERLAPS = (
    "failed to create network x_front: Error response from daemon: Pool overlaps with "
    "other one on this address space"
)


def networks(*subnets: str) -> dict[str, Any]:
    """Return a configuration with a network for each range, and one without."""
    made: dict[str, Any] = {
        f"n{number}": {"ipam": {"config": [{"subnet": subnet}]}}
        for number, subnet in enumerate(subnets)
    }
    return {"networks": {**made, "default": None, "other": {"ipam": {}}}}


@pytest.mark.parametrize(
    ("problem", "document", "crowded"),
    [
        (OVERLAPS, networks("172.30.1.0/24", "172.30.2.0/24"), True),
        (f"invalid pool request: {OVERLAPS}", networks("172.30.1.0/24"), True),
        (OVERLAPS, networks("172.30.1.0/24", "fd00::/64"), True),
        (OVERLAPS, networks("172.30.0.0/16", "172.30.2.0/24"), False),
        (OVERLAPS, networks("fd00::/64"), False),
        (OVERLAPS, {}, False),
        ("no such image", networks("172.30.1.0/24"), False),
    ],
)
def test_somebody_elses_range(
    problem: str,
    document: dict[str, Any],
    crowded: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Where the file contradicts itself, other ranges would only hide it."""
    assert is_crowded(problem, document) is crowded
