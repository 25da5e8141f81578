"""What websocket-ingestion can be told by variables or files."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from servicekit.settings import HttpAddress, ServiceSettings, WebSocketAddress

__all__ = ["API_PATH", "Settings"]

API_PATH: Final = "/api/websocket"
"""Path of Home Assistant's WebSocket API; added to an address without a path."""


class Settings(ServiceSettings):
    """The settings of websocket-ingestion; names are those of the variables."""

    prefixes: ClassVar[tuple[str, ...]] = ("HA_", "ENRICHMENT_", "SPOOL_", "FORWARD_")

    http_port: int = Field(default=8001, ge=0, le=65535)

    ha_url: WebSocketAddress
    ha_access_token: SecretStr
    ha_ping_seconds: float = Field(default=20.0, gt=0, le=600)
    ha_reconnect_max_seconds: float = Field(default=30.0, gt=0, le=3600)
    ha_auth_retry_seconds: float = Field(default=60.0, gt=0, le=86_400)
    # Home Assistant's own: the recorder's commit interval with a margin, and its
    # purge_keep_days.
    ha_history_settle_seconds: float = Field(default=7.0, gt=0, le=600)
    ha_history_days: float = Field(default=10.0, gt=0, le=36_500)
    ha_first_backfill_days: float = Field(default=0.0, ge=0, le=36_500)

    enrichment_url: HttpAddress

    spool_path: Path
    spool_max_mb: int = Field(default=2048, ge=1)
    spool_retain_mb: int = Field(default=256, ge=0)
    spool_commit_ms: float = Field(default=10.0, gt=0, le=1000)

    forward_max_events: int = Field(default=5000, ge=1)
    forward_max_kb: int = Field(default=4096, ge=1)
    forward_linger_ms: float = Field(default=20.0, ge=0, le=10_000)
    forward_timeout_seconds: float = Field(default=30.0, gt=0, le=600)

    @field_validator("ha_url")
    @classmethod
    def _add_path(cls, url: str) -> str:
        return url if urlsplit(url).path else f"{url}{API_PATH}"

    @field_validator("ha_access_token")
    @classmethod
    def _not_blank(cls, token: SecretStr) -> SecretStr:
        if not token.get_secret_value().strip():
            msg = "is blank"
            raise ValueError(msg)
        return token
