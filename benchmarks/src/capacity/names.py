"""The services of the stack, as its Compose files name them."""

from __future__ import annotations

from typing import Final

__all__ = ["ADMIN", "DATABASE", "DATABASE_FOLDER", "ENRICHMENT", "INGESTION", "SOURCE"]

DATABASE: Final = "influxdb"
DATABASE_FOLDER: Final = "/var/lib/influxdb2"
"""Where the database's container has its data."""
INGESTION: Final = "websocket-ingestion"
ENRICHMENT: Final = "enrichment-pipeline"
ADMIN: Final = "admin-api"
SOURCE: Final = "home-assistant"
