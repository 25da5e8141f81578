"""What the spool can be asked and told over HTTP: its gaps, and a replay."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
import structlog
from aiohttp import web

from servicekit.http import error_response, json_response

from .errors import ReplayRunning, SpoolError
from .gaps import Gap
from .replay import Replay
from .spool import Spool
from .stats import gap_document, replay_document

__all__ = ["spool_routes"]

_MOST_GAPS: Final = 1000
_SKEW_US: Final = 60_000_000
"""Frames are kept by our clock and asked for by Home Assistant's: what lies between
the two is rather stored twice, which changes nothing, than not at all."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.Response]]


class _Wish(msgspec.Struct, forbid_unknown_fields=True):
    """The body of POST /v1/replay: when the backup was begun, by our clock."""

    since: datetime


def spool_routes(
    spool: Spool,
    renew: Callable[[str], Awaitable[None]],
    *,
    clock: Callable[[], float] = time.time,
) -> list[web.AbstractRouteDef]:
    """Return GET /v1/gaps and POST /v1/replay.

    Args:
        spool: whose gaps and frames these are.
        renew: is told why a new subscription is needed: gaps are closed at one.
        clock: UTC in seconds.
    """

    async def show_gaps(request: web.Request) -> web.Response:
        asked = request.query.get("limit", "100")
        if not asked.isascii() or not asked.isdigit() or len(asked) > 9:
            return error_response(400, "bad_request", "limit is a whole number")
        gaps = await spool.gaps(min(int(asked), _MOST_GAPS))
        return json_response({"gaps": [gap_document(gap) for gap in gaps]})

    async def begin_replay(request: web.Request) -> web.Response:
        try:
            wish = msgspec.json.decode(await request.read(), type=_Wish)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
            return error_response(400, "bad_request", f"the body: {err}")
        if wish.since.tzinfo is None:
            return error_response(400, "bad_request", "since has no time zone")
        now_us = int(clock() * 1e6)
        since_us = max(0, (wish.since - _EPOCH) // _MICROSECOND)
        if since_us > now_us:
            return error_response(400, "bad_request", "since is in the future")
        replay = await spool.replay(since_us)
        gap = await _open_gap(spool, replay, now_us)
        if gap is not None:
            await renew("a replay has opened a gap")
        found = replay_document(replay, gap)
        _log.info("replay.begun", **found["replay"])
        return json_response(found, status=202)

    return [
        web.get("/v1/gaps", _answering(show_gaps)),
        web.post("/v1/replay", _answering(begin_replay)),
    ]


async def _open_gap(spool: Spool, replay: Replay, now_us: int) -> Gap | None:
    """Leave to the history what the spool does not keep any more."""
    if replay.missing_from_us is None:
        return None
    kept_us = replay.retained_since_us
    return await spool.open_gap(
        cause="a replay was asked for that needs more than the kept events",
        from_us=replay.missing_from_us,
        opened_us=now_us,
        until_us=now_us if kept_us is None else kept_us + _SKEW_US,
    )


def _answering(handler: Handler) -> Handler:
    """Turn what the spool raises into an answer."""

    async def answer(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except ReplayRunning as err:
            return error_response(409, "replay_running", str(err), retry_after=10)
        except SpoolError as err:
            return error_response(503, "spool_unreadable", str(err), retry_after=5)

    return answer
