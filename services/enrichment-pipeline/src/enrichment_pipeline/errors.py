"""What can go wrong in the enrichment pipeline.

```
EnrichmentError
├── PointRefused
├── PayloadUnusable
├── StoreUnavailable
├── DeadLetterError
├── WeatherUnavailable
├── ProvisionError
└── ProvisionLater
```
"""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "DeadLetterError",
    "EnrichmentError",
    "PayloadUnusable",
    "PointRefused",
    "ProvisionError",
    "ProvisionLater",
    "Reason",
    "StoreUnavailable",
    "Unavailable",
    "WeatherUnavailable",
]


class Reason(StrEnum):
    """Why an event went to the dead letters instead of to InfluxDB."""

    BAD_JSON = "bad_json"
    BAD_EVENT = "bad_event"
    BAD_TIMESTAMP = "bad_timestamp"
    BAD_ENTITY_ID = "bad_entity_id"
    BAD_ATTRIBUTES = "bad_attributes"
    TIME_OUT_OF_RANGE = "time_out_of_range"
    SERIES_KEY_TOO_LONG = "series_key_too_long"
    STRING_TOO_LONG = "string_too_long"
    COUNT_MISMATCH = "count_mismatch"
    LINE_REFUSED = "line_refused"
    FIELD_TYPE_CONFLICT = "field_type_conflict"
    POINT_DROPPED = "point_dropped"
    LINE_TOO_LARGE = "line_too_large"
    INTERNAL_ERROR = "internal_error"


class Unavailable(StrEnum):
    """Why nothing can be stored now; these are codes of the HTTP answer 503."""

    UNREACHABLE = "influxdb_unreachable"
    UNAUTHORIZED = "influxdb_unauthorized"
    NOT_FOUND = "influxdb_not_found"
    OVERLOADED = "influxdb_overloaded"
    DEAD_LETTER_FULL = "dead_letter_full"
    SHUTTING_DOWN = "shutting_down"


class EnrichmentError(Exception):
    """Root of every error that this package raises."""


class PointRefused(EnrichmentError):
    """One event cannot become a point, whatever InfluxDB would say."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class PayloadUnusable(EnrichmentError):
    """A dead letter does not hold its event any more, or never did."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause

    def __str__(self) -> str:
        return self.cause


class StoreUnavailable(EnrichmentError):
    """Nothing of the batch may be acknowledged; the sender keeps it and retries."""

    def __init__(self, code: Unavailable, message: str, retry_after: float) -> None:
        super().__init__(code, message, retry_after)
        self.code = code
        self.message = message
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.code}: {self.message} (retry after {self.retry_after:g} s)"


class DeadLetterError(EnrichmentError):
    """The dead-letter file cannot take the records."""

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(path, cause)
        self.path = path
        self.cause = cause

    def __str__(self) -> str:
        return f"dead letters cannot be written to {self.path}: {self.cause}"


class WeatherUnavailable(EnrichmentError):
    """The weather provider gave no usable answer."""

    def __init__(self, provider: str, cause: str) -> None:
        super().__init__(provider, cause)
        self.provider = provider
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.provider}: {self.cause}"


class ProvisionError(EnrichmentError):
    """InfluxDB could not be set up; the message names the fix."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message, exit_code)
        self.message = message
        self.exit_code = exit_code

    def __str__(self) -> str:
        return self.message


class ProvisionLater(EnrichmentError):
    """InfluxDB does not answer, or not usefully; trying again may help."""

    def __init__(self, url: str, cause: str) -> None:
        super().__init__(url, cause)
        self.url = url
        self.cause = cause

    def __str__(self) -> str:
        return f"InfluxDB at {self.url}: {self.cause}"
