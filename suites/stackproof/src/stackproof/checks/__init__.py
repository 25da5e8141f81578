"""The built-in checks, one module a family."""

from __future__ import annotations

from . import (
    config,
    data,
    discovery,
    health,
    limit,
    ops,
    order,
    restart,
    security,
    stop,
)

__all__ = ["BUILT_IN"]

BUILT_IN = (
    *config.CHECKS,
    *data.CHECKS,
    *discovery.CHECKS,
    *health.CHECKS,
    *limit.CHECKS,
    *ops.CHECKS,
    *order.CHECKS,
    *restart.CHECKS,
    *security.CHECKS,
    *stop.CHECKS,
)
