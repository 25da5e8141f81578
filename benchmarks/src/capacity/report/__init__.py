"""What people and build servers read of a run: page, picture, JUnit, and the index.

All of it follows from report.json alone, and from the same document follow the same
bytes; the picture alone may differ between versions of its library.
"""

from __future__ import annotations

from .sentence import completed, pieces, sentence

__all__ = ["completed", "pieces", "sentence"]
