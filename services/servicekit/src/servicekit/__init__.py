"""What the services of the stack share; import the module that holds the thing."""

from __future__ import annotations

__all__: list[str] = []
