"""What runs inside Locust's process; nothing else imports it."""

from __future__ import annotations

__all__: list[str] = []
