"""Tests of scales, axes and marks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.report.svg import (
    SHAPES,
    Frame,
    Linear,
    Log,
    Nines,
    bottom_axis,
    dot,
    element,
    legend,
    line,
    rule_x,
    rule_y,
    text,
)
from capacity.report.svg.element import coordinate
from capacity.report.svg.scale import nice_step


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (-0.04, "0"),
        (1.0, "1"),
        (1.25, "1.2"),
        (-3.14, "-3.1"),
        (1e6, "1000000"),
    ],
)
def test_coordinate_has_one_decimal(value: float, shown: str) -> None:
    """Coordinates are short, and there is one zero."""
    assert coordinate(value) == shown


def test_words_in_a_drawing_are_escaped() -> None:
    """A name from outside cannot become markup, as text or as an attribute."""
    assert text("<b>&", 1, 2) == '<text x="1" y="2">&lt;b&gt;&amp;</text>'
    assert element("g", class_='"><script>') == (
        '<g class="&quot;&gt;&lt;script&gt;"/>'
    )
    assert "&lt;i&gt;" in dot(1, 2, shape="circle", class_="p99", title="<i>")


def test_linear_scale_maps_and_clips() -> None:
    """Between the ends in proportion, at the rim outside of them."""
    scale = Linear(low=0, high=10, start=100, end=0)

    assert [scale(v) for v in (-1, 0, 5, 10, 11)] == [100, 100, 50, 0, 0]


@pytest.mark.parametrize(
    ("high", "top", "ticks"),
    [
        (0.0, 1.0, (0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        (0.83, 1.0, (0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        (36600, 40000, (0, 10000, 20000, 30000, 40000)),
    ],
)
def test_linear_scale_ends_at_a_tick(
    high: float, top: float, ticks: tuple[float, ...]
) -> None:
    """The axis ends at a round number; nothing measured makes one of its own."""
    scale = Linear.covering(high, start=0, end=1)

    assert scale.high == pytest.approx(top)
    assert scale.ticks(5) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("low", "high", "about", "ticks"),
    [
        (20, 1000, 6, (20, 50, 100, 200, 500, 1000)),
        (1, 100000, 6, (1, 10, 100, 1000, 10000, 100000)),
        (0.1, 1e9, 4, (0.1, 100, 1e5, 1e8)),
    ],
)
def test_log_scale_has_round_ticks(
    low: float, high: float, about: int, ticks: tuple[float, ...]
) -> None:
    """Fewer factors, then fewer powers, until the ticks have room."""
    scale = Log(low=low, high=high, start=0, end=1)

    assert scale.ticks(about) == pytest.approx(ticks)


@given(
    st.floats(1e-3, 1e6),
    st.floats(1.0, 1e6),
)
def test_log_scale_covers_what_it_is_made_for(low: float, factor: float) -> None:
    """Both ends lie within, and the places keep the order."""
    high = low * factor
    scale = Log.covering(low, high, start=0, end=100)

    assert scale.low <= low * (1 + 1e-9)
    assert scale.high >= high * (1 - 1e-9)
    assert 0 <= scale(low) <= scale(high) <= 100
    assert scale(scale.low / 2) == 0


def test_nines_are_equally_far() -> None:
    """90, 99 and 99.9 % have the same distance; beyond the end is the end."""
    scale = Nines(nines=3, start=0, end=300)

    assert [scale(s) for s in (0, 0.9, 0.99, 0.999, 1.0)] == pytest.approx(
        [0, 100, 200, 300, 300]
    )
    assert scale.ticks(8) == pytest.approx((0, 0.5, 0.9, 0.99, 0.999))


@given(st.floats(1e-9, 1e12), st.integers(1, 12))
def test_step_is_1_2_or_5(span: float, about: int) -> None:
    """A step is round, and cuts a span into about as many parts as asked."""
    step = nice_step(span, about)

    assert f"{step:e}"[0] in "125"
    assert span / step <= about * (1 + 1e-6)
    assert span / step >= about / 2.6


def test_labels_that_would_touch_are_left_out() -> None:
    """Ticks stay, their names give way."""
    frame = Frame(width=200)
    scale = Linear(low=0, high=100, start=frame.x0, end=frame.x1)

    axis = bottom_axis(frame, scale, label="x", shown=lambda v: f"{v:012.3f}", about=10)

    assert axis.count("<text") < 4
    assert axis.count("M") > 10


def test_every_shape_is_another_drawing() -> None:
    """Outcomes can be told apart without colour."""
    drawn = {name: shape(10, 10, 4) for name, shape in SHAPES.items()}

    assert len(set(drawn.values())) == len(SHAPES) == 5


def test_name_of_a_rule_stays_within() -> None:
    """At the right rim the name goes to the left of its line."""
    frame = Frame()

    assert 'text-anchor="end"' in rule_x(frame, frame.x1 - 5, name="full", class_="bad")
    assert "anchor" not in rule_x(frame, frame.x0 + 5, name="full", class_="bad")
    assert "<text" not in rule_x(frame, 100, name="", class_="faint")
    assert "limit" in rule_y(frame, 50, name="limit", class_="limit")


def test_a_single_point_makes_no_line() -> None:
    """One measurement is a mark, not a trend."""
    assert line([(1, 2)], class_="p99") == ""
    assert line([(1, 2), (3, 4)], class_="p99") == (
        '<path class="line p99" d="M1 2L3 4"/>'
    )


def test_legend_shows_what_it_explains() -> None:
    """Lines, areas and marks are shown as they are drawn."""
    drawn = legend(
        Frame(), [("a", "p99", ""), ("b", "s1", "area"), ("c", "fail", "cross")]
    )

    assert [drawn.count(part) for part in ("line p99", "area s1", "fail cross")] == [
        1,
        1,
        1,
    ]


def test_drawing_has_a_name_for_who_cannot_see_it() -> None:
    """The title comes first, where screen readers look."""
    drawn = Frame(width=100, height=50).draw(label="Disk")

    assert drawn == (
        '<svg class="chart" viewBox="0 0 100 50" role="img"><title>Disk</title></svg>'
    )
