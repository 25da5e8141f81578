"""The services of the stack, as its Compose files name them."""

from __future__ import annotations

from typing import Final

__all__ = ["ADMIN", "DATABASE", "ENRICHMENT", "INGESTION", "SOURCE"]

DATABASE: Final = "influxdb"
INGESTION: Final = "websocket-ingestion"
ENRICHMENT: Final = "enrichment-pipeline"
ADMIN: Final = "admin-api"
SOURCE: Final = "home-assistant"
