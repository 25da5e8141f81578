"""The integration suite runs on one reference stack of its own."""

from __future__ import annotations

from reference_stack.fixtures import *  # noqa: F403
