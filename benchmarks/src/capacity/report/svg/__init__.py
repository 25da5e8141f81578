"""Drawings as SVG text: scales, axes and marks, each of them pure.

Coordinates have one decimal, and nothing depends on time, locale or hash order, so
that the same numbers give the same bytes.
"""

from __future__ import annotations

from .axis import bottom_axis, left_axis
from .element import Drawing, element, group, text
from .frame import Frame
from .marks import SHAPES, area, band, dot, legend, line, rule_x, rule_y, steps
from .scale import Linear, Log, Nines, Scale

__all__ = [
    "SHAPES",
    "Drawing",
    "Frame",
    "Linear",
    "Log",
    "Nines",
    "Scale",
    "area",
    "band",
    "bottom_axis",
    "dot",
    "element",
    "group",
    "left_axis",
    "legend",
    "line",
    "rule_x",
    "rule_y",
    "steps",
    "text",
]
