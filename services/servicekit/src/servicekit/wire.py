"""What websocket-ingestion and enrichment-pipeline say to each other.

A batch travels as msgpack, the outcome comes back as a JSON object. Pure: no I/O.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import msgspec

from .errors import WireError

__all__ = [
    "SCHEMA",
    "Batch",
    "Frame",
    "Origin",
    "Outcome",
    "Source",
    "decode_batch",
    "decode_outcome",
    "encode_batch",
    "encode_outcome",
]

SCHEMA: Final = 2
"""Version of the batch layout; a service refuses any newer one. Since the second one
payloads may be compressed."""

Count = Annotated[int, msgspec.Meta(ge=0)]
# Far above any frame; a batch of such counts still has a sum that JSON can hold.
FrameCount = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class Origin(StrEnum):
    """Where a frame's events come from."""

    LIVE = "live"
    SNAPSHOT = "snapshot"
    BACKFILL = "backfill"


class Frame(msgspec.Struct, array_like=True, frozen=True):
    """One spooled frame.

    A live payload is the raw frame of Home Assistant: one message object or an
    array of messages, of which only the state_changed events count in `events`.
    A snapshot or backfill payload is a JSON array of state objects. Each may be
    compressed (`servicekit.compression`).
    `received_us` is UTC in microseconds since the epoch.
    """

    row: int
    origin: Origin
    received_us: int
    events: FrameCount
    payload: bytes


class Source(msgspec.Struct, array_like=True, frozen=True):
    """What Home Assistant said about itself; None until it has said it."""

    latitude: float | None = None
    longitude: float | None = None
    ha_version: str | None = None


class Batch(msgspec.Struct, array_like=True, frozen=True):
    """The body of one POST /v1/frames."""

    schema: int
    source: Source
    frames: list[Frame]

    @property
    def events(self) -> int:
        """Events in all frames together."""
        return sum(frame.events for frame in self.frames)


class Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of a batch's events; the sum always equals `Batch.events`."""

    written: Count
    merged: Count
    dead_lettered: Count
    expired: Count

    @property
    def total(self) -> int:
        """Events that the outcome accounts for."""
        return self.written + self.merged + self.dead_lettered + self.expired


_encoder = msgspec.msgpack.Encoder()
_batches = msgspec.msgpack.Decoder(Batch)
_outcomes = msgspec.json.Decoder(Outcome)


def encode_batch(batch: Batch) -> bytes:
    """Return the batch as msgpack."""
    return _encoder.encode(batch)


def decode_batch(body: bytes) -> Batch:
    """Return the batch in a request body.

    Raises:
        WireError: the body is no msgpack, has another layout or a newer schema.
    """
    try:
        batch = _batches.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
        raise WireError("batch", str(err)) from err
    if not 1 <= batch.schema <= SCHEMA:
        known = f"this side speaks 1 to {SCHEMA}"
        raise WireError("batch", f"schema {batch.schema}, {known}")
    return batch


def encode_outcome(outcome: Outcome) -> bytes:
    """Return the outcome as a JSON object."""
    return msgspec.json.encode(outcome)


def decode_outcome(body: bytes) -> Outcome:
    """Return the outcome in an answer of enrichment-pipeline.

    Raises:
        WireError: the answer is no JSON object with exactly the four counts.
    """
    try:
        return _outcomes.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
        raise WireError("outcome", str(err)) from err
