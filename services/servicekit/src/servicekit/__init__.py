"""What the services of the stack share; import the module that holds the thing.

Nothing is imported here on purpose: `python -m servicekit.probe` runs every few
seconds in every container and must not pay for an HTTP stack it does not use.
"""

from __future__ import annotations

__all__: list[str] = []
