"""Tests of the REST API."""

from __future__ import annotations

from typing import Any

import pytest

BEARER = {"Authorization": "Bearer right-token"}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
@pytest.mark.parametrize("path", ["/api/", "/api/states", "/api/config"])
async def test_rest_wants_the_token(
    simulate: Any, path: str, headers: dict[str, str]
) -> None:
    """Without the right bearer token every path is 401."""
    async with (
        simulate() as sim,
        sim.session.get(sim.url + path, headers=headers) as answer,
    ):
        assert answer.status == 401


async def test_api_runs(simulate: Any) -> None:
    """The root says that the API runs."""
    async with (
        simulate() as sim,
        sim.session.get(sim.url + "/api/", headers=BEARER) as answer,
    ):
        assert await answer.json() == {"message": "API running."}


async def test_state_is_set_read_and_removed(simulate: Any) -> None:
    """201 creates, 200 changes, the same again is no event, DELETE removes."""
    async with simulate() as sim:
        client = await sim.connect()
        url = f"{sim.url}/api/states/sensor.a"
        body = {"state": "21.5", "attributes": {"unit_of_measurement": "°C"}}
        statuses = []
        for state in ("21.5", "21.5", 22):
            async with sim.session.post(
                url, json=body | {"state": state}, headers=BEARER
            ) as answer:
                statuses.append(answer.status)
                posted = await answer.json()
        async with sim.session.get(url, headers=BEARER) as answer:
            read = await answer.json()
        async with sim.session.delete(url, headers=BEARER) as answer:
            removed = await answer.json()
        async with sim.session.get(url, headers=BEARER) as answer:
            missing = answer.status
        events = [event["data"] for event in await client.events(3)]

        assert statuses == [201, 200, 200]
        assert removed == {"message": "Entity removed."}
        assert missing == 404
        assert read == posted == events[1]["new_state"]
        assert read["state"] == "22"
        assert read["attributes"] == body["attributes"]
        assert read["context"]["user_id"] is not None
        assert events[2]["new_state"] is None
        assert [line["run_id"] for line in await sim.ledger()] == ["rest"] * 3


async def test_entity_ids_may_be_written_in_capitals(simulate: Any) -> None:
    """One entity is meant, and its state is read and removed the same way."""
    async with simulate() as sim:
        url = f"{sim.url}/api/states/Sensor.A"
        async with sim.session.post(url, json={"state": "1"}, headers=BEARER) as answer:
            place, posted = answer.headers["Location"], await answer.json()
        async with sim.session.get(url, headers=BEARER) as answer:
            read = await answer.json()

        assert place == "/api/states/Sensor.A"
        assert posted == read
        assert read["entity_id"] == "sensor.a"


@pytest.mark.parametrize(
    ("given", "state"), [(True, "True"), ([1], "[1]"), (5.5, "5.5")]
)
async def test_any_value_becomes_a_text(
    simulate: Any, given: object, state: str
) -> None:
    """A state that is no text is written as Python writes it."""
    async with simulate() as sim:
        url = f"{sim.url}/api/states/sensor.a"
        async with sim.session.post(
            url, json={"state": given}, headers=BEARER
        ) as answer:
            assert (await answer.json())["state"] == state


@pytest.mark.parametrize(
    ("entity_id", "body", "message"),
    [
        ("sensor.a", b"{", "Invalid JSON specified."),
        ("sensor.a", b"[]", "State data should be a JSON object."),
        ("sensor.a", b"{}", "No state specified."),
        ("sensor.a", b"", "State data should be a JSON object."),
        ("sensor.a", b'{"state":null}', "No state specified."),
        ("sensor.a", b'{"state":"%b"}' % (b"x" * 256), "Invalid state specified."),
        ("nonsense", b'{"state":"1"}', "Invalid entity ID specified."),
    ],
)
async def test_bad_states_are_refused(
    simulate: Any, entity_id: str, body: bytes, message: str
) -> None:
    """Each mistake is a 400 with Home Assistant's words."""
    async with simulate() as sim:
        url = f"{sim.url}/api/states/{entity_id}"
        async with sim.session.post(url, data=body, headers=BEARER) as answer:
            assert answer.status == 400
            assert await answer.json() == {"message": message}


async def test_states_and_configuration(simulate: Any) -> None:
    """The lists equal what the WebSocket answers."""
    async with simulate() as sim:
        client = await sim.connect()
        await sim.script("burst", n=3, entities=3)
        found = []
        for path in ("/api/states", "/api/config"):
            async with sim.session.get(sim.url + path, headers=BEARER) as answer:
                found.append(await answer.json())
        states = await client.command(id=3, type="get_states")
        config = await client.command(id=4, type="get_config")

        assert found == [states["result"], config["result"]]
