"""Sockets, clocks and tasks around the rules: the only part that does I/O."""

from __future__ import annotations

from .simulator import running

__all__ = ["running"]
