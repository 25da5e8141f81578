"""LIMIT: declared limits are in force, are enforced, and are enough."""

from __future__ import annotations

from . import limit_enforced, limit_use, limit_values

CHECKS = (*limit_values.CHECKS, *limit_enforced.CHECKS, *limit_use.CHECKS)
