"""Marks on a plot: lines, areas, dots, bands, rules, and a legend (pure).

What differs, differs in shape or dash too, so that a page in black and white says the
same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from .element import Drawing, coordinate, element, group, path, text, titled
from .frame import Frame

__all__ = [
    "SHAPES",
    "area",
    "band",
    "dot",
    "legend",
    "line",
    "rule_x",
    "rule_y",
    "steps",
]

Point = tuple[float, float]
# Wide enough for the larger letters of a small screen.
_CHARACTER = 8.2


def _circle(x: float, y: float, r: float) -> str:
    c, d = coordinate, coordinate(2 * r)
    return f"M{c(x - r)} {c(y)}a{c(r)} {c(r)} 0 1 0 {d} 0a{c(r)} {c(r)} 0 1 0 -{d} 0Z"


def _cross(x: float, y: float, r: float) -> str:
    return path([(x - r, y - r), (x + r, y + r)]) + path(
        [(x - r, y + r), (x + r, y - r)]
    )


def _triangle(x: float, y: float, r: float) -> str:
    return path([(x, y - r), (x + r, y + r * 0.8), (x - r, y + r * 0.8)], close=True)


def _square(x: float, y: float, r: float) -> str:
    a = r * 0.85
    return path(
        [(x - a, y - a), (x + a, y - a), (x + a, y + a), (x - a, y + a)], close=True
    )


def _diamond(x: float, y: float, r: float) -> str:
    return path([(x, y - r), (x + r, y), (x, y + r), (x - r, y)], close=True)


SHAPES: Final[Mapping[str, Callable[[float, float, float], str]]] = {
    "circle": _circle,
    "cross": _cross,
    "triangle": _triangle,
    "square": _square,
    "diamond": _diamond,
}


def line(points: Iterable[Point], *, class_: str) -> Drawing:
    """Return a line along the points, or nothing for fewer than two."""
    places = list(points)
    return (
        element("path", class_=f"line {class_}", d=path(places)) if places[1:] else ""
    )


def steps(points: Sequence[Point], *, base: float, class_: str) -> Drawing:
    """Return the area between a base line and a curve."""
    if len(points) < 2:
        return ""
    outline = [(points[0][0], base), *points, (points[-1][0], base)]
    return element("path", class_=f"area {class_}", d=path(outline, close=True))


def area(upper: Sequence[Point], lower: Sequence[Point], *, class_: str) -> Drawing:
    """Return the area between two curves."""
    if len(upper) < 2:
        return ""
    outline = [*upper, *reversed(lower)]
    return element("path", class_=f"area {class_}", d=path(outline, close=True))


def dot(
    x: float, y: float, *, shape: str, class_: str, title: str = "", r: float = 4.0
) -> Drawing:
    """Return a mark of one of the shapes; the title shows on hovering."""
    inner = titled(title) if title else ""
    return element(
        "path", inner, class_=f"dot {class_} {shape}", d=SHAPES[shape](x, y, r)
    )


def band(frame: Frame, x0: float, x1: float, *, class_: str = "edge") -> Drawing:
    """Return a vertical band over the height of the plot."""
    left, right = sorted((x0, x1))
    return element(
        "rect",
        class_=f"band {class_}",
        x=left,
        y=frame.y1,
        width=max(1.5, right - left),
        height=frame.y0 - frame.y1,
    )


def rule_y(
    frame: Frame,
    y: float,
    *,
    name: str,
    class_: str,
    at: str = "end",
    below: bool = False,
) -> Drawing:
    """Return a horizontal line with its name at one of its ends."""
    x = frame.x1 - 3 if at == "end" else frame.x0 + 4
    return group(
        element(
            "path", class_=f"rule {class_}", d=path([(frame.x0, y), (frame.x1, y)])
        ),
        text(name, x, y + 14 if below else y - 5, anchor=at, class_="name"),
    )


def rule_x(
    frame: Frame, x: float, *, name: str, class_: str, left: bool = False
) -> Drawing:
    """Return a vertical line with its name beside its upper end."""
    wide = len(name) * _CHARACTER
    left = left or x + 4 + wide > frame.x1
    rule = element(
        "path", class_=f"rule {class_}", d=path([(x, frame.y0), (x, frame.y1)])
    )
    if not name:
        return rule
    return group(
        rule,
        text(
            name,
            x - 4 if left else x + 4,
            frame.y1 + 12,
            anchor="end" if left else "start",
            class_="name",
        ),
    )


def legend(
    frame: Frame, entries: Iterable[tuple[str, str, str]], *, start: float | None = None
) -> Drawing:
    """Return the key above the plot: (name, class, shape); no shape is a line.

    An entry that would leave the drawing begins a line above nothing: the caller keeps
    names short enough for one line.
    """
    x = frame.x0 if start is None else start
    y = frame.y1 - 12
    drawn = []
    for name, class_, shape in entries:
        if shape == "area":
            mark = element(
                "rect", class_=f"area {class_}", x=x, y=y - 9, width=12, height=10
            )
            wide = 12.0
        elif shape:
            mark, wide = dot(x + 5, y - 4, shape=shape, class_=class_), 10.0
        else:
            wide = 24.0
            mark = element(
                "path", class_=f"line {class_}", d=path([(x, y - 4), (x + wide, y - 4)])
            )
        drawn.append(mark + text(name, x + wide + 5, y))
        x += wide + 5 + len(name) * _CHARACTER + 12
    return group(*drawn, class_="legend")
