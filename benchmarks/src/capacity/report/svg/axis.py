"""Axes: grid lines, tick labels, and what is measured (pure)."""

from __future__ import annotations

from collections.abc import Callable

from .element import Drawing, element, group, path, text
from .frame import Frame
from .scale import Scale

__all__ = ["bottom_axis", "left_axis"]

_CHARACTER = 7.2


def bottom_axis(
    frame: Frame,
    scale: Scale,
    *,
    label: str,
    shown: Callable[[float], str],
    about: int = 6,
    grid: bool = False,
) -> Drawing:
    """Return the axis below the plot; labels that would touch are left out."""
    lines, words = [], []
    free = float("-inf")
    for tick in scale.ticks(about):
        x, name = scale(tick), shown(tick)
        half = len(name) * _CHARACTER / 2
        lines.append(path([(x, frame.y1 if grid else frame.y0), (x, frame.y0 + 4)]))
        if x - half < free:
            continue
        free = x + half + 6
        words.append(text(name, x, frame.y0 + 17, anchor="middle"))
    return group(
        element("path", class_="grid", d="".join(lines)),
        element(
            "path", class_="axis", d=path([(frame.x0, frame.y0), (frame.x1, frame.y0)])
        ),
        *words,
        text(label, (frame.x0 + frame.x1) / 2, frame.height - 8, anchor="middle"),
        class_="scale",
    )


def left_axis(
    frame: Frame,
    scale: Scale,
    *,
    label: str,
    shown: Callable[[float], str],
    about: int = 5,
) -> Drawing:
    """Return the axis left of the plot, with a line across it for each tick."""
    ticks = scale.ticks(about)
    lines = [path([(frame.x0, scale(t)), (frame.x1, scale(t))]) for t in ticks]
    return group(
        element("path", class_="grid", d="".join(lines)),
        *(text(shown(t), frame.x0 - 6, scale(t) + 4, anchor="end") for t in ticks),
        text(label, 4, 14),
        class_="scale",
    )
