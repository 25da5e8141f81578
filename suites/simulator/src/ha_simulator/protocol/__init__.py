"""What Home Assistant says to its clients: the WebSocket API without a socket."""

from __future__ import annotations

from .outbox import Outbox
from .session import Session

__all__ = ["Outbox", "Session"]
