"""Every line that is accepted reads back as what was meant.

benchmarks/fuzz.py runs it for longer.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from enrichment_pipeline.errors import PointRefused
from enrichment_pipeline.events import Change
from enrichment_pipeline.lineprotocol import Field, line, series_key
from enrichment_pipeline.points import PointBuilder, with_recorded
from enrichment_pipeline.weather import History, sample_of, weather_line

if TYPE_CHECKING:
    from conftest import ParsedLine

    Parse = Callable[[bytes | str], ParsedLine]

# What line protocol gives a meaning to, and what a parser trips over.
marks = st.text(st.sampled_from(' ,="\\\n\r\t\0\u2028aé\N{FIRE}.'), max_size=8)
texts = marks | st.text(max_size=20)
times = st.datetimes(timezones=st.timezones() | st.none()).map(datetime.isoformat)
numbers = st.integers().map(str) | st.floats().map(repr)
documents = st.dictionaries(
    texts | st.just("unit_of_measurement"),
    st.none() | texts | st.floats() | st.lists(texts, max_size=3),
    max_size=4,
)


@st.composite
def attributes(draw: st.DrawFn) -> Raw:
    """Attributes as JSON, compact or not, sometimes damaged or none."""
    document = draw(documents)
    space = draw(st.sampled_from(["", " ", "\n\t"]))
    text = json.dumps(
        document,
        separators=(f",{space}", f":{space}"),
        ensure_ascii=draw(st.booleans()),
    ).encode()
    if draw(st.integers(0, 4)) == 0:
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.binary(max_size=3)) + text[at:]
    return Raw(draw(st.sampled_from([text, text, text, b"", b"null"])))


changes = st.builds(
    Change,
    texts | st.builds("{}.{}".format, texts, texts),
    times | texts,
    st.none() | texts | numbers,
    attributes(),
    times | texts,
)


@given(change=changes, recorded=st.booleans())
def test_point_reads_back_as_its_change(
    parse_line: Parse, change: Change, *, recorded: bool
) -> None:
    """Tags, state and attributes are the same texts, the time the same moment."""
    try:
        key, text = PointBuilder(lambda _: "").build(change, recorded=recorded)
    except PointRefused:
        return
    parsed = parse_line(text)
    epoch = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    moment = epoch + timedelta(microseconds=parsed.time_us)
    assert moment == datetime.fromisoformat(change.time)
    assert key == (change.entity_id, parsed.time_us)
    assert parsed.tags["entity_id"] == change.entity_id
    assert parsed.tags["domain"] == change.entity_id.partition(".")[0]
    assert parsed.fields.get("state", "") == (change.state or "")
    assert "" not in parsed.fields.values()
    assert parsed.fields.get("removed", False) is (change.state is None)
    assert parsed.fields.get("state_empty", False) is (change.state == "")
    raw = bytes(change.attributes)
    kept = parsed.fields.get("attrs_recorded" if recorded else "attrs")
    if change.state is not None and raw not in (b"", b"null"):
        assert repr(json.loads(str(kept))) == repr(json.loads(raw))


@given(live=changes, recorded=changes)
def test_union_of_two_sources_changes_nothing_else(
    parse_line: Parse, live: Change, recorded: Change
) -> None:
    """The live line is whole, the recorder's attributes are beside it."""
    builder = PointBuilder(lambda _: ",w_temperature=1.5")
    try:
        key, text = builder.build(live)
        _, other = builder.build(recorded, recorded=True)
        union = with_recorded(text, key, recorded)
    except PointRefused:
        return
    fields = parse_line(union).fields
    name = "attrs_recorded"
    assert {k: v for k, v in fields.items() if k != name} == parse_line(text).fields
    if recorded.state is not None:
        assert fields.get(name) == parse_line(other).fields.get(name)


values: st.SearchStrategy[Field] = (
    texts | st.booleans() | st.floats() | st.integers(-(2**63), 2**63 - 1)
)


@given(
    measurement=texts,
    tags=st.dictionaries(texts, texts, max_size=3),
    fields=st.dictionaries(st.sampled_from(["a", "b_c", "w"]), values, min_size=1),
    time_us=st.integers(-(2**62), 2**62),
)
def test_any_line_reads_back(
    parse_line: Parse,
    measurement: str,
    tags: dict[str, str],
    fields: dict[str, Any],
    time_us: int,
) -> None:
    """Values keep their type and every character."""
    try:
        text = line(series_key(measurement, tags), fields, time_us)
    except PointRefused:
        return
    parsed = parse_line(text)
    assert (parsed.measurement, parsed.tags) == (measurement, tags)
    assert parsed.time_us == time_us
    assert repr(parsed.fields) == repr(fields)


units = st.sampled_from(
    ["°C", "°F", "K", "hPa", "inHg", "psi", "m/s", "km/h", "mph", "Beaufort"]
)
weather = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(
            ("temperature", "humidity", "pressure", "wind_speed"),
            st.floats() | st.integers() | st.none() | texts,
        ),
        **dict.fromkeys(
            ("temperature_unit", "pressure_unit", "wind_speed_unit"),
            units | texts,
        ),
    },
)


@given(
    document=weather,
    state=texts | st.none() | st.sampled_from(["sunny", "unknown"]),
    time=times | st.just("2026-11-23T14:47:56+00:00"),
    location=texts,
)
def test_weather_is_finite_or_absent(
    parse_line: Parse, document: dict[str, Any], state: str, time: str, location: str
) -> None:
    """Whatever a weather entity tells, lines with it read back."""
    raw = Raw(json.dumps(document).encode())
    sample = sample_of(Change(f"weather.{location}", time, state, raw, ""))
    history = History(max_age_us=1_000_000)
    try:
        if sample is None or not history.add(sample):
            return
        own = parse_line(weather_line(sample))
    except PointRefused:
        return
    event = parse_line(f'state,e=x state=""{history.fields_at(sample.time_us)} 1')
    assert own.tags == {"source": "homeassistant", "location": sample.location}
    assert own.fields == sample.fields()
    assert event.fields == {"state": ""} | {
        f"w_{name}": value for name, value in sample.fields().items()
    }
