"""Flux texts: no value leaves its literal."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin_api.queries import literal, probe, recent_events, windows

FLUX_STRING = re.compile(r'"(?:[^"\\$\x00-\x1f\x7f]|\\x[0-9a-f]{2}|\\\\|\\")*"')
ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|(.))")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("ha", '"ha"'),
        ('a"b', r'"a\"b"'),
        ("a\\b", r'"a\\b"'),
        ("${r}", r'"\x24{r}"'),
        ("a\nb\tc\x00", r'"a\x0ab\x09c\x00"'),
        ("Küche", '"Küche"'),
        ('") |> yield(name: "x', r'"\") |> yield(name: \"x"'),
    ],
)
def test_literal_is_escaped(text: str, written: str) -> None:
    """Quotes, backslashes, interpolations and control characters are escaped."""
    assert literal(text) == written


@given(text=st.text())
def test_literal_is_one_string_that_means_the_text(text: str) -> None:
    """Any text is one string literal, without interpolation, that reads the same."""
    written = literal(text)

    assert FLUX_STRING.fullmatch(written)
    read = ESCAPE.sub(
        lambda found: chr(int(found[1], 16)) if found[1] else found[2], written[1:-1]
    )
    assert read == text


@given(bucket=st.text(), entity_id=st.text())
def test_values_do_not_change_the_query_around_them(
    bucket: str, entity_id: str
) -> None:
    """With its literals taken out, the query is the same for every value."""

    def skeleton(query: str) -> str:
        return FLUX_STRING.sub("_", query)

    usual = recent_events("ha", entity_id="sensor.a", minutes=5, limit=7)
    query = recent_events(bucket, entity_id=entity_id, minutes=5, limit=7)

    assert skeleton(query) == skeleton(usual)
    assert skeleton(probe(bucket)) == skeleton(probe("ha"))


def test_query_is_bounded_in_time_and_number() -> None:
    """Range and limit are in the query, the entity only if it is asked for."""
    every = recent_events("ha", entity_id=None, minutes=5, limit=7)
    one = recent_events("ha", entity_id="sensor.a", minutes=5, limit=7)

    assert 'from(bucket: "ha")' in every
    assert "range(start: -5m, stop: 1d)" in every
    assert every.count("n: 7)") == 2
    assert "entity_id ==" not in every
    assert 'r._measurement == "state" and r.entity_id == "sensor.a")' in one


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [(1, [1]), (5, [1, 5]), (60, [1, 8, 60]), (10_080, [1, 8, 64, 512, 4096, 10_080])],
)
def test_look_back_widens_step_by_step(minutes: int, expected: list[int]) -> None:
    """The last step is always the whole time that was asked for."""
    assert list(windows(minutes)) == expected
