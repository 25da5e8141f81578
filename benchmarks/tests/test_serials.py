"""Tests of the account by serial: what is planted in the store must be named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.load import JobState, Sent, summed
from capacity.order import Order
from capacity.serials import (
    SAMPLE,
    Part,
    Serials,
    compare,
    expected_counts,
    parts_of,
    serial_of,
)
from capacity.store import Row
from capacity.trial import Arrival

START = 1_700_000_000_000_000
FIRST = 500
COUNT = 300
ORDER = Order(
    number=1, rate=100.0, seconds=10.0, entities=20, prefix="sensor.cap", run_id="t1"
)
PART = Part(order=ORDER, start_us=START, count=COUNT, first_serial=FIRST)
Spoil = Callable[[list[Row]], list[Row]]


def row(number: int, *, later_us: int = 0, serial: int | None = None) -> Row:
    """Return the row that event *number* has, or one that differs from it."""
    serial = FIRST + number if serial is None else serial
    return Row(
        entity_id=f"sensor.cap_{number % 20}",
        time_us=START + number * 10_000 + later_us,
        state=f"{serial // 10}.{serial % 10}",
    )


def judged(spoil: Spoil, parts: Sequence[Part] = (PART,), **kinds: Any) -> Serials:
    """Return what is found in a store that holds all rows, but spoiled."""
    rows = spoil([row(number) for number in range(COUNT)])
    return compare(
        parts,
        Counter(r.entity_id for r in rows),
        lambda entities: [r for r in rows if r.entity_id in entities],
        **kinds,
    )


def numbers(found: Serials) -> tuple[int, int, int, int, int]:
    """Return the sums: stored, missing, duplicate, unexpected, out of order."""
    return (
        found.stored,
        found.missing,
        found.duplicate,
        found.unexpected,
        found.out_of_order,
    )


def test_a_whole_store_is_whole() -> None:
    """The sample is compared row by row, the rest by count."""
    found = judged(list)

    assert numbers(found) == (COUNT, 0, 0, 0, 0)
    assert found.compared == SAMPLE * COUNT // 20
    assert found.named == []


@pytest.mark.parametrize(
    ("spoil", "sums", "named"),
    [
        (
            lambda rows: [r for i, r in enumerate(rows) if i not in {47, 203}],
            (298, 2, 0, 0, 0),
            f"missing: sensor.cap_7 serial 547, event 47, due at {START + 470_000} µs",
        ),
        (
            lambda rows: [*rows, row(47, later_us=13)],
            (300, 0, 1, 0, 0),
            f"duplicate: sensor.cap_7 state '54.7' at {START + 470_013} µs",
        ),
        (
            lambda rows: [*rows, row(47, later_us=13, serial=9_999)],
            (300, 0, 0, 1, 12),
            f"unexpected: sensor.cap_7 state '999.9' at {START + 470_013} µs",
        ),
        (
            lambda rows: [*rows, row(40, later_us=1)],
            (300, 0, 1, 0, 0),
            f"duplicate: sensor.cap_0 state '54.0' at {START + 400_001} µs",
        ),
        (
            lambda rows: [*rows[:40], row(40, serial=3), *rows[41:]],
            (299, 1, 0, 1, 1),
            f"unexpected: sensor.cap_0 state '0.3' at {START + 400_000} µs",
        ),
        (
            lambda rows: [*rows[:40], row(40, later_us=2), *rows[41:]],
            (299, 1, 0, 1, 0),
            f"unexpected: sensor.cap_0 state '54.0' at {START + 400_002} µs",
        ),
        (
            lambda rows: [
                *rows[:40], row(40, serial=560), *rows[41:60], row(60, serial=540),
                *rows[61:],
            ],
            (298, 2, 0, 2, 1),
            "out of order: sensor.cap_0 serial 540 after 560",
        ),
        (
            lambda rows: [r for r in rows if r.entity_id != "sensor.cap_19"],
            (285, 15, 0, 0, 0),
            f"missing: sensor.cap_19 serial 519, event 19, due at {START + 190_000} µs",
        ),
        (
            lambda rows: [
                *rows, Row(entity_id="sensor.cap_20", time_us=START, state="50.0")
            ],
            (300, 0, 0, 1, 0),
            f"unexpected: sensor.cap_20 state '50.0' at {START} µs",
        ),
        (
            lambda rows: [*rows, Row(entity_id="sensor.cap_3", time_us=1, state="?")],
            (300, 0, 0, 1, 0),
            "unexpected: sensor.cap_3 state '?' at 1 µs",
        ),
    ],
    ids=[
        "lost", "twice", "foreign", "again", "renamed", "moved", "swapped", "entity",
        "more", "garbage",
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(
    spoil: Spoil, sums: tuple[int, ...], named: str
) -> None:
    """By entity, serial and time; the sums say how many there are."""
    found = judged(spoil)

    assert numbers(found) == sums
    assert named in found.named


def test_only_the_first_of_each_kind_are_named() -> None:
    """Thousands of lines help nobody."""
    found = judged(lambda rows: [*rows[:100], *(row(n, later_us=3) for n in range(50))])

    assert (found.missing, found.duplicate) == (200, 50)
    assert len(found.named) == 10


def test_a_swap_outside_the_sample_is_not_seen_by_counts() -> None:
    """That is what the sample is for: of it each row is looked at."""
    sampled = judged(lambda rows: [*rows[1:], row(0, later_us=50)])
    other = judged(lambda rows: [*rows[:1], *rows[2:], row(1, later_us=50)])

    assert (sampled.missing, sampled.unexpected) == (1, 1)
    assert (other.missing, other.unexpected) == (0, 0)


def test_what_is_too_much_to_read_is_judged_by_count() -> None:
    """The account still sums up, and says which entities differ."""
    found = judged(lambda rows: [*rows[:150], rows[0]], most_rows=0)

    assert numbers(found) == (151, 149, 0, 0, 0)
    assert found.compared == 0
    assert found.named[0] == "differs: sensor.cap_0 has 9 events of 15"


def test_a_key_may_be_off_by_a_microsecond() -> None:
    """By so much two sums of the same chances may differ."""
    part = Part(order=ORDER, start_us=START, count=COUNT)
    for parts in ([PART], [part]):
        found = judged(
            lambda rows: [row(n, later_us=n % 3 - 1) for n in range(COUNT)], parts
        )

        assert numbers(found) == (COUNT, 0, 0, 0, 0)


def test_without_serials_the_key_decides() -> None:
    """Several workers share the source's count; a serial that comes twice is told."""
    part = Part(order=ORDER, start_us=START, count=COUNT)

    assert numbers(judged(list, [part])) == (COUNT, 0, 0, 0, 0)
    again = judged(lambda rows: [*rows[:40], row(40, serial=520), *rows[41:]], [part])
    assert (again.stored, again.duplicate) == (300, 1)
    lost = judged(lambda rows: rows[1:], [part])
    assert (lost.missing, lost.named) == (
        1, [f"missing: sensor.cap_0 serial unknown, event 0, due at {START} µs"]
    )  # fmt: skip


def test_a_real_home_assistant_has_its_own_times() -> None:
    """There the state is the number; senders may overtake each other."""
    part = Part(
        order=ORDER, start_us=START, count=60, timed=False, unsent=frozenset({40})
    )
    rows = [
        Row(entity_id=f"sensor.cap_{n % 20}", time_us=START - n, state=str(n))
        for n in range(60)
        if n not in {40, 43}
    ]
    rows.append(Row(entity_id="sensor.cap_4", time_us=START + 9, state="24"))
    found = compare(
        [part],
        Counter(r.entity_id for r in rows),
        lambda entities: [r for r in rows if r.entity_id in entities],
    )

    assert numbers(found) == (58, 1, 1, 0, 0)
    assert "missing: sensor.cap_3 serial 43, event 43" in found.named


@given(
    st.integers(0, 400),
    st.integers(1, 30),
    st.floats(0.0, 9_000.0),
    st.sets(st.integers(0, 399), max_size=5),
)
def test_counts_are_those_of_the_events_one_by_one(
    count: int, entities: int, growth: float, unsent: set[int]
) -> None:
    """Computed for all at once, and the same as asked for each."""
    order = Order(
        number=1, rate=100.0, entities=entities, entity_growth=growth, prefix="a.b"
    )
    part = Part(order=order, start_us=0, count=count, unsent=frozenset(unsent))
    wanted = Counter(order.entity(n) for n in range(count) if n not in unsent)

    assert expected_counts([part]) == dict(wanted)


@given(st.sampled_from(Arrival), st.floats(0.0, 9_000.0), st.integers(1, 3))
def test_what_the_schedule_says_is_found_whole(
    arrival: Arrival, growth: float, workers: int
) -> None:
    """Of each arrival, with new entities and several workers."""
    whole = Order(
        number=1, rate=300.0, entities=9, entity_growth=growth, prefix="a.b",
        arrival=arrival, period=2.0, offsets=(0.0, 0.2, 0.2, 1.5),
    )  # fmt: skip
    parts = [
        Part(order=whole.part(worker, of=workers), start_us=START + worker, count=200)
        for worker in range(workers)
    ]
    rows = []
    for part in parts:
        schedule = part.order.schedule()
        rows += [
            Row(
                entity_id=part.order.entity(n),
                time_us=part.start_us + round(schedule.at(n) * 1e6),
                state=f"{n}.{part.order.worker}",
            )
            for n in range(200)
        ]
    found = compare(
        parts,
        Counter(r.entity_id for r in rows),
        lambda entities: [r for r in rows if r.entity_id in entities],
    )

    assert numbers(found) == (200 * workers, 0, 0, 0, 0)
    assert found.compared > 0


@pytest.mark.parametrize(
    ("state", "tenths", "serial"),
    [
        ("409.8", True, 4_098),
        ("0.7", True, 7),
        ("409", True, None),
        ("40.98", True, None),
        ("unknown", True, None),
        ("", True, None),
        ("4098", False, 4_098),
        ("40.9", False, None),
    ],
)
def test_a_state_stands_for_its_serial(
    state: str,
    tenths: bool,  # noqa: FBT001 - a column of the table
    serial: int | None,
) -> None:
    """What is no generated state has none."""
    assert serial_of(state, tenths=tenths) == serial


def job(**changes: Any) -> JobState:
    """Return what one worker has sent."""
    kinds: dict[str, Any] = {
        "worker": 0, "start_us": START, "seconds": 3.0, "emitted": 300, "behind": 0,
        "skipped": 0, "late": 0, "lag_p50": 0.0, "lag_p99": 0.0, "lag_max": 0.0,
        "ended": True, "first_serial": 500, "last_serial": 799, **changes,
    }  # fmt: skip
    return JobState(**kinds)


def sent(*jobs: JobState) -> Sent:
    """Return what all have sent."""
    found = summed(jobs, workers=len(jobs))
    assert found is not None
    return found


def test_serials_follow_the_numbers_only_without_a_gap() -> None:
    """Other jobs or clients of the source make one."""
    alone = parts_of(ORDER, sent(job()), simulated=True)
    shared = parts_of(ORDER, sent(job(last_serial=801)), simulated=True)

    assert alone == [PART]
    assert shared is not None
    assert shared[0].first_serial == 0


def test_parts_are_those_of_the_workers() -> None:
    """Each with its own start and prefix; what did not leave is no part of it."""
    found = parts_of(
        ORDER,
        sent(job(worker=1, start_us=7, unsent=(3, 4), skipped=1), job()),
        simulated=False,
    )

    assert found is not None
    assert [part.order.prefix for part in found] == ["sensor.cap_0", "sensor.cap_1"]
    assert (found[1].start_us, found[1].count) == (7, 302)
    assert found[1].unsent == frozenset({3, 4})
    assert parts_of(ORDER, sent(job(skipped=1)), simulated=True) is None
