"""`history/stream`: what the recorder holds, what it commits next, then live."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from ..protocol.history import (
    GROUPING_SECONDS,
    MAX_STREAMED,
    HistoryAnswer,
    HistoryQuery,
    live_message,
)
from ..protocol.session import Session
from ..world.homeassistant import Watch
from ..world.recorder import Period
from ..world.states import Entity
from ..world.timestamps import SECOND

_TURN_ENTITIES = 16
LONGEST_PAUSE = 0.25
"""Seconds between two looks at the recorder while a commit is awaited."""


async def read_entities(answer: HistoryAnswer, entity_ids: tuple[str, ...]) -> None:
    """Read rows entity by entity and let other work run in between."""
    for place, entity_id in enumerate(entity_ids):
        if place % _TURN_ENTITIES == 0:
            await asyncio.sleep(0)
        answer.add(entity_id)


async def stream_history(
    session: Session, query: HistoryQuery, clock: Callable[[], int]
) -> None:
    """Answer one `history/stream` until it ends or the task is cancelled."""
    if not query.live:
        await _send(session, query, query.period, clock, even_if_empty=True)
        return
    stream = _Live(session, query, clock)
    end_us = query.period.end_us
    seconds = None if end_us is None else (end_us - clock()) / SECOND
    session.home.watch(stream.watch)
    try:
        async with asyncio.timeout(seconds):
            await stream.run()
    except TimeoutError:
        return
    finally:
        session.home.unwatch(stream.watch)


async def _send(
    session: Session,
    query: HistoryQuery,
    period: Period,
    clock: Callable[[], int],
    *,
    even_if_empty: bool,
) -> int:
    """Send what the recorder holds; return the newest row's time, 0 for none."""
    answer = HistoryAnswer(session.home, period)
    await read_entities(answer, query.entity_ids)
    if (answer.newest_us or even_if_empty) and session.streaming(query.command_id):
        end_us = clock() if period.end_us is None else period.end_us
        session.push(answer.stream_message(query.command_id, end_us), clock())
    return answer.newest_us


class _Live:
    """A stream without an end in the past."""

    def __init__(
        self, session: Session, query: HistoryQuery, clock: Callable[[], int]
    ) -> None:
        self.watch = Watch(frozenset(query.entity_ids), self._notify)
        self._session = session
        self._query = query
        self._clock = clock
        self._rows: list[tuple[str, bytes]] = []
        self._arrived = asyncio.Event()

    async def run(self) -> None:
        """Send the past, the rest of the past once it is committed, then changes."""
        query = self._query
        past = replace(query.period, end_us=query.asked_us)
        newest_us = await _send(
            self._session, query, past, self._clock, even_if_empty=True
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            await self._committed()
            # Home Assistant adds a microsecond although its bounds are exclusive, so
            # a row exactly one microsecond after the newest one is left out.
            start_us = (newest_us or query.period.start_us) + 1
            rest = replace(past, start_us=start_us, start_state=False)
            await _send(
                self._session, query, rest, self._clock, even_if_empty=not newest_us
            )

    async def _committed(self) -> None:
        home = self._session.home
        upto = home.journal.last
        while home.recorder.committed < upto:
            wait_us = home.recorder.slot_us - self._clock()
            seconds = max(wait_us, 1_000) / SECOND
            await asyncio.sleep(min(seconds, LONGEST_PAUSE))
            home.recorder.advance(self._clock())

    async def _follow(self) -> None:
        while True:
            await self._arrived.wait()
            await asyncio.sleep(GROUPING_SECONDS)
            rows, self._rows = self._rows, []
            self._arrived.clear()
            if rows and self._session.streaming(self._query.command_id):
                text = live_message(self._query.command_id, rows)
                self._session.push(text, self._clock())

    def _notify(self, entity: Entity) -> None:
        period = self._query.period
        changed = entity.changed_us == entity.high_us
        if entity.created or entity.current is None:
            return
        if not changed and (period.significant_only or period.minimal):
            return
        if entity.high_us <= self._query.asked_us:
            return
        if len(self._rows) >= MAX_STREAMED:
            self._session.unsubscribe(self._query.command_id)
            self._rows.clear()
            return
        home = self._session.home
        row = home.recorder.live_row(entity)
        self._rows.append((entity.entity_id, row))
        self._arrived.set()
