"""Query parameters: declared once, for checking them and for the OpenAPI document.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import BadParameter

__all__ = [
    "AFTER",
    "ENTITY_ID",
    "LIMIT",
    "MINUTES",
    "Parameter",
    "Text",
    "Whole",
    "refuse_unknown",
]

# Longer texts are no ids; checked before the pattern.
_LONGEST_TEXT = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A whole number within bounds."""

    name: str
    description: str
    minimum: int
    maximum: int
    default: int

    def parse(self, text: str | None) -> int:
        """Return the number, the default without one.

        Raises:
            BadParameter: no number, or out of bounds.
        """
        if text is None:
            return self.default
        # Ten digits are more than any bound; int() would take many more.
        number = int(text) if re.fullmatch(r"[0-9]{1,10}", text) else -1
        if not self.minimum <= number <= self.maximum:
            problem = f"must be a whole number from {self.minimum} to {self.maximum}"
            raise BadParameter(self.name, problem)
        return number

    def schema(self) -> dict[str, Any]:
        """Return its JSON schema."""
        return {
            "type": "integer",
            "minimum": self.minimum,
            "maximum": self.maximum,
            "default": self.default,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text of a pattern; it may be left out."""

    name: str
    description: str
    pattern: str

    def parse(self, text: str | None) -> str | None:
        """Return the text, None without one.

        Raises:
            BadParameter: it does not fit the pattern.
        """
        if text is None:
            return None
        if len(text) > _LONGEST_TEXT or not re.fullmatch(self.pattern, text):
            raise BadParameter(self.name, f"must match {self.pattern}")
        return text

    def schema(self) -> dict[str, Any]:
        """Return its JSON schema."""
        return {
            "type": "string",
            "pattern": f"^{self.pattern}$",
            "maxLength": _LONGEST_TEXT,
        }


Parameter = Whole | Text

# The slug that Home Assistant itself demands of an entity id.
ENTITY_ID = Text(
    name="entity_id",
    description="Only events of this entity.",
    pattern=r"[a-z0-9_]+\.[a-z0-9_]+",
)
MINUTES = Whole(
    name="minutes",
    description="How far to look back.",
    minimum=1,
    maximum=7 * 24 * 60,
    default=60,
)
LIMIT = Whole(
    name="limit",
    description="The most entries to return.",
    minimum=1,
    maximum=1_000,
    default=50,
)
AFTER = Text(
    name="after",
    description="The `next` of the page before.",
    pattern=r"[0-9a-f]{24}",
)


def refuse_unknown(query: Mapping[str, str], known: Iterable[Parameter]) -> None:
    """Refuse a parameter that the route does not have.

    Raises:
        BadParameter: names it.
    """
    names = {parameter.name for parameter in known}
    for name in query:
        if name not in names:
            wanted = ", ".join(sorted(names)) or "none"
            raise BadParameter(name[:_LONGEST_TEXT], f"is unknown; known: {wanted}")
