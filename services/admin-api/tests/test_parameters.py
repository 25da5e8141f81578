"""Query parameters are what they are declared to be, or are named."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin_api.errors import BadParameter
from admin_api.parameters import AFTER, ENTITY_ID, LIMIT, MINUTES, refuse_unknown


@pytest.mark.parametrize(
    ("text", "number"), [(None, 50), ("1", 1), ("1000", 1000), ("007", 7)]
)
def test_whole_number_within_bounds(text: str | None, number: int) -> None:
    """A number is read; without one the default holds."""
    assert LIMIT.parse(text) == number


@pytest.mark.parametrize(
    "text",
    ["", "0", "1001", "-1", "+1", "1.0", "1e2", " 1", "1_0", "²", "\u0661", "9" * 5000],
)
def test_other_numbers_are_refused(text: str) -> None:
    """Everything else is refused by name, however long it is."""
    with pytest.raises(BadParameter) as caught:
        LIMIT.parse(text)

    assert str(caught.value) == "limit: must be a whole number from 1 to 1000"


@pytest.mark.parametrize("text", ["sensor.kitchen", "binary_sensor.x_2", "a.b"])
def test_entity_id_is_a_slug(text: str) -> None:
    """What Home Assistant calls an entity id is taken."""
    assert ENTITY_ID.parse(text) == text
    assert ENTITY_ID.parse(None) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sensor",
        "Sensor.X",
        "sensor.x\n",
        'sensor.x" or true',
        "sensor.${x}",
        "a.b.c",
        "a." + "x" * 300,
    ],
)
def test_other_entity_ids_are_refused(text: str) -> None:
    """Nothing that could mean something else in a query gets through."""
    with pytest.raises(BadParameter, match=r"^entity_id: must match"):
        ENTITY_ID.parse(text)


@given(text=st.text())
def test_entity_id_never_holds_a_special_character(text: str) -> None:
    """Whatever is sent is refused or harmless."""
    parsed: str | None = "refused"
    with contextlib.suppress(BadParameter):
        parsed = ENTITY_ID.parse(text)

    assert set(parsed or "?") <= set("abcdefghijklmnopqrstuvwxyz0123456789_.")


def test_cursor_is_hexadecimal() -> None:
    """The id of a dead letter has 24 digits."""
    assert AFTER.parse("0123456789abcdef01234567") == "0123456789abcdef01234567"
    with pytest.raises(BadParameter):
        AFTER.parse("0123")


def test_unknown_parameter_is_named_with_the_known_ones() -> None:
    """A typo does not silently change what is asked for."""
    refuse_unknown({"limit": "1"}, [LIMIT, MINUTES])

    with pytest.raises(BadParameter) as caught:
        refuse_unknown({"limits": "1"}, [LIMIT, MINUTES])
    assert str(caught.value) == "limits: is unknown; known: limit, minutes"
