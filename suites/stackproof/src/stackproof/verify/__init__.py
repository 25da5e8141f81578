"""Start a stack or look at a running one, and judge the cases of a plan."""

from __future__ import annotations

from .live import live_stack
from .owned import owned_stack
from .run import Judge
from .stack import Options, Stack

__all__ = ["Judge", "Options", "Stack", "live_stack", "owned_stack"]
