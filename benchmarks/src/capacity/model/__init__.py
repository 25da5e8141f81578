"""What the measurements mean: demand, limits, memory, disk, outages. Pure.

Everything here extrapolates from measured trials; whoever shows a figure says so.
"""

from __future__ import annotations

from .bottleneck import Bottleneck, Confidence, Evidence, bottleneck_of
from .bursts import Burst, Look, burst_of
from .demand import Demand, Load, demand_of
from .disk import DiskForecast, StorageCost, days_to_full, forecast, shard_seconds
from .drain import drain_seconds, longest_outage, sustained_for
from .limits import Ceiling, Change, Container, Gain, ceilings, gain_of
from .memory import MemoryModel, MemoryPoint, memory_of
from .usl import Usl, usl_of

__all__ = [
    "Bottleneck",
    "Burst",
    "Ceiling",
    "Change",
    "Confidence",
    "Container",
    "Demand",
    "DiskForecast",
    "Evidence",
    "Gain",
    "Load",
    "Look",
    "MemoryModel",
    "MemoryPoint",
    "StorageCost",
    "Usl",
    "bottleneck_of",
    "burst_of",
    "ceilings",
    "days_to_full",
    "demand_of",
    "drain_seconds",
    "forecast",
    "gain_of",
    "longest_outage",
    "memory_of",
    "shard_seconds",
    "sustained_for",
    "usl_of",
]
