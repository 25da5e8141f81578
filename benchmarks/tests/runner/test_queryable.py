"""Events that are looked for until a query finds them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from capacity.errors import BadAnswer
from capacity.order import Order
from capacity.queryable import Found, LookingThread, Target, Targets, look_for
from capacity.serials import Part
from capacity.store import Row
from capacity.trial import Arrival

START = 1_700_000_000.0
START_US = round(START * 1e6)
TOTAL = 5.0


def part(**changes: Any) -> Part:
    """Return five seconds of an event each 7 ms."""
    kinds: dict[str, Any] = {"rate": 1 / 0.007, "seconds": TOTAL, "entities": 10}
    order = Order(number=1, prefix="a.b", **{**kinds, **changes})
    return Part(order=order, start_us=START_US, count=0)


class FakeStore:
    """Has each event so many seconds after its due time; keeps what was asked when."""

    def __init__(self, after: float, *, takes: float = 0.02) -> None:
        self.after = after
        self.takes = takes
        self.now = START
        self.asked: list[tuple[float, str, int]] = []
        self.deaf = False

    def wall(self) -> float:
        """Return UTC."""
        return self.now

    def wait(self, seconds: float) -> bool:
        """Let time pass; end it all at a late hour."""
        self.now += seconds
        return self.now > START + 60

    def rows(
        self, entities: Sequence[str], *, since_us: int, until_us: int, seconds: float
    ) -> list[Row]:
        """Answer after a while."""
        (entity,) = entities
        self.asked.append((self.now, entity, since_us))
        self.now += self.takes
        if self.deaf:
            raise BadAnswer("a query of InfluxDB", "timeout")
        due = since_us + 1
        if self.now < due / 1e6 + self.after:
            return []
        return [Row(entity_id=entity, time_us=due, state="1.0")]


def looked(store: FakeStore, *parts: Part) -> Found:
    """Look until the schedule ends."""
    found = Found()
    look_for(
        store,
        Targets(parts or [part()]),
        found,
        wall=store.wall,
        wait=store.wait,
        closing=lambda: False,
    )
    return found


@pytest.mark.parametrize("after", [0.0, 0.15, 0.4, 1.7])
def test_the_age_is_that_of_the_first_query_that_finds_it(after: float) -> None:
    """Too high by a fifth, or a tenth of a second, and the query's time; never low."""
    store = FakeStore(after)
    found = looked(store)
    longest = max(after * 1.25, after + 0.1) + 2 * store.takes
    assert found.ages.get_total_count() >= 2
    assert found.unseen == 0
    assert found.ages.get_min_value() / 1e6 >= 0.999 * after
    assert found.ages.get_max_value() / 1e6 <= 1.001 * longest


def test_few_queries_a_second_are_asked() -> None:
    """None before the event is due, and one event at a time."""
    store = FakeStore(0.3)
    found = looked(store)
    moments = [at for at, _, _ in store.asked]
    assert found.queries == len(moments) <= 5 * TOTAL
    assert all(at >= (since + 1) / 1e6 - 1e-6 for at, _, since in store.asked)
    assert all(late - early >= 0.1 for early, late in pairwise(moments))
    dues = sorted({since for _, _, since in store.asked})
    assert all(b - a >= 990_000 for a, b in pairwise(dues))


def test_what_is_never_found_counts_with_the_age_of_giving_up() -> None:
    """Leaving it out would make a stack that stores nothing look fast."""
    found = looked(FakeStore(1_000.0))
    assert (found.unseen, found.ages.get_total_count()) == (1, 1)
    assert 10.0 <= found.ages.get_max_value() / 1e6 <= 13.0


def test_a_database_that_does_not_answer_has_nothing_yet() -> None:
    """It is asked again."""
    store = FakeStore(0.0)
    store.deaf = True
    assert looked(store).unseen == 1


@pytest.mark.parametrize("arrival", list(Arrival))
def test_targets_are_future_events_of_the_schedule(arrival: Arrival) -> None:
    """Their keys are those that will be stored; the end of the schedule is the end."""
    kinds: dict[str, Any] = {"arrival": arrival, "period": 5.0, "seconds": 20.0}
    if arrival is Arrival.TRACE:
        kinds["offsets"] = (0.0, 1.0, 1.0, 4.0)
    chosen = part(**kinds)
    schedule = chosen.order.schedule()
    keys = {
        (START_US + round(schedule.at(n) * 1e6), chosen.order.entity(n))
        for n in range(4_000)
    }
    targets = Targets([chosen])
    now, seen = START_US + 1_000_000, []
    while target := targets.next(now):
        assert now + 200_000 <= target.due_us <= START_US + 20_000_000
        assert (target.due_us, target.entity) in keys
        seen.append(target)
        now = target.due_us
    assert len(seen) > 10


def test_workers_take_turns() -> None:
    """The events of none are left out."""
    order = part().order
    parts = [
        Part(order=order.part(place, of=2), start_us=START_US, count=0)
        for place in range(2)
    ]
    targets = Targets(parts)
    found = [targets.next(START_US), targets.next(START_US)]
    assert [t.entity[:5] if t else "" for t in found] == ["a.b_0", "a.b_1"]


def test_a_real_home_assistant_is_asked_for_the_state() -> None:
    """Its key is its own time."""
    real = Part(order=part().order, start_us=START_US, count=0, timed=False)
    target = Targets([real]).next(START_US)
    assert target is not None
    assert target.state is not None
    row = Row(entity_id=target.entity, time_us=target.due_us + 4_000, state="?")
    assert not target.among([row])
    assert target.among([row, Row(entity_id="", time_us=0, state=target.state)])
    assert target.until_us - target.due_us == 120_000_000
    assert Target(entity="a.b", due_us=5).until_us == 7


def test_the_thread_ends_when_it_is_told() -> None:
    """What it looks for then counts as unseen."""

    class Never:
        def rows(self, entities: Sequence[str], **_: Any) -> list[Row]:
            return []

    class Now(Targets):
        def next(self, now_us: int) -> Target | None:
            return Target(entity="a.b", due_us=now_us)

    looking = LookingThread.begin(Never(), Now([]))
    looking.close()
    found = looking.end()
    assert found.ages.get_total_count() == found.unseen <= 1
    assert not looking._thread.is_alive()
