"""When events are due, and how late they left. No I/O, no clock."""

from __future__ import annotations

from .lateness import Lateness
from .meter import Meter
from .schedule import Profile, make_schedule

__all__ = ["Lateness", "Meter", "Profile", "make_schedule"]
