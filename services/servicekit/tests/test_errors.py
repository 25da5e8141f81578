"""Errors make their sentence from the data that they hold."""

from __future__ import annotations

import pytest

from servicekit.errors import (
    InfluxQueryFailed,
    InfluxUnreachable,
    ServicekitError,
    SettingsError,
    WireError,
)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        pytest.param(
            SettingsError(("A: is missing",)),
            "settings: 1 problem\n  A: is missing",
            id="one-problem",
        ),
        pytest.param(
            SettingsError(("A: is missing", "B: is bad")),
            "settings: 2 problems\n  A: is missing\n  B: is bad",
            id="two-problems",
        ),
        pytest.param(
            WireError("batch", "truncated"),
            "batch is not readable: truncated",
            id="wire",
        ),
        pytest.param(
            InfluxUnreachable("http://influxdb:8086", "refused"),
            "InfluxDB at http://influxdb:8086 does not answer: refused",
            id="unreachable",
        ),
        pytest.param(
            InfluxQueryFailed(404, "not found", "no bucket"),
            "query refused with 404 not found: no bucket",
            id="query",
        ),
    ],
)
def test_sentence(error: ServicekitError, sentence: str) -> None:
    """Each error reads as one clear sentence."""
    assert str(error) == sentence
