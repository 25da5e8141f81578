"""Elements of a drawing as text (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

__all__ = ["Drawing", "coordinate", "element", "group", "path", "text"]

Drawing = str


def coordinate(value: float) -> str:
    """Return a number with at most one decimal and without a needless one."""
    shown = f"{value:.1f}"
    shown = shown.removesuffix(".0")
    return "0" if shown == "-0" else shown


def element(
    tag: str, *children: str, content: str | None = None, **attributes: str | float
) -> Drawing:
    """Return one element; `class_` is its class, other underscores are dashes."""
    shown = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for name, value in attributes.items()
    )
    inner = "".join(children) + ("" if content is None else escape(content))
    return f"<{tag}{shown}>{inner}</{tag}>" if inner else f"<{tag}{shown}/>"


def group(*children: str, **attributes: str | float) -> Drawing:
    """Return a group, or nothing for an empty one."""
    return element("g", *children, **attributes) if any(children) else ""


def text(
    content: str, x: float, y: float, *, anchor: str = "start", class_: str = ""
) -> Drawing:
    """Return a text whose baseline is at *y*."""
    more = {"class_": class_} if class_ else {}
    if anchor != "start":
        more["text_anchor"] = anchor
    return element("text", content=content, x=x, y=y, **more)


def path(points: Iterable[tuple[float, float]], *, close: bool = False) -> str:
    """Return the `d` of a path along the points."""
    places = [f"{coordinate(x)} {coordinate(y)}" for x, y in points]
    return f"M{'L'.join(places)}{'Z' if close else ''}" if places else ""


def _value(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else coordinate(value)
