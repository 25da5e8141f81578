"""The outline of a drawing: its size, its margins, and its name."""

from __future__ import annotations

from dataclasses import dataclass

from .element import Drawing, coordinate, element, titled

__all__ = ["Frame"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A drawing of `width` by `height`; the plot lies within the margins."""

    width: float = 520.0
    height: float = 300.0
    left: float = 62.0
    right: float = 14.0
    top: float = 34.0
    bottom: float = 44.0

    @property
    def x0(self) -> float:
        """The left end of the plot."""
        return self.left

    @property
    def x1(self) -> float:
        """The right end of the plot."""
        return self.width - self.right

    @property
    def y0(self) -> float:
        """The lower end of the plot."""
        return self.height - self.bottom

    @property
    def y1(self) -> float:
        """The upper end of the plot."""
        return self.top

    def draw(self, *marks: str, label: str, class_: str = "chart") -> Drawing:
        """Return the drawing; *label* is read out in its place."""
        return element(
            "svg",
            titled(label),
            *marks,
            class_=class_,
            viewBox=f"0 0 {coordinate(self.width)} {coordinate(self.height)}",
            role="img",
        )
