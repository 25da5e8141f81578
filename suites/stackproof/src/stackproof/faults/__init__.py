"""Faults as context managers: each heals on the way out, also when the test fails.

Here are those that need nothing but Compose. The others need the rights of a probe and
are imported by module: `crash` ends main processes from the host, `partition` cuts the
network between two services, `disks` makes small file systems and fills them.
"""

from __future__ import annotations

from .containers import killed, paused, stopped

__all__ = ["killed", "paused", "stopped"]
