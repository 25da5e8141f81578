"""Home Assistant's history: what to ask, and the rows of an answer. Pure.

Command and shapes: components/history/websocket_api.py and the compressed states of
components/recorder. Both bounds of a period are exclusive, and only as exact as a
float of seconds, so neighbouring windows overlap a little.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from .errors import FrameUnreadable
from .frames import UNREADABLE, Part, cut
from .times import isoformat, micros, time_us

__all__ = [
    "MOST_ENTITIES",
    "Ask",
    "Pages",
    "Row",
    "parts_of",
    "rows_of",
    "snapshot_times",
]

MOST_ENTITIES: Final = 100
"""Entities in one request; Home Assistant works on it in its recorder's thread."""
MOST_ROWS: Final = 20_000
"""Rows that an answer should have; a request for more gets a shorter window."""
SECOND_US: Final = 1_000_000
OVERLAP_US: Final = 2_000
FIRST_WINDOW_US: Final = SECOND_US
"""Nobody knows yet how much there is: a second of a storm is answer enough."""
LONGEST_WINDOW_US: Final = 3600 * SECOND_US
_SHORTEST_WINDOW_US: Final = SECOND_US // 4


class Ask(NamedTuple):
    """One request: rows of entities with start < time < end, UTC in µs.

    Without an end it is everything until now.
    """

    entity_ids: tuple[str, ...]
    start_us: int
    end_us: int | None

    def fields(self) -> dict[str, Any]:
        """Return the fields of `history/history_during_period`."""
        fields: dict[str, Any] = {
            "start_time": isoformat(self.start_us),
            "entity_ids": list(self.entity_ids),
            # A row of its own at the start would be no change at all.
            "include_start_time_state": False,
            # Changes of attributes alone are changes too.
            "significant_changes_only": False,
            "minimal_response": False,
            "no_attributes": False,
        }
        if self.end_us is not None:
            fields["end_time"] = isoformat(self.end_us)
        return fields


class Row(NamedTuple):
    """One change as history has it; `payload` is a state object as JSON.

    An entity that was removed has the state null.
    """

    entity_id: str
    updated_us: int
    payload: bytes


class _Compressed(msgspec.Struct):
    """A row on the wire: state, attributes, `last_updated`, `last_changed`."""

    lu: float
    s: str | None = None
    a: msgspec.Raw = msgspec.Raw(b"{}")
    lc: float | None = None


class _State(msgspec.Struct):
    entity_id: str
    state: str | None
    attributes: msgspec.Raw
    last_changed: str
    last_updated: str


class _Updated(msgspec.Struct):
    """The part of a state object that tells when it last changed."""

    entity_id: str = ""
    last_updated: str = ""


_answers: Final = msgspec.json.Decoder(dict[str, list[_Compressed]])
_updates: Final = msgspec.json.Decoder(list[_Updated])
_raws: Final = msgspec.json.Decoder(list[msgspec.Raw])
_one_update: Final = msgspec.json.Decoder(_Updated)
_encoder: Final = msgspec.json.Encoder()


def rows_of(result: bytes | msgspec.Raw) -> list[Row]:
    """Return the rows of an answer, in time order for each entity.

    Raises:
        FrameUnreadable: the answer has another shape.
    """
    try:
        found = _answers.decode(result)
    except UNREADABLE as err:
        raise FrameUnreadable(f"history: {err}") from err
    return [
        _row(entity_id, compressed)
        for entity_id, rows in found.items()
        for compressed in rows
    ]


def _row(entity_id: str, row: _Compressed) -> Row:
    updated = _moment(row.lu)
    changed = updated if row.lc is None else _moment(row.lc)
    state = _State(entity_id, row.s, row.a, changed.isoformat(), updated.isoformat())
    return Row(entity_id, micros(updated), _encoder.encode(state))


def parts_of(rows: Sequence[Row]) -> Iterator[Part]:
    """Cut rows into JSON arrays of a size that is good to store."""
    return cut(row.payload for row in rows)


def snapshot_times(states: bytes | msgspec.Raw) -> dict[str, int]:
    """Return when each entity of a get_states result was last updated, UTC in µs.

    A state without a usable time or id is left out: it is stored all the same.

    Raises:
        FrameUnreadable: the result is no array.
    """
    try:
        found = _updates.decode(states)
    except msgspec.ValidationError:
        found = list(_readable(states))
    except UNREADABLE as err:
        raise FrameUnreadable(str(err)) from err
    times = {one.entity_id: time_us(one.last_updated) for one in found}
    return {name: time for name, time in times.items() if name and time}


def _readable(states: bytes | msgspec.Raw) -> Iterator[_Updated]:
    try:
        raws = _raws.decode(states)
    except UNREADABLE as err:
        raise FrameUnreadable(str(err)) from err
    for raw in raws:
        try:
            yield _one_update.decode(raw)
        except UNREADABLE:
            continue


class Pages:
    """The requests for a list of entities and a period, one after the other.

    Each chunk of entities is asked for in windows of time. Their length follows the
    number of rows in the answers, so that neither a busy minute makes an answer of
    many megabytes nor a quiet day hundreds of requests.

    Args:
        entity_ids: whom to ask for.
        start_us: start of the period.
        horizon_us: up to here windows have an end.
        end_us: end of the period; None if the last window of each chunk is to be open.
    """

    def __init__(
        self,
        entity_ids: Sequence[str],
        *,
        start_us: int,
        horizon_us: int,
        end_us: int | None,
    ) -> None:
        self._chunks = [
            tuple(entity_ids[at : at + MOST_ENTITIES])
            for at in range(0, len(entity_ids), MOST_ENTITIES)
        ]
        self._start_us = start_us
        self._horizon_us = horizon_us if end_us is None else end_us
        self._end_us = end_us
        self._at_us = start_us
        self._window_us = FIRST_WINDOW_US

    def next(self) -> Ask | None:
        """Return what to ask now; the same until `answered`. None at the end."""
        if not self._chunks:
            return None
        reach = self._at_us + self._window_us
        last = reach >= self._horizon_us
        start_us = max(0, self._at_us - OVERLAP_US)
        return Ask(self._chunks[0], start_us, self._end_us if last else reach)

    def answered(self, rows: int) -> None:
        """Go on behind the answer, which had so many rows."""
        self._at_us += self._window_us
        if rows > MOST_ROWS:
            fitting_us = self._window_us * MOST_ROWS // rows
            self._window_us = max(_SHORTEST_WINDOW_US, fitting_us)
        elif rows < MOST_ROWS // 4:
            times = 4 if rows < MOST_ROWS // 16 else 2
            self._window_us = min(LONGEST_WINDOW_US, self._window_us * times)
        if self._at_us >= self._horizon_us:
            self._next_chunk()

    def refused(self) -> tuple[str, ...]:
        """Give up an entity that cannot be asked for, or halve the chunk to find it.

        Returns:
            the entity that was given up, or nothing.
        """
        chunk = self._chunks[0]
        self._next_chunk()
        if len(chunk) == 1:
            return chunk
        middle = len(chunk) // 2
        self._chunks[:0] = [chunk[:middle], chunk[middle:]]
        return ()

    def _next_chunk(self) -> None:
        self._chunks.pop(0)
        self._at_us = self._start_us
        # The end of the period may have been quiet, and its start need not be.
        self._window_us = FIRST_WINDOW_US


def _moment(seconds: float) -> datetime:
    """Return the moment; rounded to µs as Home Assistant rounds it."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as err:
        raise FrameUnreadable(f"history: time {seconds!r}: {err}") from err
