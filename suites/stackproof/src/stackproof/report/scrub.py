"""Take the values of a stack's secrets out of everything that is kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..redaction import HIDDEN, redacted, secret_values

# Shorter values are replaced only where they stand alone, and very short ones never: a
# secret of two characters would take every report apart and protects nothing.
_ANYWHERE = 8
_SHORTEST = 3


@dataclass(frozen=True, slots=True)
class Scrubber:
    """Replaces known values in texts."""

    pattern: re.Pattern[str] | None

    @classmethod
    def of(cls, values: Iterable[str]) -> Scrubber:
        """Return a scrubber for these values and for each line of them."""
        found = {
            part.strip()
            for value in values
            for part in (value, *value.splitlines())
            if len(part.strip()) >= _SHORTEST
        }
        if not found:
            return cls(None)
        longest_first = sorted(found, key=lambda value: (-len(value), value))
        return cls(re.compile("|".join(map(_alone_if_short, longest_first))))

    def text(self, text: str) -> str:
        """Return a text without the values."""
        return self.pattern.sub(HIDDEN, text) if self.pattern else text

    def __call__(self, document: Any) -> Any:
        """Return a document without the values in any of its texts; keys stay."""
        if isinstance(document, str):
            return self.text(document)
        if isinstance(document, Mapping):
            return {key: self(value) for key, value in document.items()}
        if isinstance(document, list | tuple):
            return [self(value) for value in document]
        return document

    def evidence(self, document: Any) -> Any:
        """Return a document as it may be kept: also hides by name what it can."""
        return self(redacted(document))


def scrubber_of(document: Mapping[str, Any]) -> Scrubber:
    """Return the scrubber for a stack: its secret files and secret variables.

    Args:
        document: the effective configuration.
    """
    return Scrubber.of([*_secret_files(document), *secret_values(document)])


def _secret_files(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is in the files that the stack declares as secrets."""
    for declared in (document.get("secrets") or {}).values():
        if not isinstance(declared, Mapping):
            continue
        if isinstance(declared.get("content"), str):
            yield declared["content"]
        if isinstance(declared.get("file"), str):
            with suppress(OSError):
                yield Path(declared["file"]).read_text("utf-8", errors="replace")


def _alone_if_short(value: str) -> str:
    escaped = re.escape(value)
    return escaped if len(value) >= _ANYWHERE else rf"(?<!\w){escaped}(?!\w)"
