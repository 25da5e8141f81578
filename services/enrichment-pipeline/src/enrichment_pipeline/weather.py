"""Weather samples by time, and their line protocol. Pure.

An event takes the last sample observed before it, else the first after it, if that
is no further away than the limit. Missing values stay missing, they never become 0.
"""

from __future__ import annotations

from bisect import bisect_right

from msgspec import Struct

from .attributes import weather_of
from .errors import PointRefused, Reason
from .events import Change, parse_time_us
from .lineprotocol import Field, field_value, line, series_key
from .normalize import (
    pressure_in_hectopascal,
    temperature_in_celsius,
    wind_speed_in_metres_per_second,
)

__all__ = [
    "DOMAIN_PREFIX",
    "MEASUREMENT",
    "History",
    "Sample",
    "event_fields",
    "sample_of",
    "weather_line",
]

MEASUREMENT = "weather"
DOMAIN_PREFIX = "weather."
_NO_CONDITION = frozenset({"", "unknown", "unavailable"})


class Sample(Struct, frozen=True, kw_only=True):
    """Observed weather: °C, %, hPa, m/s; None is unknown."""

    time_us: int
    source: str
    location: str
    temperature: float | None = None
    humidity: float | None = None
    pressure: float | None = None
    wind_speed: float | None = None
    condition: str | None = None

    def fields(self) -> dict[str, Field]:
        """Return the values that are known."""
        values: dict[str, Field | None] = {
            "temperature": self.temperature,
            "humidity": self.humidity,
            "pressure": self.pressure,
            "wind_speed": self.wind_speed,
            "condition": self.condition,
        }
        return {name: value for name, value in values.items() if value is not None}


class History:
    """The latest samples, ordered by time; the oldest leave when it is full."""

    def __init__(self, *, max_age_us: int, max_samples: int = 512) -> None:
        self._max_age_us = max_age_us
        self._max_samples = max_samples
        self._times: list[int] = []
        self._samples: list[Sample] = []
        self._fields: list[str] = []

    def __len__(self) -> int:
        return len(self._times)

    @property
    def latest(self) -> Sample | None:
        """The sample with the latest time."""
        return self._samples[-1] if self._samples else None

    def add(self, sample: Sample) -> bool:
        """Take a sample in; return False when its time is known already.

        Raises:
            PointRefused: the sample holds a value that cannot be stored.
        """
        fields = event_fields(sample)
        at = bisect_right(self._times, sample.time_us)
        if at and self._times[at - 1] == sample.time_us:
            return False
        self._times.insert(at, sample.time_us)
        self._samples.insert(at, sample)
        self._fields.insert(at, fields)
        if len(self._times) > self._max_samples:
            del self._times[0], self._samples[0], self._fields[0]
        return True

    def fields_at(self, time_us: int) -> str:
        """Return the `w_` fields of an event, each with a leading comma, or ""."""
        times = self._times
        if not times:
            return ""
        at = bisect_right(times, time_us)
        if at and time_us - times[at - 1] <= self._max_age_us:
            return self._fields[at - 1]
        if at < len(times) and times[at] - time_us <= self._max_age_us:
            return self._fields[at]
        return ""


def event_fields(sample: Sample) -> str:
    """Return a sample as fields of an event, each with a leading comma."""
    return "".join(
        f",w_{name}={field_value(value)}" for name, value in sample.fields().items()
    )


def weather_line(sample: Sample) -> bytes:
    """Return the sample's own line of the measurement `weather`.

    Raises:
        PointRefused: the sample holds nothing that can be stored.
    """
    fields = sample.fields()
    if not fields:
        raise PointRefused(Reason.BAD_ATTRIBUTES, "no value is known")
    tags = {"source": sample.source, "location": sample.location}
    return line(series_key(MEASUREMENT, tags), fields, sample.time_us)


def sample_of(change: Change) -> Sample | None:
    """Return the sample in a weather entity's state change, or None.

    Units are those that the entity names; a value in an unknown unit is left out.
    """
    attributes = weather_of(change.attributes)
    if change.state is None or attributes is None:
        return None
    try:
        time_us = parse_time_us(change.time)
    except PointRefused:
        return None
    sample = Sample(
        time_us=time_us,
        source="homeassistant",
        location=change.entity_id,
        temperature=temperature_in_celsius(
            attributes.temperature, attributes.temperature_unit
        ),
        humidity=attributes.humidity,
        pressure=pressure_in_hectopascal(attributes.pressure, attributes.pressure_unit),
        wind_speed=wind_speed_in_metres_per_second(
            attributes.wind_speed, attributes.wind_speed_unit
        ),
        condition=None if change.state in _NO_CONDITION else change.state,
    )
    return sample if sample.fields() else None
