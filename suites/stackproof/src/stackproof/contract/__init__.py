"""What a Compose file declares, and which cases follow from it; starts nothing."""

from __future__ import annotations

from .plan import Plan, Selection, compile_plan
from .source import Contract, read_contract

__all__ = ["Contract", "Plan", "Selection", "compile_plan", "read_contract"]
