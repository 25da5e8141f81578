"""Takes every state change from Home Assistant and hands it on without loss.

Run it with `python -m websocket_ingestion`.
"""

from __future__ import annotations

__all__: list[str] = []
