"""One folder per run: for machines, for people, and for the next run to compare."""

from __future__ import annotations

__all__: list[str] = []
