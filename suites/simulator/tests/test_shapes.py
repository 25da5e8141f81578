"""Tests of the prepared attributes."""

from __future__ import annotations

import msgspec
import pytest

from ha_simulator.errors import ControlError
from ha_simulator.world import shapes
from ha_simulator.world.shapes import Shape, Shapes


@pytest.mark.parametrize(
    ("shape", "intended_us", "attributes"),
    [
        (Shape("r", None, 0), 0, {"serial": 5, "run_id": "r"}),
        (
            Shape("r", "W", 0),
            9,
            {
                "serial": 5,
                "run_id": "r",
                "intended_us": 9,
                "unit_of_measurement": "W",
                "state_class": "measurement",
            },
        ),
        (
            Shape('ä"', None, 3),
            0,
            {"serial": 5, "run_id": 'ä"', "payload": "xxx"},
        ),
    ],
)
def test_attributes_are_valid_json(
    shape: Shape, intended_us: int, attributes: dict[str, object]
) -> None:
    """Attributes hold serial and run id, and time, unit and padding if asked for."""
    assert msgspec.json.decode(shape.attributes(5, intended_us)) == attributes


def test_equal_shapes_share_a_number() -> None:
    """Asking twice for one shape gives one number."""
    known = Shapes()

    assert known.number("a", unit="W") == known.number("a", unit="W")
    assert known.number("a", unit="W") != known.number("a", unit="kW")
    assert known[known.number("b")].run_id == "b"


def test_too_many_shapes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that invents run ids without end gets an error, not more memory."""
    monkeypatch.setattr(shapes, "MAX_SHAPES", 2)
    known = Shapes()
    known.number("a")
    known.number("b")

    with pytest.raises(ControlError, match="too_many_runs"):
        known.number("c")
    assert known.number("a") == 0
