"""Samples by time, and what they add to events."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from enrichment_pipeline.errors import PointRefused
from enrichment_pipeline.events import Change
from enrichment_pipeline.weather import (
    History,
    Sample,
    event_fields,
    sample_of,
    weather_line,
)

if TYPE_CHECKING:
    from conftest import ParsedLine

    Parse = Callable[[bytes | str], ParsedLine]

MINUTE = 60_000_000
MAX_AGE = 30 * MINUTE


def sample(time_us: int, temperature: float | None = 1.0, **values: Any) -> Sample:
    """Return a sample of a place."""
    return Sample(
        time_us=time_us,
        source="openmeteo",
        location="1.0,2.0",
        temperature=temperature,
        **values,
    )


def history(*times: int) -> History:
    """Return a history of samples whose temperature is their minute."""
    filled = History(max_age_us=MAX_AGE)
    for time_us in times:
        filled.add(sample(time_us, time_us / MINUTE))
    return filled


@pytest.mark.parametrize(
    ("minute", "expected"),
    [
        (100, "100.0"),
        (104, "100.0"),
        (110, "110.0"),
        (140, "110.0"),
        (141, None),
        (99, "100.0"),
        (70, "100.0"),
        (69, None),
    ],
)
def test_event_takes_the_sample_before_it_else_the_one_after(
    minute: int, expected: str | None
) -> None:
    """Up to the limit on either side; beyond it there is no weather."""
    found = history(100 * MINUTE, 110 * MINUTE).fields_at(minute * MINUTE)

    assert found == ("" if expected is None else f",w_temperature={expected}")


def test_no_sample_no_fields() -> None:
    """An empty history adds nothing."""
    assert history().fields_at(0) == ""
    assert history().latest is None


@given(times=st.lists(st.integers(0, 10_000), max_size=30), at=st.integers(0, 10_000))
def test_order_of_arrival_does_not_matter(times: list[int], at: int) -> None:
    """A late sample gets its place, so a replay finds the same weather."""
    arrived = history(*(time * MINUTE for time in times))
    in_order = history(*(time * MINUTE for time in sorted(times)))

    assert arrived.fields_at(at * MINUTE) == in_order.fields_at(at * MINUTE)


def test_same_time_is_taken_once() -> None:
    """A second sample of the same moment changes nothing."""
    filled = history(MINUTE)

    assert filled.add(sample(MINUTE, 99.0)) is False
    assert filled.fields_at(MINUTE) == ",w_temperature=1.0"


def test_oldest_leaves_when_full() -> None:
    """The history is bounded."""
    filled = History(max_age_us=MAX_AGE, max_samples=2)
    for minute in (3, 1, 2):
        filled.add(sample(minute * MINUTE, float(minute)))

    assert len(filled) == 2
    assert filled.fields_at(0) == ",w_temperature=2.0"
    assert filled.latest == sample(3 * MINUTE, 3.0)


def test_missing_values_are_absent() -> None:
    """Only what is known becomes a field; a known 0 does."""
    partly = sample(MINUTE, None, humidity=0.0, condition='rain, "heavy"')

    assert event_fields(partly) == r',w_humidity=0.0,w_condition="rain, \"heavy\""'


def test_line_of_the_measurement(parse_line: Parse) -> None:
    """A sample has a line of its own, tagged with its source and place."""
    full = sample(
        MINUTE, 4.5, humidity=80.0, pressure=1013.2, wind_speed=3.1, condition="Clouds"
    )

    parsed = parse_line(weather_line(full))

    assert parsed.measurement == "weather"
    assert parsed.tags == {"source": "openmeteo", "location": "1.0,2.0"}
    assert parsed.time_us == MINUTE
    assert parsed.fields == {
        "temperature": 4.5,
        "humidity": 80.0,
        "pressure": 1013.2,
        "wind_speed": 3.1,
        "condition": "Clouds",
    }


def test_sample_without_values_has_no_line() -> None:
    """A point needs a field."""
    with pytest.raises(PointRefused):
        weather_line(sample(MINUTE, None))


def of_entity(state: str | None, attributes: bytes, time: str = "") -> Sample | None:
    """Return the sample in a change of a weather entity."""
    time = time or "2026-11-23T14:47:56+00:00"
    return sample_of(Change("weather.home", time, state, Raw(attributes), time))


def test_weather_entity_is_converted() -> None:
    """Values come in the units that the entity names."""
    found = of_entity(
        "cloudy",
        b'{"temperature":50,"temperature_unit":"\xc2\xb0F","humidity":81,'
        b'"pressure":29.92,"pressure_unit":"inHg","wind_speed":36,'
        b'"wind_speed_unit":"km/h"}',
    )

    assert found is not None
    assert found.time_us == 1_795_445_276_000_000
    assert (found.source, found.location) == ("homeassistant", "weather.home")
    assert found.temperature == pytest.approx(10.0)
    assert found.humidity == 81.0
    assert found.pressure == pytest.approx(1013.2, abs=0.1)
    assert found.wind_speed == pytest.approx(10.0)
    assert found.condition == "cloudy"


def test_weather_entity_without_units_keeps_what_needs_none() -> None:
    """A temperature in an unknown unit is left out."""
    found = of_entity("sunny", b'{"temperature":20,"humidity":40}')

    assert found is not None
    assert found.fields() == {"humidity": 40.0, "condition": "sunny"}


@pytest.mark.parametrize(
    ("state", "attributes", "time"),
    [
        (None, b"", ""),
        ("unavailable", b"{}", ""),
        ("unknown", b'{"temperature":5}', ""),
        ("sunny", b"[]", ""),
        ("sunny", b"{}", "today"),
    ],
    ids=["removed", "unavailable", "no unit", "odd attributes", "odd time"],
)
def test_weather_entity_may_say_nothing(
    state: str | None, attributes: bytes, time: str
) -> None:
    """What holds no usable value is no sample."""
    assert of_entity(state, attributes, time) is None
