"""What the one-shot that sets up InfluxDB can be told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, SecretStr

from servicekit.settings import HttpAddress, ServiceSettings

__all__ = ["ProvisionSettings"]

_SECONDS_PER_DAY = 86_400


class ProvisionSettings(ServiceSettings):
    """Settings of `python -m enrichment_pipeline.provision`."""

    prefixes: ClassVar[tuple[str, ...]] = ("INFLUXDB_",)

    # The one-shot does not listen; the field of the base has to have some value.
    http_port: int = Field(default=0, ge=0, le=65535)

    influxdb_url: HttpAddress
    influxdb_org: str = Field(min_length=1)
    influxdb_bucket: str = Field(min_length=1)
    influxdb_retention_days: int = Field(default=365, ge=0, le=36_500)
    influxdb_admin_username: str = Field(min_length=1)
    # InfluxDB's own rule, checked here so that it is reported with all the others.
    influxdb_admin_password: Annotated[SecretStr, Field(min_length=8, max_length=72)]
    influxdb_admin_token: Annotated[SecretStr, Field(min_length=1)]
    influxdb_token_dir: Path
    influxdb_init_timeout_seconds: float = Field(default=120.0, gt=0, le=86_400)

    @property
    def retention_seconds(self) -> int:
        """The retention; 0 keeps data for ever."""
        return self.influxdb_retention_days * _SECONDS_PER_DAY
