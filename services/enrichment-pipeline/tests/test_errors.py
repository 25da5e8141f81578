"""Errors hold data and say it in one sentence."""

from __future__ import annotations

import pytest

from enrichment_pipeline.errors import (
    DeadLetterError,
    EnrichmentError,
    PointRefused,
    ProvisionError,
    ProvisionLater,
    Reason,
    StoreUnavailable,
    Unavailable,
    WeatherUnavailable,
)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (PointRefused(Reason.BAD_JSON, "no JSON"), "bad_json: no JSON"),
        (
            StoreUnavailable(Unavailable.OVERLOADED, "busy", 2.5),
            "influxdb_overloaded: busy (retry after 2.5 s)",
        ),
        (
            DeadLetterError("/d/f", "full"),
            "dead letters cannot be written to /d/f: full",
        ),
        (WeatherUnavailable("openmeteo", "HTTP 500"), "openmeteo: HTTP 500"),
        (ProvisionError("ORG: wrong", 3), "ORG: wrong"),
        (ProvisionLater("http://i", "refused"), "InfluxDB at http://i: refused"),
    ],
)
def test_error_says_what_it_knows(error: EnrichmentError, sentence: str) -> None:
    """The sentence names the evidence."""
    assert str(error) == sentence
