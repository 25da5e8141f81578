"""What scenarios do to a stack; each fault says what shows that it has happened.

A module each for what is hit: `ends` ends services, `database` and `disks` take the
database or room away, `network` cuts links, `source` is Home Assistant itself,
`deployment` what an operator does, `schedule` any of these one after the other.
"""

from __future__ import annotations

from . import database, deployment, disks, ends, network, schedule, source

__all__ = [
    "database",
    "deployment",
    "disks",
    "ends",
    "network",
    "schedule",
    "source",
]
