"""Attributes stay the JSON that Home Assistant sent, without white space."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from enrichment_pipeline.attributes import compact, unit_of, weather_of
from enrichment_pipeline.errors import PointRefused, Reason

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[][{},:]|[^][{},:"\s]+')

documents = st.dictionaries(
    st.text(),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    ),
)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"{}", b"{}"),
        (b"{ }", b"{}"),
        (b'{"a":1}', b'{"a":1}'),
        (b'{"a": 1, "b" : [1 , 2]}', b'{"a":1,"b":[1,2]}'),
        (b'{"a":"b, c: {d}"}', b'{"a":"b, c: {d}"}'),
        (b'{"a":"Living Room 2"}', b'{"a":"Living Room 2"}'),
        (b'{"a":"Living Room 2","b":1 ,"c":2}', b'{"a":"Living Room 2","b":1,"c":2}'),
        (b'{"a":"Living Room"} ', b'{"a":"Living Room"}'),
        (b'{"a":"x \\" y : z"}', b'{"a":"x \\" y : z"}'),
        (b'{"a" : "x \\" y"}', b'{"a":"x \\" y"}'),
        (b'{\n\t"a":1.50}', b'{"a":1.50}'),
    ],
)
def test_white_space_between_tokens_goes(raw: bytes, expected: bytes) -> None:
    """Only white space outside of strings is taken out; numbers stay as written."""
    assert compact(raw) == expected


@given(document=documents)
def test_compact_json_is_reused_and_loose_json_made_compact(
    document: dict[str, object],
) -> None:
    """Both spellings of a document give the same bytes, those of the compact one."""
    for escaped in (True, False):
        tight = json.dumps(document, separators=(",", ":"), ensure_ascii=escaped)
        loose = json.dumps(document, indent=1, ensure_ascii=escaped)

        assert compact(tight.encode()) == tight.encode()
        assert compact(loose.encode()) == tight.encode()


@given(document=documents, data=st.data())
def test_white_space_at_a_single_place_is_found(
    document: dict[str, object], data: st.DataObject
) -> None:
    """Between any two tokens or at the end, beside any texts that have spaces too."""
    tight = json.dumps({"Living Room": "warm, dry", **document}, separators=(",", ":"))
    tokens = _TOKEN.findall(tight)
    assert "".join(tokens) == tight
    place = data.draw(st.integers(1, len(tokens)))
    tokens.insert(place, data.draw(st.sampled_from([" ", "\t", "\n", "\r", "  "])))

    assert compact("".join(tokens).encode()) == tight.encode()


@pytest.mark.parametrize("raw", [b"[1]", b'"text"', b"5", b"true", b""])
def test_what_is_no_object_is_refused(raw: bytes) -> None:
    """Attributes are an object or nothing."""
    with pytest.raises(PointRefused) as caught:
        compact(raw)

    assert caught.value.reason is Reason.BAD_ATTRIBUTES


@pytest.mark.parametrize(
    ("raw", "unit"),
    [
        (b'{"unit_of_measurement":"\xc2\xb0C"}', "°C"),
        (b'{"x":1,"unit_of_measurement":"kWh","y":[2]}', "kWh"),
        (b'{"friendly_name":"unit_of_measurement"}', ""),
        (b'{"nested":{"unit_of_measurement":"W"}}', ""),
        (b'{"unit_of_measurement":null}', ""),
        (b'{"unit_of_measurement":5}', ""),
        (b'{"unit_of_measurement":""}', ""),
        (b"{}", ""),
    ],
)
def test_unit_is_the_entitys_own(raw: bytes, unit: str) -> None:
    """Only a text at the top level is the unit."""
    assert unit_of(raw) == unit


def test_weather_attributes_are_read() -> None:
    """Values that are missing stay unknown."""
    found = weather_of(Raw(b'{"temperature":4,"temperature_unit":"\xc2\xb0C","x":[1]}'))

    assert found is not None
    assert (found.temperature, found.temperature_unit) == (4.0, "°C")
    assert (found.humidity, found.pressure, found.wind_speed) == (None, None, None)


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"temperature":"warm"}'])
def test_odd_weather_attributes_are_of_no_use(raw: bytes) -> None:
    """What cannot be read is no weather."""
    assert weather_of(Raw(raw)) is None
