"""What the parts of a report are made of: numbers with a range, and closed sets."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

__all__ = [
    "Amount",
    "Confidence",
    "Count",
    "Kind",
    "Label",
    "Part",
    "Percent",
    "Positive",
    "Share",
    "Stage",
    "Text",
]

Amount = Annotated[float, Meta(ge=0)]
Positive = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Text = Annotated[str, Meta(min_length=1)]


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """One object of report.json: a key that is not known is an error, not ignored."""


class Label(StrEnum):
    """Where a number of the verdict comes from."""

    MEASURED = "measured"
    EXTRAPOLATED = "extrapolated"
    ASSUMED = "assumed"


class Kind(StrEnum):
    """What a recommendation rests on."""

    MEASURED = "measured"
    EXTRAPOLATED = "extrapolated"
    RULE_OF_THUMB = "rule_of_thumb"


class Confidence(StrEnum):
    """How sure the first limit is.

    `high`: the demand model and the evidence at the upper bound name the same.
    `medium`: one of them names it, and nothing was seen that speaks against it.
    `low`: the evidence points elsewhere, or nowhere.
    """

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Stage(StrEnum):
    """A stretch of an event's way; each has a latency of its own, in milliseconds.

    `total` runs from the intended time to InfluxDB's acknowledgement and is what the
    objective judges. `queryable` runs from the intended time to the first query that
    finds the event; about one event a second is looked for, and its count says how
    many. The others are pieces of `total`.
    """

    TOTAL = "total"
    QUERYABLE = "queryable"
    SCHEDULE = "schedule"
    HA_TO_INGEST = "ha_to_ingest"
    INGEST_TO_ENRICH = "ingest_to_enrich"
    ENRICH_TO_STORED = "enrich_to_stored"
