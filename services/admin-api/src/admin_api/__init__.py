"""Shows what the stack does: an HTTP API with an OpenAPI document, and a web page.

It keeps nothing itself: every answer is asked from the other services and InfluxDB.
"""

from __future__ import annotations

__all__: list[str] = []
