"""Which rate is tried next: a state machine without I/O, clock or chance.

`Search.next` says what to try, `Search.observe` takes what was measured. The same
results always lead to the same next trial, so a search that was interrupted is gone
on with by `Search.replay` of the results that were kept.
"""

from __future__ import annotations

from .done import Done, Edge, StopReason
from .extras import EXTRAS
from .machine import Progress, Search
from .plan import Observed
from .profile import FULL, PROFILES, QUICK, STANDARD, Profile

__all__ = [
    "EXTRAS",
    "FULL",
    "PROFILES",
    "QUICK",
    "STANDARD",
    "Done",
    "Edge",
    "Observed",
    "Profile",
    "Progress",
    "Search",
    "StopReason",
]
