"""Tests of rate jobs."""

from __future__ import annotations

from typing import Any

import pytest

from ha_simulator.shell.requests import RateRequest


@pytest.mark.parametrize("profile", ["constant", "poisson"])
async def test_count_is_exact(simulate: Any, profile: str) -> None:
    """A job of n events emits n, over the entities in turn, each with its time."""
    async with simulate() as sim:
        job = await sim.script(
            "rate", rate=20_000, count=500, entities=7, profile=profile, run_id="r"
        )
        done = await sim.look(f"/_script/rate/{job['job']}?wait=10")
        lines = await sim.ledger(run_id="r")

        assert (done["state"], done["emitted"]) == ("finished", 500)
        assert len(lines) == 500
        assert len({line["entity_id"] for line in lines}) == 7
        keys = {(line["entity_id"], line["last_updated_us"]) for line in lines}
        assert len(keys) == 500
        assert (done["first_serial"], done["last_serial"]) == (1, 500)


async def test_at_high_rates_frames_hold_more(simulate: Any) -> None:
    """Ten events due in a millisecond go out in less than a hundred frames.

    As many frames as there are milliseconds would cost more than the events do.
    """
    async with simulate() as sim:
        client = await sim.connect()
        job = await sim.script("rate", rate=20_000, count=4_000)
        await client.events(4_000)
        done = await sim.look(f"/_script/rate/{job['job']}?wait=10")
        (connection,) = (await sim.look("/_script/status"))["connections"]

        assert done["emitted"] == 4_000
        assert connection["frames"] < 130


async def test_intended_times_are_the_schedule(simulate: Any) -> None:
    """Event i is intended for start + i / rate and never leaves before that."""
    async with simulate() as sim:
        job = await sim.script("rate", rate=1_000, count=50)
        done = await sim.look(f"/_script/rate/{job['job']}?wait=10")
        lines = await sim.ledger()

        assert [line["intended_us"] - done["start_us"] for line in lines] == [
            number * 1_000 for number in range(50)
        ]
        assert all(line["last_updated_us"] >= line["intended_us"] for line in lines)


@pytest.mark.parametrize(
    ("profile", "wanted"),
    [
        ("burst", [0, 10_000, 20_000, 25_200, 25_600]),
        ("trace", [0, 20_000, 20_000, 50_000, 70_000]),
    ],
)
async def test_events_follow_the_profile(
    simulate: Any, profile: str, wanted: list[int]
) -> None:
    """The keys are start and offset, over several rounds of the profile."""
    kinds: dict[str, Any] = {"period": 0.06}
    if profile == "trace":
        kinds = {"period": 8.0, "offsets": [0, 1, 1, 2.5, 3.5, 7]}
    async with simulate() as sim:
        job = await sim.script(
            "rate", rate=500 if profile == "burst" else 37.5, count=40,
            profile=profile, timed="intended", **kinds,
        )  # fmt: skip
        done = await sim.look(f"/_script/rate/{job['job']}?wait=10")
        lines = await sim.ledger()
        offsets = [line["last_updated_us"] - done["start_us"] for line in lines]

        assert done["emitted"] == 40
        assert offsets[:5] == wanted


async def test_new_entities_take_the_places_of_the_oldest(simulate: Any) -> None:
    """Each has a name of its own; as many as before change at any time."""
    async with simulate() as sim:
        job = await sim.script(
            "rate", rate=1_000, count=40, entities=3, entity_growth=6_000, prefix="a.b"
        )
        done = await sim.look(f"/_script/rate/{job['job']}?wait=10")
        lines = await sim.ledger()
        numbers = [int(line["entity_id"].rpartition("_")[2]) for line in lines]

        assert done["new_entities"] == 3
        assert numbers[:13] == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 3]
        assert sorted(set(numbers)) == [0, 1, 2, 3, 4, 5]


async def test_key_can_be_the_intended_time(simulate: Any) -> None:
    """Then the age of an event counts from the schedule, however late it left."""
    async with simulate() as sim:
        job = await sim.script("rate", rate=5_000, count=50, timed="intended")
        await sim.look(f"/_script/rate/{job['job']}?wait=10")
        lines = await sim.ledger()

        assert len(lines) == 50
        assert all(line["last_updated_us"] == line["intended_us"] for line in lines)


async def test_seconds_bound_the_job(simulate: Any) -> None:
    """A job of s seconds has rate x s events, none at the very end."""
    async with simulate() as sim:
        job = await sim.script("rate", rate=1_000, seconds=0.1)
        done = await sim.look(f"/_script/rate/{job['job']}?wait=10")

        assert done["emitted"] == 100


async def test_endless_job_stops_on_demand(simulate: Any) -> None:
    """A job without an end runs until it is stopped, and keeps its numbers."""
    async with simulate() as sim:
        client = await sim.connect()
        await sim.script("rate", rate=1_000)
        await client.events(20)
        stopped = (await sim.script("stop"))["jobs"]
        status = await sim.look("/_script/status")

        assert [job["state"] for job in stopped] == ["stopped"]
        assert stopped[0]["emitted"] >= 20
        assert status["jobs"] == stopped
        assert status["events"]["emitted"] == stopped[0]["emitted"]


async def test_job_can_be_stopped_before_it_began(simulate: Any) -> None:
    """Stopping in the turn of the start does not hang, and nothing is emitted."""
    async with simulate() as sim:
        jobs = sim.simulator.jobs
        job = jobs.start(RateRequest(rate=1))
        stopped = await jobs.stop(job.number)

        assert stopped == [job]
        assert (job.status()["state"], job.status()["emitted"]) == ("stopped", 0)


async def test_slow_reader_does_not_slow_the_schedule(simulate: Any) -> None:
    """Events leave on time although a client reads nothing."""
    async with simulate() as sim:
        await sim.connect()
        job = await sim.script("rate", rate=20_000, count=4_000, payload_bytes=5_000)
        done = await sim.look(f"/_script/rate/{job['job']}?wait=10")

        assert (done["state"], done["emitted"]) == ("finished", 4_000)
        assert done["lateness"]["max_ms"] < 1_000


async def test_events_due_while_down_are_skipped_and_counted(simulate: Any) -> None:
    """Without a Home Assistant nothing is emitted, and the job says how much."""
    async with simulate() as sim:
        sim.simulator.home.crash(0)
        job = await sim.script("rate", rate=1_000, count=20)
        done = await sim.look(f"/_script/rate/{job['job']}?wait=10")

        assert (done["emitted"], done["skipped_while_down"]) == (0, 20)
        assert await sim.ledger() == []


async def test_two_jobs_run_side_by_side(simulate: Any) -> None:
    """Jobs with own prefixes do not disturb each other."""
    async with simulate() as sim:
        for name in ("one", "two"):
            await sim.script(
                "rate", rate=5_000, count=100, run_id=name, prefix=f"sensor.{name}"
            )
        for number in (1, 2):
            await sim.look(f"/_script/rate/{number}?wait=10")

        for name in ("one", "two"):
            lines = await sim.ledger(run_id=name)
            assert len(lines) == 100
            assert all(name in line["entity_id"] for line in lines)


async def test_stopping_a_finished_job_changes_nothing(simulate: Any) -> None:
    """A job that is over keeps its state; one can wait for it again at once."""
    async with simulate() as sim:
        job = await sim.script("rate", rate=1_000, count=1, entities=2_500)
        done = await sim.look(f"/_script/rate/{job['job']}?wait=10")
        stopped = (await sim.script("stop", job=job["job"]))["jobs"]

        assert done["state"] == "finished"
        assert stopped == [await sim.look(f"/_script/rate/{job['job']}?wait=10")]
