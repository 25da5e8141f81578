"""Questions to Home Assistant's history, and its answers."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_ingestion.errors import FrameUnreadable
from websocket_ingestion.history import (
    FIRST_WINDOW_US,
    LONGEST_WINDOW_US,
    MOST_ENTITIES,
    MOST_ROWS,
    OVERLAP_US,
    SECOND_US,
    Ask,
    Pages,
    Row,
    parts_of,
    rows_of,
    snapshot_times,
)

AT_US = 1_795_445_276_336_152
AT = "2026-11-23T14:47:56.336152+00:00"


def dump(value: Any) -> bytes:
    """Return JSON."""
    return json.dumps(value).encode()


def test_request_asks_for_every_change_and_nothing_made_up() -> None:
    """Attribute-only changes count; no row is invented for the start."""
    ask = Ask(("sensor.a", "sensor.b"), AT_US, AT_US + 1)

    assert ask.fields() == {
        "start_time": AT,
        "end_time": "2026-11-23T14:47:56.336153+00:00",
        "entity_ids": ["sensor.a", "sensor.b"],
        "include_start_time_state": False,
        "significant_changes_only": False,
        "minimal_response": False,
        "no_attributes": False,
    }
    assert "end_time" not in ask._replace(end_us=None).fields()


def test_row_becomes_a_state_object_with_the_live_key() -> None:
    """`lu` is rounded as Home Assistant rounds it: `int(lu * 1e6)` is one too few."""
    answer = dump(
        {"sensor.a": [{"s": "1", "a": {"unit": "W"}, "lu": 1795445276.336152}]}
    )

    (row,) = rows_of(answer)

    assert (row.entity_id, row.updated_us) == ("sensor.a", AT_US)
    assert json.loads(row.payload) == {
        "entity_id": "sensor.a",
        "state": "1",
        "attributes": {"unit": "W"},
        "last_changed": AT,
        "last_updated": AT,
    }


@given(st.integers(min_value=0, max_value=4_000_000_000_000_000))
def test_every_microsecond_survives_the_float(time_us: int) -> None:
    """Seconds as a float hold µs until the year 2096."""
    (row,) = rows_of(dump({"a.b": [{"s": "1", "lu": time_us / 1e6}]}))

    assert row.updated_us == time_us


def test_last_changed_is_kept_where_it_differs() -> None:
    """A change of attributes alone has an older `lc`."""
    (row,) = rows_of(dump({"a.b": [{"s": "1", "lu": 20.5, "lc": 10.25}]}))

    state = json.loads(row.payload)
    assert state["last_changed"] == "1970-01-01T00:00:10.250000+00:00"
    assert state["last_updated"] == "1970-01-01T00:00:20.500000+00:00"


def test_removal_has_no_state() -> None:
    """Home Assistant 2026 writes null."""
    (row,) = rows_of(dump({"a.b": [{"s": None, "a": {}, "lu": 1.5}]}))

    assert json.loads(row.payload)["state"] is None


@pytest.mark.parametrize(
    "answer",
    [
        b"[]",
        b"{",
        b'{"a.b": [{"s": 1, "lu": 1}]}',
        b'{"a.b": [{"s": "1", "lu": 1e300}]}',
    ],
    ids=["array", "torn", "number-as-state", "no-time"],
)
def test_other_shapes_are_refused(answer: bytes) -> None:
    """An answer is read as a whole or not at all."""
    with pytest.raises(FrameUnreadable):
        rows_of(answer)


def test_parts_are_arrays_of_bounded_size() -> None:
    """Rows keep their order."""
    rows = [Row("a.b", n, dump({"n": n})) for n in range(2500)]

    parts = list(parts_of(rows))

    assert [part.events for part in parts] == [1000, 1000, 500]
    found = [one["n"] for part in parts for one in json.loads(part.payload)]
    assert found == list(range(2500))
    large = [Row("a.b", n, dump("x" * 300_000)) for n in range(3)]
    assert [part.events for part in parts_of(large)] == [1, 1, 1]


def test_snapshot_times_leave_out_what_has_none() -> None:
    """One strange state does not hide the others."""
    states = [
        {"entity_id": "sensor.a", "last_updated": AT},
        {"entity_id": "sensor.b", "last_updated": 5},
        {"entity_id": "sensor.c", "last_updated": "soon"},
        {"last_updated": AT},
    ]

    assert snapshot_times(dump(states)) == {"sensor.a": AT_US}
    with pytest.raises(FrameUnreadable):
        snapshot_times(b"{}")
    with pytest.raises(FrameUnreadable):
        snapshot_times(msgspec.Raw(b"["))


def covered(pages: Pages, rows: int = 0) -> list[Ask]:
    """Answer every request with so many rows; return the requests."""
    asked = []
    while (ask := pages.next()) is not None:
        asked.append(ask)
        pages.answered(rows)
    return asked


@pytest.mark.parametrize("rows", [0, MOST_ROWS // 2, MOST_ROWS + 1])
@pytest.mark.parametrize("end_us", [10_000 * SECOND_US, None])
def test_windows_cover_the_period_without_a_hole(rows: int, end_us: int | None) -> None:
    """Whatever the answers hold, each window begins before the last one ends."""
    start_us = 1000 * SECOND_US
    pages = Pages(
        ["a.b"], start_us=start_us, horizon_us=10_000 * SECOND_US, end_us=end_us
    )
    first, *_ = asked = [pages.next()]
    for _ in range(40_000):
        if (ask := pages.next()) is None:
            break
        asked.append(ask)
        pages.answered(rows)
    asked = asked[1:]

    assert first == asked[0]
    assert first is not None
    assert first.start_us <= start_us
    ends = [ask.end_us for ask in asked if ask is not None]
    starts = [ask.start_us for ask in asked if ask is not None]
    assert ends[-1] == end_us
    for end, start in zip(ends[:-1], starts[1:], strict=True):
        assert end is not None
        assert start == end - OVERLAP_US


def test_windows_follow_the_number_of_rows() -> None:
    """Quiet times are asked for by the hour, busy ones by seconds."""
    day_us = 86_400 * SECOND_US
    quiet = covered(Pages(["a.b"], start_us=0, horizon_us=day_us, end_us=day_us), 0)
    busy = Pages(["a.b"], start_us=0, horizon_us=day_us, end_us=day_us)
    lengths = []
    for _ in range(20):
        ask = busy.next()
        assert ask is not None
        assert ask.end_us is not None
        lengths.append(ask.end_us - ask.start_us)
        busy.answered(2 * MOST_ROWS)

    longest = max(ask.end_us - ask.start_us for ask in quiet if ask.end_us is not None)
    assert longest == LONGEST_WINDOW_US + OVERLAP_US
    assert len(quiet) < 40
    assert lengths[-1] < SECOND_US


def test_storm_does_not_fill_the_first_answer() -> None:
    """Nobody knows the rate yet: the first window is short, the next ones fit."""
    rate = 75_000
    end_us = 30 * SECOND_US
    storm = Pages(["a.b"], start_us=0, horizon_us=end_us, end_us=end_us)
    found = []
    while (ask := storm.next()) is not None:
        assert ask.end_us is not None
        seconds = (min(ask.end_us, end_us) - ask.start_us) / SECOND_US
        found.append(round(rate * seconds))
        storm.answered(found[-1])

    assert found[0] <= rate
    assert max(found[1:]) <= 1.1 * MOST_ROWS


def test_next_chunk_does_not_begin_with_an_hour() -> None:
    """The first entities were quiet in the end; the others need not be."""
    day_us = 86_400 * SECOND_US
    names = [f"a.b{n}" for n in range(MOST_ENTITIES + 1)]
    asked = covered(Pages(names, start_us=0, horizon_us=day_us, end_us=day_us), 0)
    first = next(ask for ask in asked if ask.entity_ids == (names[-1],))

    assert first.end_us == FIRST_WINDOW_US


def test_entities_are_asked_for_in_chunks() -> None:
    """Each chunk gets the whole period."""
    names = [f"a.b{n}" for n in range(MOST_ENTITIES + 1)]
    asked = covered(Pages(names, start_us=0, horizon_us=1, end_us=1))

    assert [ask.entity_ids for ask in asked] == [
        tuple(names[:MOST_ENTITIES]),
        (names[MOST_ENTITIES],),
    ]


def test_refused_entity_is_found_and_given_up() -> None:
    """One bad name does not take the others with it."""
    pages = Pages(["a.a", "a.b", "bad", "a.d"], start_us=0, horizon_us=1, end_us=1)
    asked: list[str] = []
    given_up: list[str] = []
    while (ask := pages.next()) is not None:
        if "bad" in ask.entity_ids:
            given_up += pages.refused()
        else:
            asked += ask.entity_ids
            pages.answered(0)

    assert given_up == ["bad"]
    assert asked == ["a.a", "a.b", "a.d"]
