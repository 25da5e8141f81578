"""Tests of when events are due, and of what each worker sends."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from capacity.arrivals import peak_of, schedule_of
from capacity.order import Order
from capacity.timetable import Timetable
from capacity.trial import Arrival

RECORDED = (0.0, 0.5, 0.5, 0.5, 2.0, 7.25)
ARRIVALS = st.sampled_from(Arrival)


def offsets_of(arrival: Arrival) -> tuple[float, ...]:
    """Return a recording where one is needed."""
    return RECORDED if arrival is Arrival.TRACE else ()


@given(
    ARRIVALS, st.floats(0.05, 300_000.0), st.floats(8.0, 3_600.0), st.integers(0, 5_000)
)
def test_offsets_never_fall_and_due_counts_them(
    arrival: Arrival, rate: float, period: float, number: int
) -> None:
    """An event is due from its offset on, and the next one not before its own."""
    kinds: dict[str, Any] = {
        "rate": rate, "period": period, "offsets": offsets_of(arrival)
    }  # fmt: skip
    asked = schedule_of(arrival, **kinds)
    moment = asked.at(number)
    counted = schedule_of(arrival, **kinds).due(moment)

    assert counted > number
    assert asked.at(number + 1) >= moment >= 0
    assert asked.at(counted) > moment
    assert schedule_of(arrival, **kinds).due(-0.001) == 0


@given(
    st.sampled_from([Arrival.CONSTANT, Arrival.BURST, Arrival.DIURNAL, Arrival.TRACE]),
    st.floats(1.0, 10_000.0),
    st.floats(10.0, 600.0),
    st.integers(1, 50),
)
def test_whole_rounds_have_the_mean_rate(
    arrival: Arrival, rate: float, period: float, rounds: int
) -> None:
    """However events are spaced within a round, each has equally many."""
    offsets = offsets_of(arrival)
    seconds = rounds * (len(offsets) / rate if offsets else period)
    schedule = schedule_of(arrival, rate=rate, period=period, offsets=offsets)

    assert schedule.due(seconds) == pytest.approx(rate * seconds, abs=2)


def test_chance_arrivals_have_the_mean_rate() -> None:
    """Of one seed they are the same again."""
    schedule = schedule_of(Arrival.POISSON, rate=100.0, seed=3)
    offsets = [schedule.at(number) for number in range(20_000)]
    again = schedule_of(Arrival.POISSON, rate=100.0, seed=3)

    assert offsets[-1] == pytest.approx(200.0, rel=0.03)
    assert [again.at(number) for number in range(50)] == offsets[:50]


@pytest.mark.parametrize(
    ("arrival", "peak"),
    [("constant", 1.0), ("burst", 5.0), ("diurnal", 1.824), ("trace", 1.0)],
)
def test_the_peak_is_a_multiple_of_the_mean(arrival: str, peak: float) -> None:
    """Of a recording it is not known before."""
    assert peak_of(Arrival(arrival)) == pytest.approx(peak)


@given(ARRIVALS, st.integers(1, 5), st.floats(20.0, 400.0))
def test_workers_together_send_the_whole_order(
    arrival: Arrival, workers: int, rate: float
) -> None:
    """All times but those of chance are kept, and the entities are their own."""
    order = Order(
        number=1, rate=rate, seconds=60.0, arrival=arrival, prefix="sensor.cap",
        period=10.0, offsets=offsets_of(arrival), entity_growth=12.0,
    )  # fmt: skip
    parts = [order.part(worker, of=workers) for worker in range(workers)]
    whole = Timetable([order], [0.0]).due(59.0)

    assert sum(part.rate for part in parts) == pytest.approx(rate)
    assert len({part.entity(0) for part in parts}) == workers
    assert len({part.seed for part in parts}) == workers
    assert sum(part.entity_growth for part in parts) == pytest.approx(12.0)
    if arrival is not Arrival.POISSON:
        assert Timetable(parts, [0.0] * workers).due(59.0) == pytest.approx(
            whole, abs=workers + len(RECORDED)
        )


def test_a_timetable_counts_each_worker_from_its_own_start() -> None:
    """Nothing is due beyond the end; a block ends before its last moment."""
    order = Order(number=1, rate=10.0, seconds=2.0)
    table = Timetable([order, order], [100.0, 100.5])

    assert table.due(-1.0) == 0
    assert table.due(0.95) == 10 + 5
    assert table.due(99.0) == 40
    assert Timetable([order], [5.0]).blocks([0.5, 1.0, 2.0]) == [5, 10]


@given(st.integers(1, 7), st.floats(0.0, 700.0))
def test_new_entities_follow_one_another(entities: int, growth: float) -> None:
    """None is left out, each takes the place of the oldest, as many stay at a time."""
    order = Order(
        number=1, rate=10.0, entities=entities, entity_growth=growth, prefix="a.b"
    )
    places = [order.place(number) for number in range(200)]

    assert order.growth == pytest.approx(min(1.0, growth / 600))
    for number, (before, after) in enumerate(pairwise(places)):
        renewed = int((number + 1) * order.growth)
        assert max(0, renewed - entities) <= after < entities + renewed
        assert after % entities == (before + 1) % entities
    assert set(places) == set(range(max(places) + 1))


SIMULATED: dict[str, dict[str, Any]] = {
    "constant": {},
    "poisson": {"seed": 7},
    "burst": {"period": 0.06},
    "diurnal": {"period": 0.048},
    "trace": {"period": 8.0, "offsets": RECORDED},
}


@pytest.mark.timeout(60)
def test_the_simulator_has_the_same_schedules() -> None:
    """Its keys are ours, to the microsecond that a sum of chances may be off."""
    simulator = subprocess.Popen(
        [sys.executable, "-m", "ha_simulator", "--host", "127.0.0.1", "--port", "0",
         "--token", "t"],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    with simulator:
        try:
            url = f"http://127.0.0.1:{_port(simulator)}/_script"
            for arrival, kinds in SIMULATED.items():
                _same(url, arrival, kinds)
        finally:
            simulator.terminate()


def _same(url: str, arrival: str, kinds: dict[str, Any]) -> None:
    order = Order(
        number=1, rate=491.0, entities=7, entity_growth=3_000.0, prefix=f"a.{arrival}",
        arrival=Arrival(arrival), **kinds,
    )  # fmt: skip
    body = {
        "rate": order.rate, "count": 150, "entities": 7, "entity_growth": 3_000.0,
        "prefix": order.prefix, "profile": arrival, "timed": "intended",
        "run_id": arrival, **kinds,
    }  # fmt: skip
    job = requests.post(f"{url}/rate", json=body, timeout=5).json()["job"]
    done = requests.get(f"{url}/rate/{job}?wait=10", timeout=15).json()
    ledger = requests.get(f"{url}/ledger?run_id={arrival}", timeout=5).text
    rows = [json.loads(line) for line in ledger.splitlines()]
    schedule = order.schedule()

    assert [row["entity_id"] for row in rows] == [order.entity(n) for n in range(150)]
    for number, row in enumerate(rows):
        wanted = done["start_us"] + round(schedule.at(number) * 1e6)
        assert abs(row["last_updated_us"] - wanted) <= 1, (arrival, number)


def _port(simulator: subprocess.Popen[bytes]) -> int:
    assert simulator.stdout is not None
    for line in simulator.stdout:
        if port := json.loads(line).get("port"):
            return int(port)
    raise AssertionError("the simulator does not say where it listens")
