"""How long hypothesis looks: the same each time in tests, for longer in fuzzing."""

from __future__ import annotations

from hypothesis import settings

# A busy machine is no reason to fail, and no example is worth a folder of its own.
settings.register_profile("quiet", deadline=None, database=None, derandomize=True)
settings.register_profile("fuzz", deadline=None, database=None, max_examples=2_000)
settings.load_profile("quiet")
