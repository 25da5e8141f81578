"""The tables of values and units."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrichment_pipeline.normalize import (
    domain_of,
    pressure_in_hectopascal,
    temperature_in_celsius,
    value_of,
    wind_speed_in_metres_per_second,
)


@pytest.mark.parametrize(
    ("state", "value"),
    [
        ("21.5", 21.5),
        ("0", 0.0),
        ("-3", -3.0),
        ("+4.25", 4.25),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("on", 1.0),
        ("off", 0.0),
        ("open", 1.0),
        ("closed", 0.0),
        ("home", 1.0),
        ("not_home", 0.0),
        ("locked", 1.0),
        ("unlocked", 0.0),
        ("true", 1.0),
        ("false", 0.0),
    ],
)
def test_state_has_a_value(state: str, value: float) -> None:
    """Numbers and the words of the table are floats."""
    assert value_of(state) == value


@pytest.mark.parametrize(
    "state",
    [
        "",
        "unknown",
        "unavailable",
        "On",
        "idle",
        "nan",
        "inf",
        "-inf",
        "1e400",
        "1_000",
        "12 kWh",
        "1,5",
        "2026-11-23",
        "--",
        "١٢",
    ],
)
def test_state_has_no_value(state: str) -> None:
    """Everything else has no value, above all no 0 and no infinity."""
    assert value_of(state) is None


@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_value_is_the_number_that_was_written(number: float) -> None:
    """A finite float survives the way through the state's text exactly."""
    assert value_of(repr(number)) == number


@given(state=st.text())
def test_value_is_always_finite_or_absent(state: str) -> None:
    """No text leads to a value that line protocol cannot carry."""
    value = value_of(state)

    assert value is None or math.isfinite(value)


@pytest.mark.parametrize(
    ("entity_id", "domain"),
    [("sensor.a", "sensor"), ("a.b.c", "a"), ("nodot", "nodot"), (".x", "")],
)
def test_domain_is_the_part_before_the_dot(entity_id: str, domain: str) -> None:
    """The domain ends at the first dot."""
    assert domain_of(entity_id) == domain


@pytest.mark.parametrize(
    ("value", "unit", "celsius"),
    [
        (21.5, "°C", 21.5),
        (50.0, "°F", 10.0),
        (300.0, "K", 26.85),
        (0.0, "°F", -160 / 9),
    ],
)
def test_temperature_becomes_celsius(value: float, unit: str, celsius: float) -> None:
    """Each unit of temperature is converted."""
    assert temperature_in_celsius(value, unit) == pytest.approx(celsius)


@pytest.mark.parametrize(
    ("value", "unit", "hectopascal"),
    [
        (1013.25, "hPa", 1013.25),
        (1013.25, "mbar", 1013.25),
        (101_325.0, "Pa", 1013.25),
        (101.325, "kPa", 1013.25),
        (1.01325, "bar", 1013.25),
        (29.9213, "inHg", 1013.25),
        (760.0, "mmHg", 1013.25),
        (14.6959, "psi", 1013.25),
    ],
)
def test_pressure_becomes_hectopascal(
    value: float, unit: str, hectopascal: float
) -> None:
    """Each unit of pressure is converted."""
    assert pressure_in_hectopascal(value, unit) == pytest.approx(hectopascal, rel=1e-5)


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (10.0, "m/s"),
        (36.0, "km/h"),
        (22.3694, "mph"),
        (19.4384, "kn"),
        (32.8084, "ft/s"),
    ],
)
def test_wind_speed_becomes_metres_per_second(value: float, unit: str) -> None:
    """Each unit of wind speed is converted; all of these are 10 m/s."""
    assert wind_speed_in_metres_per_second(value, unit) == pytest.approx(10, rel=1e-5)


def test_missing_value_or_unknown_unit_stays_absent() -> None:
    """Nothing becomes 0 because it is missing or not understood."""
    assert temperature_in_celsius(None, "°C") is None
    assert temperature_in_celsius(20.0, "") is None
    assert pressure_in_hectopascal(1000.0, "hectopascal") is None
    assert wind_speed_in_metres_per_second(4.0, "Beaufort") is None
