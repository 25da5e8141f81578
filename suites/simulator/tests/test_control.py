"""Tests of the control API."""

from __future__ import annotations

from typing import Any

import pytest


async def test_emit_sets_states_from_a_list(simulate: Any) -> None:
    """Changes come as events in order, with unit, attributes and own times."""
    async with simulate() as sim:
        client = await sim.connect()
        answer = await sim.script(
            "emit",
            run_id="mine",
            changes=[
                {"entity_id": "sensor.a", "state": "1", "unit": "W"},
                {
                    "entity_id": "sensor.b",
                    "state": "x",
                    "attributes": {"k": [1]},
                    "last_updated": "2026-01-02T03:04:05+00:00",
                },
                {"entity_id": "sensor.b", "state": "y", "last_updated_us": 1_000_001},
                {"entity_id": "sensor.a", "state": "1", "unit": "W"},
            ],
        )
        events = [event["data"]["new_state"] for event in await client.events(3)]

        assert [item["serial"] for item in answer["events"]] == [1, 2, 3, None]
        assert events[0]["attributes"] == {
            "unit_of_measurement": "W",
            "serial": 1,
            "run_id": "mine",
        }
        assert events[1]["last_updated"] == "2026-01-02T03:04:05+00:00"
        assert events[2]["last_updated"] == "1970-01-01T00:00:01.000001+00:00"
        assert answer["events"][1]["last_updated_us"] == 1_767_323_045_000_000


async def test_removed_entity_has_no_new_state(simulate: Any) -> None:
    """A removal is an event without a new state; a second one is none."""
    async with simulate() as sim:
        client = await sim.connect()
        await sim.script("emit", changes=[{"entity_id": "sensor.a", "state": "1"}])
        answer = await sim.script("remove", entity_ids=["sensor.a", "sensor.never"])
        created, removed = await client.events(2)

        assert [item["serial"] for item in answer["events"]] == [2, None]
        assert removed["data"]["new_state"] is None
        assert removed["data"]["old_state"] == created["data"]["new_state"]


async def test_poison_is_as_large_as_asked(simulate: Any) -> None:
    """One event carries the bytes; the recorder keeps none of them."""
    async with simulate() as sim:
        client = await sim.connect()
        await sim.script("poison", bytes=1_000_000)
        event = (await client.events(1))[0]
        sim.simulator.home.recorder.commit()
        history = await client.command(
            id=3,
            type="history/history_during_period",
            start_time="2020-01-01T00:00:00+00:00",
            entity_ids=["sensor.poison"],
        )

        assert len(event["data"]["new_state"]["attributes"]["poison"]) == 1_000_000
        assert history["result"]["sensor.poison"][0]["a"] == {}


@pytest.mark.parametrize(
    ("action", "body", "word"),
    [
        ("emit", {}, "changes"),
        ("emit", {"changes": [], "surprise": 1}, "surprise"),
        ("emit", {"changes": [{"entity_id": "A", "state": "1"}]}, "entity_id"),
        (
            "emit",
            {"changes": [{"entity_id": "a.b", "state": "1", "last_updated": "x"}]},
            "last_updated",
        ),
        ("burst", {"n": 0}, "n must be"),
        ("burst", {"n": 1, "entities": 0}, "entities"),
        ("burst", {"n": 1, "prefix": "nodomain"}, "prefix"),
        ("burst", {"n": 1, "payload_bytes": -1}, "payload_bytes"),
        ("rate", {"rate": 0}, "rate"),
        ("rate", {"rate": 1, "seconds": 0}, "seconds"),
        ("rate", {"rate": 1, "count": 0}, "count"),
        ("rate", {"rate": 1, "profile": "wild"}, "wild"),
        ("rate", {"rate": 1, "offsets": [0.0]}, "offsets"),
        ("rate", {"rate": 1, "profile": "trace"}, "offsets"),
        ("rate", {"rate": 1, "profile": "burst", "period": 0}, "period"),
        ("rate", {"rate": 1, "entity_growth": -1}, "entity_growth"),
        ("poison", {"bytes": -1}, "bytes"),
        ("auth", {}, "token"),
        ("auth", {"token": ""}, "token"),
        ("recorder", {"commit_seconds": 0}, "commit_seconds"),
        ("restart", {"down_seconds": -1}, "down_seconds"),
        ("restart", {"running_seconds": 0}, "running_seconds"),
        ("restart", {"batch": 0}, "batch"),
    ],
)
async def test_bad_requests_name_the_mistake(
    simulate: Any, action: str, body: dict[str, Any], word: str
) -> None:
    """A wrong body is a 400 whose message names the field."""
    async with simulate() as sim:
        status, document = await sim.attempt(action, **body)

        assert status == 400
        assert word in document["error"]["message"]


@pytest.mark.parametrize(
    "path",
    ["ledger?after=x", "ledger?limit=-1", "rate/x", "rate/1?wait=x", "rate/1?wait=99"],
)
async def test_bad_queries_are_refused(simulate: Any, path: str) -> None:
    """A wrong query is a 400 as well."""
    async with simulate() as sim:
        await sim.script("rate", rate=1, count=1)
        async with sim.session.get(f"{sim.url}/_script/{path}") as answer:
            assert answer.status == 400
            assert "error" in await answer.json()


async def test_unknown_paths_and_methods_are_json_too(simulate: Any) -> None:
    """404 and 405 of the control API are JSON errors."""
    async with simulate() as sim:
        statuses = []
        for path in ("/_script/nothing", "/_script/emit", "/_script/rate/7"):
            async with sim.session.get(sim.url + path) as answer:
                statuses.append(answer.status)
                assert "error" in await answer.json()

        assert statuses == [404, 405, 404]


async def test_control_token_guards_the_control_only(simulate: Any) -> None:
    """With a control token set, `/_script` needs it and `/health` does not."""
    async with simulate(control_token="boss") as sim:
        refused, _ = await sim.attempt("burst", n=1)
        url = f"{sim.url}/_script/status"
        headers = {"Authorization": "Bearer boss"}
        async with sim.session.get(url, headers=headers) as answer:
            allowed = answer.status

        assert (refused, allowed) == (401, 200)
        assert (await sim.look("/health"))["status"] == "ready"


async def test_ledger_says_when_it_is_capped(simulate: Any) -> None:
    """When old events were dropped, the headers and the status say so."""
    async with simulate(ledger_rows=1) as sim:
        for _ in range(3):
            await sim.script("burst", n=60_000)
        url = f"{sim.url}/_script/ledger"
        async with sim.session.get(url, params={"limit": 1}) as answer:
            headers = answer.headers
            text = await answer.read()
        status = await sim.look("/_script/status")

        assert headers["X-Ledger-Capped"] == "true"
        assert headers["X-Ledger-First-Serial"] == "65537"
        assert headers["X-Ledger-Last-Serial"] == "180000"
        assert text.startswith(b'{"serial":65537,')
        assert status["ledger"]["capped"]


async def test_ledger_pages_by_serial(simulate: Any) -> None:
    """`after` and `limit` read a long ledger in parts."""
    async with simulate() as sim:
        await sim.script("burst", n=5_000, run_id="big")
        first = await sim.ledger(run_id="big", limit=3)
        rest = await sim.ledger(run_id="big", after=first[-1]["serial"])

        assert [line["serial"] for line in first] == [1, 2, 3]
        assert len(rest) == 4_997


async def test_recorder_interval_can_be_changed(simulate: Any) -> None:
    """A shorter interval lets rows appear sooner."""
    async with simulate(commit_seconds=3600) as sim:
        await sim.script("burst", n=1)
        answer = await sim.script("recorder", commit_seconds=0.01)
        status = await sim.look("/_script/status")

        assert answer["commit_seconds"] == 0.01
        assert status["recorder"]["commit_seconds"] == 0.01


async def test_status_counts_everything(simulate: Any) -> None:
    """The status shows clients, events, ledger and recorder in numbers."""
    async with simulate() as sim:
        client = await sim.connect()
        await sim.script("burst", n=7, entities=3)
        await client.events(7)
        status = await sim.look("/_script/status")
        connection = status["connections"][0]

        assert (status["state"], status["entities"]) == ("RUNNING", 3)
        assert status["events"]["emitted"] == 7
        assert status["recorder"]["pending"] == 7
        assert connection["events_on_wire"] == 7
        assert connection["subscriptions"] == ["state_changed"]
        assert (connection["coalesce"], connection["phase"]) == (True, "command")
