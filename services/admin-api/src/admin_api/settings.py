"""What the admin API can be told; see the env files of the stack."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from servicekit.settings import HttpAddress, ServiceSettings

__all__ = ["Settings"]


class Settings(ServiceSettings):
    """Settings of the service."""

    prefixes: ClassVar[tuple[str, ...]] = (
        "ADMIN_",
        "ENRICHMENT_",
        "INFLUXDB_",
        "INGESTION_",
    )

    http_port: int = Field(default=8080, ge=0, le=65535)

    # Shorter tokens can be guessed over the network.
    admin_token: Annotated[SecretStr, Field(min_length=8)]
    admin_timeout_seconds: float = Field(default=5.0, gt=0, le=600)

    ingestion_url: HttpAddress
    enrichment_url: HttpAddress

    influxdb_url: HttpAddress
    influxdb_org: str = Field(min_length=1)
    influxdb_bucket: str = Field(min_length=1)
    influxdb_token: SecretStr | None = None
    influxdb_token_file: Path | None = Field(default=None, validate_default=True)

    @field_validator("influxdb_token_file")
    @classmethod
    def _needs_a_token(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is None and info.data.get("influxdb_token") is None:
            raise ValueError("is missing, and so is INFLUXDB_TOKEN")
        return value
