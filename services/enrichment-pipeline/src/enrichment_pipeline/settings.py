"""What the enrichment pipeline can be told; see the env files of the stack."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from pydantic import (
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from servicekit.settings import HttpAddress, ServiceSettings

__all__ = ["Provider", "Settings"]


class Provider(StrEnum):
    """Where the weather comes from."""

    AUTO = "auto"
    OPENWEATHERMAP = "openweathermap"
    OPENMETEO = "openmeteo"
    HOMEASSISTANT = "homeassistant"
    OFF = "off"


class Settings(ServiceSettings):
    """Settings of the service."""

    prefixes: ClassVar[tuple[str, ...]] = ("DEADLETTER_", "INFLUXDB_", "WEATHER_")

    http_port: int = Field(default=8002, ge=0, le=65535)

    influxdb_url: HttpAddress
    influxdb_org: str = Field(min_length=1)
    influxdb_bucket: str = Field(min_length=1)
    influxdb_token: SecretStr | None = None
    influxdb_token_file: Path | None = Field(default=None, validate_default=True)
    influxdb_timeout_seconds: float = Field(default=10.0, gt=0, le=600)

    deadletter_path: Path
    deadletter_max_mb: int = Field(default=256, ge=1, le=1_048_576)

    weather_api_key: SecretStr | None = None
    weather_provider: Provider = Provider.AUTO
    weather_api_url: HttpAddress | None = None
    weather_latitude: float | None = Field(default=None, ge=-90, le=90)
    weather_longitude: float | None = Field(
        default=None, ge=-180, le=180, validate_default=True
    )
    # OpenWeatherMap allows 60 calls a minute; a faster refresh would be refused.
    weather_refresh_seconds: float = Field(default=600.0, ge=1, le=86_400)
    weather_timeout_seconds: float = Field(default=10.0, gt=0, le=600)
    weather_max_age_seconds: float = Field(default=1800.0, gt=0, le=31_536_000)

    @property
    def effective_provider(self) -> Provider:
        """The provider that "auto" stands for: a key decides."""
        if self.weather_provider is not Provider.AUTO:
            return self.weather_provider
        if self.weather_api_key and self.weather_api_key.get_secret_value():
            return Provider.OPENWEATHERMAP
        return Provider.HOMEASSISTANT

    @field_validator("influxdb_token_file")
    @classmethod
    def _needs_a_token(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is None and info.data.get("influxdb_token") is None:
            raise ValueError("is missing, and so is INFLUXDB_TOKEN")
        return value

    @field_validator("weather_provider")
    @classmethod
    def _needs_a_key(cls, value: Provider, info: ValidationInfo) -> Provider:
        key = info.data.get("weather_api_key")
        if value is Provider.OPENWEATHERMAP and not (key and key.get_secret_value()):
            raise ValueError("openweathermap needs WEATHER_API_KEY")
        return value

    @field_validator("weather_longitude")
    @classmethod
    def _needs_both(cls, value: float | None, info: ValidationInfo) -> float | None:
        if (value is None) != (info.data.get("weather_latitude") is None):
            raise ValueError("and WEATHER_LATITUDE must both be set, or neither")
        return value
