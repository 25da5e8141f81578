"""Tests of restarts and crashes of the simulated Home Assistant."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

QUICK = {
    "down_seconds": 0.0,
    "history_seconds": 0.0,
    "starting_seconds": 0.0,
    "entities_seconds": 0.0,
    "running_seconds": 0.0,
}
LATE = {**dict.fromkeys(QUICK, 60.0), "stopping_seconds": 60.0}
"""A timetable that leaves the test in charge: nothing happens by itself."""
PERIOD = {
    "type": "history/history_during_period",
    "start_time": "2020-01-01T00:00:00+00:00",
    "entity_ids": ["sensor.sim_0"],
    "include_start_time_state": False,
}


async def test_restart_drops_and_brings_back(simulate: Any) -> None:
    """Sockets close with 1000; entities return with old_state null; no row is lost."""
    async with simulate(commit_seconds=3600) as sim:
        client = await sim.connect()
        await sim.script("burst", n=2, entities=2)
        await client.events(2)
        async with asyncio.TaskGroup() as tasks:
            closing = tasks.create_task(client.closed())
            timetable = {**QUICK, "down_seconds": 0.1}
            answer = await sim.script("restart", **timetable, wait=True)
        again = await sim.connect()
        states = (await again.command(id=3, type="get_states"))["result"]
        rows = (await again.command(id=4, **PERIOD))["result"]["sensor.sim_0"]
        lines = await sim.ledger()

        assert closing.result() == (1000, [])
        assert answer["recorder_rows_lost"] == 0
        assert [state["state"] for state in states] == ["0.3", "0.4"]
        assert [line["run_id"] for line in lines[2:]] == ["homeassistant_start"] * 2
        assert [row["s"] for row in rows] == ["0.1"]


async def test_restart_does_not_wait_for_a_silent_client(simulate: Any) -> None:
    """Who has not answered the close frame when the process ends gets a 1006."""
    async with simulate() as sim:
        client = await sim.connect()
        await sim.script("restart", **QUICK, wait=True)

        assert (await client.closed())[0] == 1006


async def test_client_sees_the_phases(simulate: Any) -> None:
    """After a restart it answers in NOT_RUNNING, without history and entities."""
    async with simulate() as sim:
        await sim.script("burst", n=1)
        await sim.script("restart", **LATE)
        home = sim.simulator.home
        home.finish_stop(home.recorder.slot_us)
        home.boot()
        client = await sim.connect()
        config = (await client.command(id=3, type="get_config"))["result"]
        states = (await client.command(id=4, type="get_states"))["result"]
        history = await client.command(id=5, **PERIOD)
        status, document = await sim.attempt("burst", n=1)
        again, _ = await sim.attempt("restart")

        assert config["state"] == "NOT_RUNNING"
        assert "history" not in config["components"]
        assert states == []
        assert history["error"]["code"] == "unknown_command"
        assert (status, document["error"]["code"]) == (409, "not_running")
        assert again == 409


async def test_subscriber_hears_entities_come_back(simulate: Any) -> None:
    """Who subscribes before the entities are there gets their first events."""
    async with simulate() as sim:
        await sim.script("burst", n=3, entities=3)
        await sim.script("restart", **LATE)
        home = sim.simulator.home
        home.finish_stop(home.recorder.slot_us)
        home.boot()
        client = await sim.connect()
        home.load_entities()
        home.bring_back(10, home.recorder.slot_us)
        events = await client.events(3)

        assert [event["data"]["old_state"] for event in events] == [None] * 3


async def test_kill_loses_uncommitted_rows(simulate: Any) -> None:
    """A crash loses what was not committed, and the ledger shows exactly that."""
    async with simulate(commit_seconds=3600) as sim:
        await sim.script("burst", n=2, entities=1)
        sim.simulator.home.recorder.commit()
        await sim.script("burst", n=3, entities=1)
        answer = await sim.script("kill", **QUICK, wait=True)
        sim.simulator.home.recorder.commit()
        lines = await sim.ledger()

        assert answer["recorder_rows_lost"] == 3
        assert [line["recorded"] for line in lines] == [True] * 2 + [False] * 3 + [True]


async def test_changes_while_stopping_exist_in_the_recorder_only(
    simulate: Any,
) -> None:
    """Between the closed sockets and the end, changes reach history but no client."""
    async with simulate(commit_seconds=3600) as sim:
        client = await sim.connect()
        await sim.script("restart", **QUICK, stopping_seconds=60)
        await sim.script("burst", n=2, run_id="late")
        await client.closed()
        home = sim.simulator.home
        home.finish_stop(home.recorder.slot_us - 1)
        lines = await sim.ledger(run_id="late")

        assert [(line["on_wire"], line["recorded"]) for line in lines] == [
            ([], True),
            ([], True),
        ]


@pytest.mark.parametrize("path", ["/api/websocket", "/api/"])
async def test_nothing_answers_while_down(simulate: Any, path: str) -> None:
    """While there is no process, connections are reset; the control still works."""
    async with simulate() as sim:
        await sim.script("kill", **{**QUICK, "down_seconds": 60})
        with pytest.raises(aiohttp.ClientConnectionError):
            await sim.session.get(sim.url + path)
        status = await sim.look("/_script/status")

        assert (status["state"], status["restarting"]) == ("DOWN", True)
        assert (await sim.look("/health"))["state"] == "DOWN"


async def test_leaving_drops_everything_quickly(simulate: Any) -> None:
    """The end of the simulator drops clients, stops jobs and aborts a restart."""
    async with simulate() as sim:
        client = await sim.connect()
        frozen = await sim.connect()
        await sim.script("half_open", connection=2)
        await sim.script("rate", rate=100)
        await sim.simulator.close()

        assert (await client.closed())[0] == 1006
        assert (await frozen.closed())[0] == 1006
        assert sim.simulator.jobs.status()[0]["state"] == "stopped"


async def test_return_of_all_entities_at_once_drops_the_client(simulate: Any) -> None:
    """4,096 entities in one batch are too much, as after a real start."""
    async with simulate() as sim:
        await sim.script("burst", n=4_096, entities=4_096)
        await sim.script("restart", **LATE)
        home = sim.simulator.home
        home.finish_stop(home.recorder.slot_us)
        home.boot()
        client = await sim.connect()
        home.load_entities()
        waiting = home.bring_back(5_000, home.recorder.slot_us)

        assert waiting == 0
        assert await client.closed() == (1000, [])


async def test_large_restart_takes_several_turns(simulate: Any) -> None:
    """All entities are back when the restart is over, however many there are."""
    async with simulate() as sim:
        await sim.script("burst", n=250, entities=250)
        await sim.script("restart", **QUICK, batch=100, wait=True)
        status = await sim.look("/_script/status")

        assert (status["entities"], status["state"]) == (250, "RUNNING")
        assert status["events"]["emitted"] == 500
