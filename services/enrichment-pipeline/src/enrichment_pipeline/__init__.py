"""Decodes Home Assistant's events, adds the weather and stores them in InfluxDB.

The service keeps nothing but its dead letters: it acknowledges a batch only after
InfluxDB has acknowledged it.
"""

from __future__ import annotations

__all__: list[str] = []
