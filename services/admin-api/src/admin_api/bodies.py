"""Request bodies: checked here, so that a neighbour gets only what it can use. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from .errors import BadParameter

__all__ = ["BODY", "ReplayWish", "RetryWish", "read_replay", "read_retry"]

# Names the body as a whole where no field of it is to blame.
BODY = "body"

_Id = Annotated[str, Meta(pattern=r"^[0-9a-f]{24}\Z")]
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

T = TypeVar("T")


class RetryWish(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which dead letters to retry; without `ids` all of them."""

    ids: Annotated[list[_Id], Meta(max_length=1_000)] | None = None


class ReplayWish(Struct, frozen=True, forbid_unknown_fields=True):
    """When the restored backup was begun; ISO 8601 with an offset.

    What was kept and not stored yet at that time is sent again.
    """

    since: str


def read_retry(body: bytes) -> RetryWish:
    """Return the wish in the body of a retry.

    Raises:
        BadParameter: it is none.
    """
    return _read(body, RetryWish)


def read_replay(body: bytes) -> ReplayWish:
    """Return the wish in the body of a replay.

    Raises:
        BadParameter: it is none, or its time is none.
    """
    wish = _read(body, ReplayWish)
    try:
        moment = datetime.fromisoformat(wish.since)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise BadParameter("since", "must be an ISO 8601 time with an offset")
    return wish


def _read(body: bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=shape)
    except _UNREADABLE as err:
        raise BadParameter(BODY, str(err)) from err
