"""The checks of the matrix."""

from __future__ import annotations

from . import bookkeeping, conduct, delivery
from .check import Check, judged

__all__ = ["CHECKS", "Check", "judged"]

CHECKS = (*delivery.CHECKS, *bookkeeping.CHECKS, *conduct.CHECKS)
