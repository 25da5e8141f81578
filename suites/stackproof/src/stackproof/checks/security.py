"""SECURITY: being written."""

from __future__ import annotations

from ..check import Check

CHECKS: tuple[Check, ...] = ()
