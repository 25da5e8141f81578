"""Elements of a drawing as text (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

__all__ = ["Drawing", "coordinate", "element", "group", "path", "text", "titled"]

Drawing = str


def coordinate(value: float) -> str:
    """Return a number with at most one decimal and without a needless one."""
    shown = f"{value:.1f}"
    shown = shown.removesuffix(".0")
    return "0" if shown == "-0" else shown


def element(tag: str, *children: str, **attributes: str | float) -> Drawing:
    """Return one element; `class_` is its class, other underscores are dashes.

    The children are drawings; `titled` and `text` escape what is words.
    """
    shown = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for name, value in attributes.items()
    )
    inner = "".join(children)
    return f"<{tag}{shown}>{inner}</{tag}>" if inner else f"<{tag}{shown}/>"


def group(*children: str, **attributes: str | float) -> Drawing:
    """Return a group, or nothing for an empty one."""
    return element("g", *children, **attributes) if any(children) else ""


def titled(content: str) -> Drawing:
    """Return the title of what it stands in: shown on hovering, and read out."""
    return element("title", escape(content))


def text(
    content: str, x: float, y: float, *, anchor: str = "start", class_: str = ""
) -> Drawing:
    """Return a text whose baseline is at *y*."""
    placed: dict[str, str | float] = {"x": x, "y": y}
    if class_:
        placed["class_"] = class_
    if anchor != "start":
        placed["text_anchor"] = anchor
    return element("text", escape(content), **placed)


def path(points: Iterable[tuple[float, float]], *, close: bool = False) -> str:
    """Return the `d` of a path along the points."""
    places = [f"{coordinate(x)} {coordinate(y)}" for x, y in points]
    return f"M{'L'.join(places)}{'Z' if close else ''}" if places else ""


def _value(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else coordinate(value)
