"""Closes gaps: what Home Assistant did while nobody listened is read from its history.

A gap is written down before anything of the new connection is stored, and closed when
its last row is durable. A connection that breaks in between leaves it open for the
next one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import structlog

from servicekit.health import iso
from servicekit.wire import Origin

from .closing import MARGIN_US, MOST_KNOWN, Closing, Known, keys_of
from .conversation import Conversation
from .errors import CommandRefused, ConversationOver, FrameUnreadable, SpoolError
from .gaps import Gap
from .history import MOST_ENTITIES, SECOND_US, Ask, Pages, Row, parts_of, rows_of
from .ledger import Arrival
from .session import Command
from .spool import Spool

__all__ = ["Backfill", "Patience"]

ENDED_WITHOUT_WARNING: Final = "websocket-ingestion ended without warning"
FIRST_START: Final = "first start"
_DAY_US: Final = 86_400 * SECOND_US
_UNKNOWN_COMMAND: Final = "unknown_command"
_INVALID: Final = frozenset({"invalid_entity_ids", "invalid_format"})

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for history; times in seconds.

    Args:
        settle: after it everything before is committed by Home Assistant's recorder:
            its commit interval (5 s unless configured otherwise) and a margin.
        look: between two looks whether that is so already.
        most: for a recorder that is late; then what it has not shown is given up.
        retry: before a failed request is repeated.
        first_days: how many days to read back at the very first start, 0 for none.
        kept_days: how long Home Assistant keeps its history (`purge_keep_days`).
    """

    settle: float = 7.0
    look: float = 0.5
    most: float = 120.0
    retry: float = 1.0
    first_days: float = 0.0
    kept_days: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """One subscription with open gaps; `began` is monotonic."""

    conversation: Conversation
    gaps: tuple[Gap, ...]
    before: frozenset[str]
    known: Known
    away_us: int
    began: float


class Backfill:
    """Finds the gap of each subscription, and closes all that are open."""

    def __init__(
        self,
        spool: Spool,
        patience: Patience,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spool = spool
        self._patience = patience
        self._clock = clock
        self._monotonic = monotonic
        self._began_before = False
        self._work: _Work | None = None
        self._wake = asyncio.Event()

    async def opened(self, conversation: Conversation) -> None:
        """Write down the gap before a subscription; nothing of it is stored yet.

        Raises:
            SpoolError: it cannot be written down; the subscription must not go on.
        """
        began, now_us = self._monotonic(), self._now_us()
        # What the last connection brought belongs before the gap.
        await self._spool.flush()
        from_us = self._spool.view().counters.last_event_us
        cause = self._cause(conversation.cause, first=not from_us)
        if not from_us and self._patience.first_days:
            from_us = now_us - round(self._patience.first_days * _DAY_US)
        gaps = self._spool.open_gaps
        if from_us:
            gap = await self._spool.open_gap(
                cause=cause, from_us=from_us, opened_us=now_us
            )
            _log.info(
                "gap.opened",
                gap=gap.id,
                cause=cause,
                last_event_at=iso(from_us / 1e6),
                seconds=round((now_us - from_us) / 1e6, 3),
            )
            gaps = (*gaps, gap)
        self._began_before = True
        if gaps:
            known, away_us = await self._look_back(gaps, now_us)
            self._work = _Work(
                conversation=conversation,
                gaps=gaps,
                before=frozenset(self._spool.entities),
                known=known,
                away_us=away_us,
                began=began,
            )
            self._wake.set()

    async def run(self) -> None:
        """Close gaps for ever, those of the newest subscription."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._close_newest()

    async def _close_newest(self) -> None:
        # Nothing of it is kept when it is closed: after a storm it is large.
        work, self._work = self._work, None
        if work is None:
            return
        try:
            await self._close(work)
        except ConversationOver:
            _log.info("gap.left_open", gaps=[gap.id for gap in work.gaps])
        except SpoolError as error:
            _log.warning("gap.left_open", cause=str(error))

    @property
    def _kept_us(self) -> int:
        return round(self._patience.kept_days * _DAY_US)

    def _cause(self, lost: str, *, first: bool) -> str:
        if self._began_before:
            return lost or "the connection was lost"
        if first:
            return FIRST_START
        return self._spool.ended or ENDED_WITHOUT_WARNING

    async def _look_back(self, gaps: tuple[Gap, ...], now_us: int) -> tuple[Known, int]:
        """Return what was received shortly before, and how long nothing was."""
        view = self._spool.view()
        newest = await self._spool.recent(received_since_us=0, max_events=1)
        if not newest:
            return Known(since_us=now_us), 0
        last_us = newest[-1].received_us
        since_us = min(last_us, *(gap.opened_us for gap in gaps)) - MARGIN_US
        frames = await self._spool.recent(
            received_since_us=since_us, max_events=MOST_KNOWN
        )
        known = await asyncio.to_thread(keys_of, frames)
        retained_us = view.retained_since_us or last_us
        if not known.since_us and retained_us > since_us and known.keys:
            known = Known(known.keys, min(us for _, us in known.keys))
        return known, max(0, now_us - last_us)

    async def _close(self, work: _Work) -> None:
        talk = work.conversation
        closing = Closing(
            work.gaps,
            present=await talk.present(),
            before=work.before,
            known=work.known,
            away_us=work.away_us,
            kept_us=self._kept_us,
        )
        if not closing.missing:
            # Should this gap be left open too, it is known where it ends.
            newest = replace(work.gaps[-1], until_us=closing.horizon_us)
            await self._spool.save_gap(newest)
        without = ""
        if closing.entity_ids:
            if await self._has_history(talk):
                await self._await_commit(work, closing)
                await self._fetch(talk, closing, closing.entity_ids)
                if closing.missing:
                    await self._fetch_newborn(work, closing)
                await self._insist(talk, closing)
            else:
                without = "history_not_loaded"
        await self._spool.flush()
        now_us = self._now_us()
        closed = closing.closed(
            now_us,
            without_history=without,
            purged_before_us=now_us - self._kept_us,
        )
        for gap in closed:
            await self._spool.save_gap(gap)
            _log.info(
                "gap.closed",
                gap=gap.id,
                cause=gap.cause,
                entities=gap.entities,
                expected=gap.expected,
                recovered=gap.recovered,
                unrecoverable=gap.unrecoverable,
                reasons=dict(gap.reasons),
                seconds=round(self._monotonic() - work.began, 3),
            )
        gone = set(closing.missing) - talk.live
        if gone:
            await self._spool.forget_entities(gone)

    async def _fetch_newborn(self, work: _Work, closing: Closing) -> None:
        """Ask for entities that were born in the gap and are not in the snapshot.

        Right after a restart of Home Assistant the snapshot is not complete: they show
        only when they come back live, at the latest when it is running.
        """
        talk = work.conversation
        until = self._monotonic() + self._patience.most
        while not (await talk.describe()).running and self._monotonic() < until:
            await talk.pause(self._patience.retry)
        newborn = talk.live - work.before - (await talk.present()).keys()
        if newborn:
            await self._fetch(talk, closing, tuple(sorted(newborn)))

    async def _has_history(self, talk: Conversation) -> bool:
        """Wait until Home Assistant has its history; False if it runs without."""
        while True:
            described = await talk.describe()
            if described.history or described.running:
                return described.history
            await talk.pause(self._patience.retry)

    async def _await_commit(self, work: _Work, closing: Closing) -> None:
        """Wait until the recorder has committed what was before the subscription."""
        talk, until = work.conversation, work.began + self._patience.settle
        while (left := until - self._monotonic()) > 0:
            for name, us in closing.canaries:
                ask = Ask((name,), us - 1000, us + 1000)
                rows = await self._ask(talk, ask)
                if any(row.updated_us == us for row in rows):
                    return
            await talk.pause(min(left, self._patience.look))

    async def _insist(self, talk: Conversation, closing: Closing) -> None:
        """Ask again for changes that history has not shown.

        Until it shows them, or something later: then they are not recorded. A recorder
        that shows nothing at all is given up at last.
        """
        until = self._monotonic() + self._patience.most
        passed = False
        while closing.unproven and not passed and self._monotonic() < until:
            await talk.pause(self._patience.settle)
            passed = await self._shows_later(talk, closing)
            await self._fetch(talk, closing, closing.unproven)

    async def _shows_later(self, talk: Conversation, closing: Closing) -> bool:
        """Tell whether history shows a change that came after all unproven ones."""
        after_us = closing.newest_unproven_us
        witnesses = closing.proven_after(after_us) or tuple(sorted(talk.live))
        if not witnesses:
            return False
        # All since then may be a storm; where it is, the first second shows it.
        for end_us in (after_us + SECOND_US, None):
            ask = Ask(witnesses[:MOST_ENTITIES], after_us, end_us)
            try:
                if await self._ask(talk, ask):
                    return True
            except CommandRefused:
                return False
        return False

    async def _fetch(
        self, talk: Conversation, closing: Closing, entity_ids: tuple[str, ...]
    ) -> None:
        for pages in closing.pages(entity_ids):
            await self._fetch_pages(talk, closing, pages)

    async def _fetch_pages(
        self, talk: Conversation, closing: Closing, pages: Pages
    ) -> None:
        while (ask := pages.next()) is not None:
            try:
                rows = await self._ask(talk, ask)
            except CommandRefused as error:
                closing.give_up(pages.refused())
                _log.info("gap.request_refused", problem=str(error))
                continue
            pages.answered(len(rows))
            missing = closing.take(rows, talk.first_live_us)
            now_us = self._now_us()
            await self._spool.put(
                Arrival(now_us, Origin.BACKFILL, part.events, part.payload)
                for part in parts_of(missing)
            )

    async def _ask(self, talk: Conversation, ask: Ask) -> list[Row]:
        """Return the rows; repeat until Home Assistant answers.

        Raises:
            CommandRefused: it does not answer for one of these entities, or with
                something that cannot be read.
            ConversationOver: the connection ended.
        """
        while True:
            try:
                result = await talk.ask(Command.HISTORY, ask.fields())
                return await asyncio.to_thread(rows_of, result)
            except CommandRefused as error:
                if error.code in _INVALID:
                    raise
                _log.info("gap.request_repeated", problem=str(error))
            except FrameUnreadable as error:
                raise CommandRefused(
                    Command.HISTORY, "unreadable", str(error)
                ) from error
            await talk.pause(self._patience.retry)

    def _now_us(self) -> int:
        return int(self._clock() * 1e6)
