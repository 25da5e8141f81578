"""What the tests of this distribution share."""

from __future__ import annotations

from hypothesis import settings

# A shared machine is slow at times; what is tested has no clock.
settings.register_profile("capacity", deadline=None)
settings.load_profile("capacity")
