"""What enrichment-pipeline does with a batch, up to the body for InfluxDB."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from enrichment_pipeline.batch import compose
from enrichment_pipeline.events import Change, decode_live
from enrichment_pipeline.latency import Latency
from enrichment_pipeline.points import PointBuilder
from servicekit.wire import SCHEMA, Batch, Frame, Origin, Source, decode_batch
from servicekit.wire import encode_batch as encoded

pytestmark = pytest.mark.timeout(120)

RECEIVED_US = 1_795_600_000_000_000
SIZES = (1, 100)


def batch(payload: bytes, events: int, frames: int = 1) -> Batch:
    """Return a batch of the same frame."""
    found = [
        Frame(
            row=row,
            origin=Origin.LIVE,
            received_us=RECEIVED_US,
            events=events,
            payload=payload,
        )
        for row in range(1, frames + 1)
    ]
    return Batch(SCHEMA, Source(), found)


@pytest.mark.parametrize("events", SIZES)
def test_wire(
    timed: Callable[..., Any], make_frame: Callable[..., bytes], events: int
) -> None:
    """Read the body that websocket-ingestion sends."""
    body = encoded(batch(make_frame(events), events))

    found = timed(decode_batch, body, events=events)

    assert found.events == events


@pytest.mark.parametrize("events", SIZES)
def test_decode(
    timed: Callable[..., Any], make_frame: Callable[..., bytes], events: int
) -> None:
    """Read the events of a frame; attributes stay raw."""
    changes = timed(decode_live, make_frame(events), events, events=events)

    assert all(isinstance(change, Change) for change in changes)


@pytest.mark.parametrize("weather", ["", ",weather_temperature=8.5"])
def test_line_protocol(
    timed: Callable[..., Any], make_frame: Callable[..., bytes], weather: str
) -> None:
    """Turn changes into lines: normalised, escaped, with a time."""
    changes = decode_live(make_frame(100), 100)
    builder = PointBuilder(lambda _time_us: weather)

    def build() -> list[str]:
        return [builder.build(c)[1] for c in changes if isinstance(c, Change)]

    lines = timed(build, events=100)

    assert len(lines) == 100
    assert all(weather in line for line in lines)


@pytest.mark.parametrize("stages", ["timed", "untimed"])
@pytest.mark.parametrize("events", [1, 10, 100])
def test_enrich(
    timed: Callable[..., Any],
    make_frame: Callable[..., bytes],
    events: int,
    stages: str,
) -> None:
    """Frame in, body out; with and without the histograms of the stages."""
    given = batch(make_frame(events), events)
    builder = PointBuilder(lambda _time_us: "")
    latency = Latency()
    arrived = RECEIVED_US / 1e6 + 0.01

    def enrich() -> bytes:
        composed = compose(given, builder)
        body = "\n".join(composed.points.values()).encode()
        if stages == "timed":
            latency.record(composed.ages, arrived=arrived, written=arrived + 0.02)
        return body

    body = timed(enrich, events=events)

    assert body.count(b"\n") == events - 1
