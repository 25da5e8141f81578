"""What is missing after a gap: exactly that, whatever Home Assistant did."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from servicekit.compression import Compressor
from servicekit.wire import Frame, Origin
from websocket_ingestion.closing import Canary, Closing, Known, keys_of
from websocket_ingestion.gaps import Gap
from websocket_ingestion.history import OVERLAP_US, SECOND_US, Row
from websocket_ingestion.times import isoformat

T0 = 1_795_445_276_000_000
Key = tuple[str, int]


def gap(number: int = 1, *, from_us: int, until_us: int | None = None) -> Gap:
    """Return an open gap."""
    return Gap(
        id=number, cause="cut", opened_us=from_us, from_us=from_us, until_us=until_us
    )


def row(entity_id: str, updated_us: int) -> Row:
    """Return a row of history."""
    return Row(entity_id, updated_us, b"{}")


@dataclass
class Home:
    """A Home Assistant that remembers all its changes."""

    changes: list[Key] = field(default_factory=list)
    states: dict[str, int] = field(default_factory=dict)

    def change(self, entity_id: str, at_us: int, *, removed: bool = False) -> None:
        """Change or remove an entity."""
        self.changes.append((entity_id, at_us))
        if removed:
            self.states.pop(entity_id, None)
        else:
            self.states[entity_id] = at_us

    def history(self, closing: Closing, ids: tuple[str, ...]) -> list[Row]:
        """Answer all requests for these entities, as often as the windows overlap."""
        rows: list[Row] = []
        for pages in closing.pages(ids):
            while (ask := pages.next()) is not None:
                found = [
                    row(name, us)
                    for name, us in sorted(self.changes, key=lambda one: one[1])
                    if name in ask.entity_ids
                    and us > ask.start_us
                    and (ask.end_us is None or us < ask.end_us)
                ]
                rows += found
                pages.answered(len(found))
        return rows


def keys(rows: list[Row]) -> list[Key]:
    """Return the keys of rows."""
    return [(one.entity_id, one.updated_us) for one in rows]


changes = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.integers(1, 3 * SECOND_US),
        st.sampled_from(["set", "set", "set", "remove"]),
    ),
    max_size=30,
)


@settings(max_examples=300, deadline=None)
@given(before=changes, during=changes, after=changes, lost=st.integers(0, 10))
def test_exactly_the_missing_changes_are_taken(
    before: list[Any], during: list[Any], after: list[Any], lost: int
) -> None:
    """History, snapshot and live events together hold each change once."""
    home, now_us = Home(), T0

    def live_through(steps: list[Any]) -> list[Key]:
        nonlocal now_us
        first = len(home.changes)
        for entity, pause_us, kind in steps:
            now_us += pause_us
            home.change(f"sensor.s{entity}", now_us, removed=kind == "remove")
        return home.changes[first:]

    home.change("sensor.first", now_us)
    received = [("sensor.first", now_us), *live_through(before)]
    received = received[: max(1, len(received) - lost)]
    live_through(during)
    present = dict(home.states)
    live = live_through(after)
    closing = Closing(
        (gap(from_us=received[-1][1]),),
        present=present,
        before=frozenset(name for name, _ in received),
        known=Known(
            frozenset(received[-8:]), 0 if len(received) <= 8 else received[-8][1]
        ),
        away_us=0,
    )

    first_live_us = live[0][1] if live else 0
    taken = closing.take(home.history(closing, closing.entity_ids), first_live_us)
    (closed,) = closing.closed(now_us)

    snapshot = set(present.items())
    seen_before = {name for name, _ in received}
    findable = {
        (name, us)
        for name, us in home.changes
        if name in present or name in seen_before
    }
    stored = [*received, *keys(taken), *live]
    assert len(stored) == len(set(stored))
    assert set(stored) | snapshot >= findable
    assert not set(keys(taken)) & snapshot
    missed = set(keys(taken)) | (snapshot - set(received))
    assert (closed.expected, closed.recovered) == (len(missed), len(missed))
    assert closed.entities == len({name for name, _ in missed})
    assert (closed.unrecoverable, closed.closed_us) == (0, now_us)
    assert closing.unproven == ()


def test_entity_that_the_recorder_leaves_out_is_named() -> None:
    """Its newest state is known from the snapshot, what was before is not."""
    closing = Closing(
        (gap(from_us=T0),),
        present={"sensor.a": T0 + 5, "sensor.secret": T0 + 9},
        before=frozenset({"sensor.a", "sensor.secret"}),
        known=Known(frozenset({("sensor.a", T0)})),
        away_us=0,
    )

    assert closing.canaries == (
        Canary("sensor.secret", T0 + 9),
        Canary("sensor.a", T0 + 5),
    )
    closing.take([row("sensor.a", T0 + 2), row("sensor.a", T0 + 5)], 0)

    assert closing.unproven == ("sensor.secret",)
    (closed,) = closing.closed(T0 + 100)
    assert (closed.expected, closed.recovered, closed.unrecoverable) == (3, 3, 1)
    assert closed.reasons == {"not_recorded": 1}
    assert closed.examples == ("sensor.secret",)


def test_nothing_changed_and_nothing_is_asked() -> None:
    """The newest change of each entity was received before."""
    closing = Closing(
        (gap(from_us=T0),),
        present={"sensor.a": T0, "sensor.b": T0 - 3600 * SECOND_US},
        before=frozenset({"sensor.a", "sensor.b"}),
        known=Known(frozenset({("sensor.a", T0)})),
        away_us=0,
    )

    assert closing.entity_ids == ()
    (closed,) = closing.closed(T0)
    assert (closed.expected, closed.entities, closed.until_us) == (0, 0, T0)


def test_clock_that_was_set_back_hides_nothing() -> None:
    """All times of the gap are before its start by Home Assistant's new clock."""
    back = T0 - 3600 * SECOND_US
    closing = Closing(
        (gap(from_us=T0),),
        present={"sensor.a": back + 30 * SECOND_US, "sensor.old": back - 10**12},
        before=frozenset({"sensor.a", "sensor.old"}),
        known=Known(frozenset({("sensor.a", T0)})),
        away_us=20 * SECOND_US,
    )

    assert closing.entity_ids == ("sensor.a",)
    taken = closing.take([row("sensor.a", back + 15 * SECOND_US)], 0)
    assert keys(taken) == [("sensor.a", back + 15 * SECOND_US)]


def test_gap_before_an_empty_snapshot_ends_with_its_newest_change() -> None:
    """Right after a restart Home Assistant knows of no entity yet."""
    closing = Closing(
        (gap(from_us=T0),),
        present={},
        before={"sensor.a"},
        known=Known(),
        away_us=SECOND_US,
    )
    rows = [row("sensor.a", T0 + 5), row("sensor.a", T0 + 9)]
    found = closing.take(rows, first_live_us=0)
    (closed,) = closing.closed(T0 + SECOND_US)

    assert keys(found) == [("sensor.a", T0 + 5), ("sensor.a", T0 + 9)]
    assert (closed.expected, closed.until_us) == (2, T0 + 9)


def test_nothing_is_asked_for_that_history_does_not_keep() -> None:
    """A clock that began in 1970 would mean half a million requests."""
    closing = Closing(
        (gap(from_us=5),),
        present={"sensor.a": T0},
        before=frozenset({"sensor.gone"}),
        known=Known(),
        away_us=0,
        kept_us=3600 * SECOND_US,
    )

    starts = [pages.next() for pages in closing.pages()]
    assert {ask.start_us for ask in starts if ask is not None} == {
        T0 - 3600 * SECOND_US - OVERLAP_US
    }


def test_rows_belong_to_the_gap_that_they_fall_into() -> None:
    """A gap that was left open keeps its own numbers; live times in between none."""
    first, second = T0 + 100 * SECOND_US, T0 + 300 * SECOND_US
    closing = Closing(
        (gap(1, from_us=T0, until_us=first), gap(2, from_us=second)),
        present={"sensor.a": second + 50 * SECOND_US},
        before=frozenset({"sensor.a"}),
        known=Known(frozenset({("sensor.a", second)}), second),
        away_us=0,
    )
    rows = [
        row("sensor.a", T0 + 50 * SECOND_US),
        row("sensor.a", T0 + 200 * SECOND_US),
        row("sensor.a", second + 20 * SECOND_US),
        row("sensor.a", second + 50 * SECOND_US),
    ]

    taken = closing.take(rows, 0)
    one, two = closing.closed(1)

    assert keys(taken) == [
        ("sensor.a", T0 + 50 * SECOND_US),
        ("sensor.a", second + 20 * SECOND_US),
    ]
    assert (one.expected, two.expected) == (1, 2)
    assert (one.until_us, two.until_us) == (first, second + 50 * SECOND_US)


def test_gap_older_than_history_says_so() -> None:
    """What Home Assistant has purged nobody can bring back."""
    closing = Closing(
        (gap(from_us=T0),),
        present={"sensor.a": T0 + 5},
        before=frozenset(),
        known=Known(),
        away_us=0,
    )

    (purged,) = closing.closed(9, purged_before_us=T0 + 1)
    (without,) = closing.closed(9, without_history="history_not_loaded")

    assert purged.reasons == {"purged": 1}
    assert without.reasons == {"history_not_loaded": 1}


def frame(origin: Origin, payload: Any) -> Frame:
    """Return a stored frame."""
    return Frame(1, origin, 0, 1, json.dumps(payload).encode())


def event(entity_id: str, updated_us: int, *, removed: bool = False) -> dict[str, Any]:
    """Return an event message."""
    state = None if removed else {"last_updated": isoformat(updated_us), "state": "1"}
    data = {"entity_id": entity_id, "new_state": state, "old_state": None}
    return {
        "type": "event",
        "event": {"data": data, "time_fired": isoformat(updated_us)},
    }


def test_keys_are_read_from_all_kinds_of_frames() -> None:
    """A removal has the time of its event; what is unreadable has no key."""
    states = [{"entity_id": "sensor.d", "last_updated": isoformat(T0 + 4)}]
    frames = [
        frame(Origin.LIVE, event("sensor.a", T0 + 1)),
        frame(Origin.LIVE, [event("sensor.b", T0 + 2, removed=True), {"type": "pong"}]),
        frame(Origin.LIVE, "nonsense"),
        frame(Origin.LIVE, {"type": "event", "event": {"data": None}}),
        frame(Origin.BACKFILL, states),
    ]

    assert keys_of(frames) == Known(
        frozenset({("sensor.a", T0 + 1), ("sensor.b", T0 + 2), ("sensor.d", T0 + 4)})
    )
    assert keys_of(frames, most=3).since_us == T0 + 1


def test_keys_are_read_from_compressed_frames() -> None:
    """One that is damaged has none, like one that is no JSON."""
    events = [event("sensor.a", T0 + number) for number in range(50)]
    packed = Compressor()(json.dumps(events).encode())
    whole, cut = (
        Frame(1, Origin.LIVE, T0, 50, payload) for payload in (packed, packed[:-1])
    )

    assert keys_of([cut]).keys == frozenset()
    assert len(keys_of([cut, whole]).keys) == 50
