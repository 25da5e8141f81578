"""POST /v1/deadletters/retry: what was refused once is offered to InfluxDB again.

A record leaves the file only after InfluxDB took its events, or said that they are
older than the retention. A kill in between repeats work and loses nothing: writing a
point twice changes nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Final

import msgspec
import structlog
from aiohttp import web
from msgspec import Meta, Struct

from servicekit.health import iso
from servicekit.http import error_response, json_response

from .counters import Counters, RetryCounts
from .deadletters import DeadLetter, DeadLetters, line_of, read_record
from .errors import (
    DeadLetterError,
    PayloadUnusable,
    PointRefused,
    Reason,
    StoreUnavailable,
    Unavailable,
)
from .influx_state import refusal
from .points import Key, PointBuilder
from .revive import revive
from .writer import Writer

__all__ = ["MAX_IDS", "DeadLetterRetry"]

MAX_IDS: Final = 1_000

_log = structlog.get_logger(__name__)


_Id = Annotated[str, Meta(pattern=r"^[0-9a-f]{24}\Z")]


class _Wish(Struct, forbid_unknown_fields=True):
    """The body of the request; without `ids` all records are meant."""

    ids: Annotated[list[_Id], Meta(max_length=MAX_IDS)] | None = None


_wish = msgspec.json.Decoder(_Wish)
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_Attempt = tuple[DeadLetter, dict[Key, str]]


class DeadLetterRetry:
    """Retries dead letters, one request after another; can be told to stop."""

    def __init__(
        self,
        *,
        builder: PointBuilder,
        writer: Writer,
        dead_letters: DeadLetters,
        counters: Counters,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._builder = builder
        self._writer = writer
        self._dead_letters = dead_letters
        self._counters = counters
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._stopping = False

    async def post_retry(self, request: web.Request) -> web.Response:
        """Answer with what became of the records."""
        try:
            wish = _wish.decode(await request.read())
        except _UNREADABLE as err:
            return error_response(400, "bad_body", str(err))
        try:
            async with self._one_at_a_time:
                done = await self._retry(None if wish.ids is None else {*wish.ids})
        except StoreUnavailable as err:
            return error_response(
                503, err.code, err.message, retry_after=err.retry_after
            )
        except DeadLetterError as err:
            return error_response(503, "dead_letters_unusable", str(err))
        self._counters.retry(done)
        _log.info("deadletters.retried", **msgspec.structs.asdict(done))
        return json_response(done)

    def refuse_new(self) -> None:
        """Give up what is not done; the file stays as it is."""
        self._stopping = True

    async def _retry(self, wanted: set[str] | None) -> RetryCounts:
        done = RetryCounts()

        async def judge(lines: list[bytes]) -> list[bytes]:
            if self._stopping:
                raise refusal(Unavailable.SHUTTING_DOWN, "the service is stopping")
            return await self._judge(lines, wanted, done)

        await self._dead_letters.revise(judge)
        return done

    async def _judge(
        self, lines: list[bytes], wanted: set[str] | None, done: RetryCounts
    ) -> list[bytes]:
        """Return the lines that stay; the others are in InfluxDB."""
        stay: list[bytes | None] = list(lines)
        places: dict[int, int] = {}
        attempts: list[_Attempt] = []
        for place, line in enumerate(lines):
            record = read_record(line)
            if record is None:
                done.unusable += wanted is None
                done.retried += wanted is None
                continue
            if wanted is not None and record.id not in wanted:
                continue
            done.retried += 1
            try:
                attempts.append((record, revive(record, self._builder)))
            except PayloadUnusable:
                done.unusable += 1
                stay[place] = self._tried(record)
            except PointRefused as err:
                done.refused += 1
                stay[place] = self._tried(record, err.reason, err.detail)
            else:
                places[id(record)] = place
        for part in _parts(attempts):
            for record, kept in await self._store(part, done):
                stay[places[id(record)]] = kept
        return [line for line in stay if line is not None]

    async def _store(
        self, part: list[_Attempt], done: RetryCounts
    ) -> list[tuple[DeadLetter, bytes | None]]:
        """Write the points of some records; return the line of each that stays."""
        points = {key: line for _, lines in part for key, line in lines.items()}
        stored = await self._writer.store(points, suspect=_is_suspect(part[0][0]))
        rejects = {(one.entity_id, one.time_us): one for one in stored.rejects}
        after: list[tuple[DeadLetter, bytes | None]] = []
        taken = 0
        for record, lines in part:
            reject = next((rejects[key] for key in lines if key in rejects), None)
            if reject is None:
                taken += 1
                after.append((record, None))
            else:
                line = self._tried(record, reject.reason, reject.detail)
                after.append((record, line))
        expired = min(stored.expired, taken)
        done.expired += expired
        done.stored += taken - expired
        done.refused += len(part) - taken
        return after

    def _tried(
        self, record: DeadLetter, reason: Reason | None = None, detail: str = ""
    ) -> bytes:
        """Return the line of a record that stays, with the latest reason."""
        changes = {} if reason is None else {"reason": reason, "detail": detail}
        return line_of(
            msgspec.structs.replace(
                record,
                retries=record.retries + 1,
                last_retry_at=iso(self._clock()),
                **changes,
            )
        )


def _parts(attempts: list[_Attempt]) -> Iterator[list[_Attempt]]:
    """Cut attempts so that no key is twice in a part; what broke InfluxDB is alone."""
    part: list[_Attempt] = []
    keys: set[Key] = set()
    for attempt in attempts:
        record, points = attempt
        alone = _is_suspect(record) or (part and _is_suspect(part[0][0]))
        if part and (alone or not keys.isdisjoint(points)):
            yield part
            part, keys = [], set()
        part.append(attempt)
        keys.update(points)
    if part:
        yield part


def _is_suspect(record: DeadLetter) -> bool:
    return record.reason is Reason.INTERNAL_ERROR
