"""Tests of the history commands over real sockets."""

from __future__ import annotations

from typing import Any

import pytest

from ha_simulator.world.timestamps import isoformat

IDS = ["sensor.sim_0", "sensor.sim_1"]
STREAM = {
    "type": "history/stream",
    "start_time": "2020-01-01T00:00:00+00:00",
    "entity_ids": IDS,
    "include_start_time_state": False,
    "significant_changes_only": False,
}
PERIOD = {**STREAM, "type": "history/history_during_period"}


def keys(states: dict[str, Any]) -> set[tuple[str, int]]:
    """Return (entity, µs) of every row, converted as a client should do it."""
    return {
        (entity_id, round(row["lu"] * 1_000_000))
        for entity_id, rows in states.items()
        for row in rows
    }


async def test_history_lags_by_the_commit(simulate: Any) -> None:
    """Before the commit history is empty, after it equals the ledger."""
    async with simulate(commit_seconds=3600) as sim:
        client = await sim.connect()
        await sim.script("burst", n=6, entities=2)
        before = await client.command(id=3, **PERIOD)
        pending = await sim.ledger()
        sim.simulator.home.recorder.commit()
        after = await client.command(id=4, **PERIOD)
        lines = await sim.ledger()

        assert before["result"] == {}
        assert {line["recorded"] for line in pending} == {False}
        assert keys(after["result"]) == {
            (line["entity_id"], line["last_updated_us"]) for line in lines
        }
        assert {line["recorded"] for line in lines} == {True}


async def test_history_equals_the_live_events(simulate: Any) -> None:
    """States, attributes and times of rows are those of the events."""
    async with simulate() as sim:
        client = await sim.connect()
        await sim.script("burst", n=4, entities=2)
        live = [event["data"]["new_state"] for event in await client.events(4)]
        sim.simulator.home.recorder.commit()
        rows = (await client.command(id=3, **PERIOD))["result"]

        assert [row["s"] for row in rows["sensor.sim_0"]] == [
            live[0]["state"],
            live[2]["state"],
        ]
        assert [row["a"] for row in rows["sensor.sim_1"]] == [
            live[1]["attributes"],
            live[3]["attributes"],
        ]


async def test_stream_sends_the_rest_after_the_commit(simulate: Any) -> None:
    """Rows that wait for their commit come in a second event, none twice."""
    async with simulate(commit_seconds=3600) as sim:
        client = await sim.connect()
        await sim.script("burst", n=2, entities=2)
        sim.simulator.home.recorder.commit()
        await sim.script("burst", n=4, entities=2)
        await client.events(6)
        await client.send({"id": 3, **STREAM})
        result = await client.next()
        first = await client.next()
        sim.simulator.home.recorder.commit()
        second = await client.next()
        lines = await sim.ledger()
        early, late = keys(first["event"]["states"]), keys(second["event"]["states"])

        assert result == {"id": 3, "type": "result", "success": True, "result": None}
        assert len(early) == 2
        assert early | late == {
            (line["entity_id"], line["last_updated_us"]) for line in lines
        }
        assert not early & late


async def test_stream_skips_one_microsecond(simulate: Any) -> None:
    """A row 1 µs after the newest sent one is left out of the rest, as in HA."""
    async with simulate(commit_seconds=3600) as sim:
        client = await sim.connect()
        home = sim.simulator.home
        entity, shape = home.states.entity(IDS[0]), home.shapes.number("run")
        us = home.recorder.slot_us - 3_600_000_000
        home.generate(entity, shape, us)
        home.recorder.commit()
        for step in (1, 2):
            home.generate(entity, shape, us + step)
        await client.events(3)
        await client.send({"id": 3, **STREAM})
        await client.next()
        first = await client.next()
        home.recorder.commit()
        second = await client.next()

        assert keys(first["event"]["states"]) == {(IDS[0], us)}
        assert keys(second["event"]["states"]) == {(IDS[0], us + 2)}


async def test_stream_goes_on_live(simulate: Any) -> None:
    """After the past, changes come grouped by entity and without times."""
    async with simulate(commit_seconds=0.05) as sim:
        client = await sim.connect()
        await sim.script("burst", n=2, entities=2)
        await client.events(2)
        await client.send({"id": 3, **STREAM})
        await client.next()
        await client.next()
        await client.send({"id": 4, "type": "unsubscribe_events", "subscription": 2})
        await sim.script("burst", n=4, entities=2)
        message = await client.next()
        while message["id"] != 3 or "start_time" in message["event"]:
            message = await client.next()

        assert set(message["event"]) == {"states"}
        assert [len(message["event"]["states"][name]) for name in IDS] == [2, 2]


async def test_stream_with_an_end_in_the_past_is_one_event(simulate: Any) -> None:
    """A stream over a finished period sends it and then nothing more."""
    async with simulate() as sim:
        client = await sim.connect()
        end = isoformat(sim.simulator.home.recorder.slot_us - 3_600_000_000).decode()
        await client.send({"id": 3, **STREAM, "end_time": end})
        await client.next()
        event = await client.next()
        await sim.script("burst", n=1)
        live = await client.next()

        assert event["event"]["states"] == {}
        assert set(event["event"]) == {"states", "start_time", "end_time"}
        assert live["id"] == 2


async def test_stream_that_cannot_keep_up_ends_silently(simulate: Any) -> None:
    """More than 2,048 changes at once end the stream without a word, as in HA."""
    async with simulate(commit_seconds=0.05) as sim:
        client = await sim.connect()
        await sim.script("burst", n=1)
        await client.events(1)
        await client.send({"id": 3, **STREAM})
        await client.next()
        await client.next()
        await sim.script("burst", n=2_050, entities=1)
        await client.events(2_050)
        gone = await client.command(id=4, type="unsubscribe_events", subscription=3)

        assert gone["error"]["code"] == "not_found"


@pytest.mark.parametrize("loaded", [False, True])
async def test_history_can_be_taken_away(simulate: Any, *, loaded: bool) -> None:
    """The control API unloads history, and gives it back."""
    async with simulate() as sim:
        client = await sim.connect()
        await sim.script("recorder", history_loaded=False)
        if loaded:
            await sim.script("recorder", history_loaded=True)
        reply = await client.command(id=3, **PERIOD)

        assert reply["success"] is loaded


@pytest.mark.parametrize(("significant", "seen"), [(True, ["2"]), (False, ["1", "2"])])
async def test_live_stream_filters_like_the_past(
    simulate: Any, *, significant: bool, seen: list[str]
) -> None:
    """Creations and, if asked for, attribute changes do not reach a live stream."""
    async with simulate(commit_seconds=0.05) as sim:
        client = await sim.connect()
        await client.command(id=3, type="unsubscribe_events", subscription=2)
        first = {"entity_id": "sensor.a", "state": "1"}
        await sim.script("emit", changes=[first])
        query = {
            **STREAM,
            "entity_ids": ["sensor.a", "sensor.new"],
            "significant_changes_only": significant,
        }
        await client.send({"id": 4, **query})
        await client.next()
        await client.next()
        changes = [
            {**first, "attributes": {"a": 1}},
            {"entity_id": "sensor.new", "state": "created"},
            {"entity_id": "sensor.a", "state": "2", "attributes": {"a": 1}},
        ]
        await sim.script("emit", changes=changes)
        message = await client.next()
        while "start_time" in message["event"]:
            message = await client.next()
        states = message["event"]["states"]

        assert [row["s"] for row in states.pop("sensor.a")] == seen
        assert states == {}


async def test_stream_ends_at_its_end(simulate: Any) -> None:
    """A stream whose end is near stops there: later changes are not sent."""
    async with simulate(commit_seconds=0.05) as sim:
        client = await sim.connect()
        await sim.script("burst", n=1)
        await client.events(1)
        now = (await sim.look("/_script/status"))["now_us"]
        end = isoformat(now + 100_000).decode()
        await client.send({"id": 3, **STREAM, "end_time": end})
        message = await client.next()
        while sim.simulator.home._watches:
            await sim.look("/health")
        await sim.script("burst", n=1)
        streamed = []
        while message.get("id") != 2:
            streamed.append(message)
            message = await client.next()
        pong = await client.command(id=4, type="ping")

        assert streamed[0]["result"] is None
        assert all("start_time" in found["event"] for found in streamed[1:])
        assert pong == {"id": 4, "type": "pong"}
