"""The charts of the page; each is a function of the document, and pure.

A chart whose numbers are not there is not drawn: its function returns None.
"""

from __future__ import annotations

from .backlog import draw_backlog
from .base import Chart
from .blocks import draw_blocks
from .containers import draw_containers
from .curves import draw_percentiles
from .disk import draw_disk
from .path import draw_search
from .rates import draw_rates
from .stages import draw_stages

__all__ = [
    "Chart",
    "draw_backlog",
    "draw_blocks",
    "draw_containers",
    "draw_disk",
    "draw_percentiles",
    "draw_rates",
    "draw_search",
    "draw_stages",
]
