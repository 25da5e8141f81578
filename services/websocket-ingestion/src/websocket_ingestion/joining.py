"""Small frames share a row: what a row costs does not depend on what is in it. Pure.

Home Assistant sends a frame for each turn of its loop, so at some thousand events a
second most frames hold one event. Both spellings of a live frame, a message and an
array of messages, mean the same; so the array of several frames' messages means what
the frames did.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from servicekit.wire import Origin

from .ledger import Arrival

__all__ = ["MOST_BYTES", "joined"]

MOST_BYTES: Final = 64 * 1024
"""Of a row that several frames share; larger frames have their own."""


def joined(arrivals: Iterable[Arrival]) -> list[Arrival]:
    """Return the same events in the same order, in as few rows as is good.

    Live frames that follow each other become one arrival, which counts as received
    with the last of them. Snapshots, copies of a replay and large frames stay alone.
    """
    rows: list[Arrival] = []
    run: list[Arrival] = []
    size = 0
    for one in arrivals:
        fits = _can_join(one)
        if run and (not fits or size + len(one.payload) + 2 > MOST_BYTES):
            rows.append(_row(run))
            run, size = [], 0
        if fits:
            run.append(one)
            size += len(one.payload) + 1
        else:
            rows.append(one)
    if run:
        rows.append(_row(run))
    return rows


def _can_join(one: Arrival) -> bool:
    """True for a live frame that is one message or an array, without margins."""
    if one.origin is not Origin.LIVE or one.copy_of or not one.events:
        return False
    ends = one.payload[:1] + one.payload[-1:]
    return ends in (b"{}", b"[]") and len(one.payload) < MOST_BYTES


def _row(run: Sequence[Arrival]) -> Arrival:
    if len(run) == 1:
        return run[0]
    times = (one.last_event_us for one in reversed(run) if one.last_event_us)
    return Arrival(
        received_us=run[-1].received_us,
        origin=Origin.LIVE,
        events=sum(one.events for one in run),
        payload=b"[%b]" % b",".join([_messages(one.payload) for one in run]),
        last_event_us=next(times, 0),
        entities=tuple(dict.fromkeys(name for one in run for name in one.entities)),
    )


def _messages(payload: bytes) -> bytes:
    """Return the messages of a frame, with commas between them."""
    return payload[1:-1] if payload.startswith(b"[") else payload
