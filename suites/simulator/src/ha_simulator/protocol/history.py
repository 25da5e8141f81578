"""The two history commands: which requests are valid, and what they answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import msgspec

from ..errors import CommandError
from ..world.homeassistant import HomeAssistant
from ..world.recorder import Period
from ..world.timestamps import parse, timestamp
from . import messages

HISTORY: Final = "history/history_during_period"
STREAM: Final = "history/stream"
MAX_STREAMED: Final = 2_048
"""Live changes a stream queues; one more ends it without a word, as in HA."""
GROUPING_SECONDS: Final = 0.35
"""A stream collects live changes for this long before it sends them."""

_DATE_AND_TIME: Final = re.compile(r"\d{4}-\d{1,2}-\d{1,2}[T ]\d{1,2}:\d{1,2}")
_CRASHED: Final = ("unknown_error", "Unknown error")
_SLUG: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


def valid_entity_id(entity_id: str) -> bool:
    """Tell if the text is domain.object_id: two slugs without a double underscore."""
    parts = entity_id.split(".")
    return (
        len(parts) == 2
        and "__" not in entity_id
        and all(part and part == part.strip("_") for part in parts)
        and all(_SLUG.issuperset(part) for part in parts)
    )


class HistoryCommand(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The parameters of both commands, with Home Assistant's defaults."""

    id: int
    type: str
    start_time: str
    entity_ids: list[str]
    end_time: str = ""
    include_start_time_state: bool = True
    significant_changes_only: bool = True
    minimal_response: bool = False
    no_attributes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryQuery:
    """A valid request that needs the recorder, which answers later."""

    command_id: int
    entity_ids: tuple[str, ...]
    period: Period
    asked_us: int
    stream: bool

    @property
    def live(self) -> bool:
        """Does the stream go on after what the recorder holds?"""
        end_us = self.period.end_us
        return self.stream and (end_us is None or end_us > self.asked_us)


def parse_query(
    home: HomeAssistant, command: HistoryCommand, now_us: int
) -> HistoryQuery | None:
    """Validate a request; None when `history_during_period` has nothing to look up.

    Raises:
        CommandError: invalid_start_time, invalid_end_time or invalid_entity_ids.
    """
    stream = command.type == STREAM
    start_us = _parse(command.start_time)
    if start_us is None or (stream and start_us > now_us):
        raise CommandError("invalid_start_time", "Invalid start_time")
    end_us: int | None = None
    if command.end_time:
        end_us = _parse(command.end_time)
        if end_us is None or (stream and end_us < start_us):
            raise CommandError("invalid_end_time", "Invalid end_time")
    if start_us > now_us:
        return None
    if not command.entity_ids:
        raise CommandError(*_CRASHED)
    for entity_id in command.entity_ids:
        known = home.states.find(entity_id.lower())
        if (known is None or known.current is None) and not valid_entity_id(entity_id):
            raise CommandError("invalid_entity_ids", "Invalid entity_ids")
    return HistoryQuery(
        command_id=command.id,
        entity_ids=tuple(command.entity_ids),
        period=Period(
            start_us=start_us,
            end_us=end_us,
            start_state=command.include_start_time_state,
            significant_only=command.significant_changes_only,
            minimal=command.minimal_response,
            no_attributes=command.no_attributes,
        ),
        asked_us=now_us,
        stream=stream,
    )


def _parse(text: str) -> int | None:
    """Read a time; None if it is none.

    Raises:
        CommandError: it looks like one, but there is no such day or hour: Home
            Assistant's parser does not catch that.
    """
    us = parse(text)
    if us is None and _DATE_AND_TIME.match(text):
        raise CommandError(*_CRASHED)
    return us


class HistoryAnswer:
    """Collects rows entity by entity, so that the shell may pause in between."""

    def __init__(self, home: HomeAssistant, period: Period) -> None:
        self._home = home
        self._period = period
        self._parts: list[bytes] = []
        self.newest_us = 0

    def add(self, entity_id: str) -> None:
        """Read the rows of one entity; entities without rows are left out."""
        entity = self._home.states.find(entity_id)
        rows = [] if entity is None else self._home.recorder.rows(entity, self._period)
        if not rows:
            return
        self.newest_us = max(self.newest_us, rows[-1][0])
        texts = b",".join(text for _, text in rows)
        self._parts.append(b"%b:[%b]" % (msgspec.json.encode(entity_id), texts))

    def states(self) -> bytes:
        """Return the JSON object from entity to rows."""
        return b"{%b}" % b",".join(self._parts)

    def stream_message(self, command_id: int, end_us: int) -> bytes:
        """Return the event of `history/stream`; *end_us* counts when no row is in."""
        event = b'{"states":%b,"start_time":%b,"end_time":%b}' % (
            self.states(),
            timestamp(self._period.start_us),
            timestamp(self.newest_us or end_us),
        )
        return messages.stream_event(command_id, event)


def live_message(command_id: int, rows: list[tuple[str, bytes]]) -> bytes:
    """Return the event of `history/stream` for changes as they happen."""
    grouped: dict[str, list[bytes]] = {}
    for entity_id, row in rows:
        grouped.setdefault(entity_id, []).append(row)
    states = b",".join(
        b"%b:[%b]" % (msgspec.json.encode(entity_id), b",".join(texts))
        for entity_id, texts in grouped.items()
    )
    return messages.stream_event(command_id, b'{"states":{%b}}' % states)
