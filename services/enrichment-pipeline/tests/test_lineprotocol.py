"""Line protocol, read back by a parser that follows InfluxDB's rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrichment_pipeline.errors import PointRefused, Reason
from enrichment_pipeline.lineprotocol import (
    MAX_SERIES_KEY_BYTES,
    MAX_STRING_BYTES,
    Field,
    field_value,
    line,
    quoted,
    series_key,
)

if TYPE_CHECKING:
    from conftest import ParsedLine

    Parse = Callable[[bytes | str], ParsedLine]

names = st.text(min_size=1).filter(lambda text: "\n" not in text and text[-1] != "\\")
values = (
    st.text()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**63), 2**63 - 1)
    | st.booleans()
)


@given(
    measurement=names,
    tags=st.dictionaries(names, names, max_size=4),
    fields=st.dictionaries(names, values, min_size=1, max_size=4),
    time_us=st.integers(-(2**53), 2**53),
)
def test_line_is_read_back_as_it_was(
    parse_line: Parse,
    measurement: str,
    tags: dict[str, str],
    fields: dict[str, float | int | str | bool],
    time_us: int,
) -> None:
    """Every name, tag value and field value survives the notation."""
    parsed = parse_line(line(series_key(measurement, tags), fields, time_us))

    assert parsed.measurement == measurement
    assert parsed.tags == tags
    assert parsed.fields == fields
    assert [type(one) for one in parsed.fields.values()] == [
        type(one) for one in fields.values()
    ]
    assert parsed.time_us == time_us


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (21.5, "21.5"),
        (1e22, "1e+22"),
        (-0.0, "-0.0"),
        (7, "7i"),
        (True, "true"),
        (False, "false"),
        ("", '""'),
        ('say "hi"', r'"say \"hi\""'),
        ("back\\slash", r'"back\\slash"'),
        ("two\nlines", '"two\nlines"'),
        ("°C", '"°C"'),
    ],
)
def test_field_value_has_the_notation_of_its_type(value: Field, written: str) -> None:
    """Floats are bare, integers end in i, texts are quoted and escaped."""
    assert field_value(value) == written


def test_tags_are_sorted_and_escaped() -> None:
    """Tags are in the order of their keys, with commas, equals and spaces escaped."""
    key = series_key("m ,x", {"b": "a,b", "a": "c=d e"})

    assert key == r"m\ \,x,a=c\=d\ e,b=a\,b"


@pytest.mark.parametrize(
    "value", ["", "two\nlines", "trailing\\"], ids=["empty", "newline", "backslash"]
)
def test_tag_value_that_cannot_be_written_is_refused(value: str) -> None:
    """What InfluxDB answers 400 to never leaves this module."""
    with pytest.raises(PointRefused) as caught:
        series_key("state", {"entity_id": value})

    assert caught.value.reason is Reason.BAD_ENTITY_ID


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_float_that_is_not_finite_is_refused(value: float) -> None:
    """NaN and infinities have no notation."""
    with pytest.raises(PointRefused):
        field_value(value)


@pytest.mark.parametrize("letter", ["x", "é", ","])
def test_series_key_is_limited(letter: str) -> None:
    """The limit counts the bytes of the escaped key."""
    escaped = len(letter.replace(",", r"\,").encode())
    room = (MAX_SERIES_KEY_BYTES - len("m,t=")) // escaped

    assert len(series_key("m", {"t": letter * room}).encode()) <= MAX_SERIES_KEY_BYTES
    with pytest.raises(PointRefused) as caught:
        series_key("m", {"t": letter * (room + 1)})
    assert caught.value.reason is Reason.SERIES_KEY_TOO_LONG


@pytest.mark.parametrize("letter", ["x", "é", "💡"])
def test_string_is_limited(letter: str) -> None:
    """The limit counts the bytes of the text, before it is escaped."""
    room = MAX_STRING_BYTES // len(letter.encode())

    assert quoted(letter * room) == f'"{letter * room}"'
    with pytest.raises(PointRefused) as caught:
        quoted(letter * (room + 1))
    assert caught.value.reason is Reason.STRING_TOO_LONG
