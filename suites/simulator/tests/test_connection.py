"""Tests of the WebSocket over real sockets: handshake, frames, and the ways to end."""

from __future__ import annotations

from typing import Any

import pytest

TOKEN = "right-token"


async def test_handshake_and_first_event(simulate: Any) -> None:
    """auth_required, auth, auth_ok, subscribe, and then events as objects."""
    async with simulate() as sim:
        client = await sim.dial()
        greeting = await client.next()
        await client.send({"type": "auth", "access_token": TOKEN})
        welcome = await client.next()
        result = await client.command(id=1, type="subscribe_events")
        await sim.script("emit", changes=[{"entity_id": "sensor.a", "state": "1"}])
        event = await client.frame()

        assert greeting["type"] == "auth_required"
        assert welcome["type"] == "auth_ok"
        assert result == {"id": 1, "type": "result", "success": True, "result": None}
        assert event["id"] == 1
        assert event["event"]["data"]["new_state"]["state"] == "1"


@pytest.mark.parametrize(
    "message",
    [
        {"type": "auth", "access_token": "wrong"},
        {"id": 1, "type": "auth", "access_token": TOKEN},
    ],
    ids=["wrong-token", "with-id"],
)
async def test_refused_client_is_told_and_closed(simulate: Any, message: Any) -> None:
    """auth_invalid comes first, then an orderly close; the attempt is on record."""
    async with simulate() as sim:
        client = await sim.dial()
        await client.next()
        await client.send(message)
        code, before = await client.closed()
        status = await sim.look("/_script/status")

        assert [found["type"] for found in before] == ["auth_invalid"]
        assert code == 1000
        assert [found["accepted"] for found in status["auth_attempts"]] == [False]


async def test_silent_client_is_closed(simulate: Any) -> None:
    """Who sends no auth message within the time is closed."""
    async with simulate(auth_seconds=0.05) as sim:
        client = await sim.dial()
        await client.next()

        assert await client.closed() == (1000, [])


@pytest.mark.parametrize("logged_in", [False, True])
async def test_invalid_json_is_closed(simulate: Any, *, logged_in: bool) -> None:
    """What is no JSON ends the connection in either phase."""
    async with simulate() as sim:
        client = await (sim.connect() if logged_in else sim.dial())
        if not logged_in:
            await client.next()
        await client.socket.send_str("{nonsense")

        assert await client.closed() == (1000, [])


async def test_waiting_events_are_one_array(simulate: Any) -> None:
    """With coalescing, events of one loop turn come as one frame, in order."""
    async with simulate() as sim:
        client = await sim.connect()
        await sim.script("burst", n=3, entities=2)
        frame = await client.frame()
        states = [item["event"]["data"]["new_state"] for item in frame]

        assert [state["entity_id"] for state in states] == [
            "sensor.sim_0",
            "sensor.sim_1",
            "sensor.sim_0",
        ]
        assert [state["attributes"]["serial"] for state in states] == [1, 2, 3]


async def test_without_coalescing_each_event_is_a_frame(simulate: Any) -> None:
    """A client that did not ask for arrays never gets one."""
    async with simulate() as sim:
        client = await sim.connect(coalesce=False)
        await sim.script("burst", n=3)
        frames = [await client.frame() for _ in range(3)]

        assert [type(frame) for frame in frames] == [dict, dict, dict]


async def test_largest_burst_arrives_whole(simulate: Any) -> None:
    """4,095 events in one loop turn come as one frame, each on the wire."""
    async with simulate() as sim:
        client = await sim.connect()
        await sim.script("burst", n=4_095, entities=500)
        frame = await client.frame()
        status = await sim.look("/_script/status")
        lines = await sim.ledger()

        assert len(frame) == 4_095
        assert status["pending_peak"] == 4_095
        assert {tuple(line["on_wire"]) for line in lines} == {(1,)}


async def test_burst_of_4096_ends_the_connection(simulate: Any) -> None:
    """One more event, and the client is closed with 1000 and no event at all."""
    async with simulate() as sim:
        client = await sim.connect()
        await sim.script("burst", n=4_096, entities=500)
        ended = await client.closed()
        lines = await sim.ledger()
        status = await sim.look("/_script/status")

        assert ended == (1000, [])
        assert len(lines) == 4_096
        assert {tuple(line["on_wire"]) for line in lines} == {()}
        assert status["connections_ended"] == {"overflow": 1}


async def test_client_that_stays_behind_is_dropped(simulate: Any) -> None:
    """A client that does not read keeps over 1,024 pending and is dropped."""
    async with simulate(peak_seconds=0.05) as sim:
        client = await sim.connect(coalesce=False)
        await sim.script("burst", n=3_000, payload_bytes=10_000)
        status = await sim.look("/_script/status")
        while not status["connections_ended"]:
            status = await sim.look("/_script/status")
        code, before = await client.closed()
        on_wire: list[Any] = []
        # What was under way counts once the client's answer to the close is there.
        while len(on_wire) < len(before):
            on_wire = [line for line in await sim.ledger() if line["on_wire"]]

        assert status["connections_ended"] == {"stalled": 1}
        assert code == 1000
        assert 0 < len(before) < 2_000
        assert len(before) == len(on_wire)


async def test_cut_socket_closes_without_a_frame(simulate: Any) -> None:
    """A cut is a 1006; what came before it was delivered."""
    async with simulate() as sim:
        client = await sim.connect()
        await sim.script("burst", n=2)
        await client.events(2)
        dropped = await sim.script("cut")

        assert dropped == {"dropped": [1], "half_open_released": 0}
        assert await client.closed() == (1006, [])


async def test_cut_of_one_connection_spares_the_others(simulate: Any) -> None:
    """A connection can be named; an unknown one is an error."""
    async with simulate() as sim:
        first, second = await sim.connect(), await sim.connect()
        await sim.script("cut", connection=1)
        status, error = await sim.attempt("cut", connection=1)
        await sim.script("burst", n=1)

        assert await first.closed() == (1006, [])
        assert len(await second.events(1)) == 1
        assert (status, error["error"]["code"]) == (404, "no_connection")


async def test_half_open_connection_is_silent_but_open(simulate: Any) -> None:
    """Nothing is answered and nothing is closed until the socket is cut."""
    async with simulate() as sim:
        client = await sim.connect()
        await sim.script("half_open")
        await client.send({"id": 3, "type": "ping"})
        await sim.script("burst", n=2)
        with pytest.raises(TimeoutError):
            await client.socket.receive(timeout=0.1)
        lines = await sim.ledger()
        status = await sim.look("/_script/status")
        released = await sim.script("cut")

        assert [line["on_wire"] for line in lines] == [[], []]
        assert (status["half_open"], status["connections"]) == (1, [])
        assert released == {"dropped": [], "half_open_released": 1}
        assert (await client.closed())[0] == 1006


async def test_rotated_token_closes_and_refuses(simulate: Any) -> None:
    """A new token drops who used the old one, and the old one opens nothing."""
    async with simulate() as sim:
        client = await sim.connect()
        await sim.script("auth", token="new-token")
        ended = await client.closed()
        late = await sim.dial()
        await late.next()
        await late.send({"type": "auth", "access_token": TOKEN})
        refused, _ = await late.next(), await late.closed()
        again = await sim.connect(token="new-token")

        assert ended == (1000, [])
        assert refused["type"] == "auth_invalid"
        assert (await again.command(id=3, type="ping"))["type"] == "pong"


async def test_commands_between_events(simulate: Any) -> None:
    """A large snapshot and pings are answered while events flow."""
    async with simulate() as sim:
        client = await sim.connect()
        await sim.script("burst", n=1_000, entities=1_000)
        states = await client.command(id=3, type="get_states")
        pong = await client.command(id=4, type="ping")

        assert len(states["result"]) == 1_000
        assert pong == {"id": 4, "type": "pong"}


async def test_compressed_connection_works_and_counts(simulate: Any) -> None:
    """A client that negotiates deflate gets its events, and they count as sent."""
    async with simulate() as sim:
        client = await sim.dial(compress=15)
        await client.next()
        await client.send({"type": "auth", "access_token": TOKEN})
        await client.next()
        await client.command(id=1, type="subscribe_events")
        await sim.script("burst", n=5)
        events = await client.events(5)
        lines = await sim.ledger()

        assert client.socket.compress
        assert len(events) == 5
        assert [line["on_wire"] for line in lines] == [[1]] * 5


async def test_client_that_leaves_is_forgotten(simulate: Any) -> None:
    """An orderly close from the client is answered, and the client is gone."""
    async with simulate() as sim:
        client = await sim.connect()
        await client.socket.close()
        await sim.script("burst", n=1)
        status = await sim.look("/_script/status")

        assert client.socket.close_code == 1000
        assert status["connections"] == []
        assert (await sim.ledger())[0]["on_wire"] == []


async def test_binary_frame_is_no_command(simulate: Any) -> None:
    """A binary frame says nothing; an empty one ends the connection."""
    async with simulate() as sim:
        client = await sim.connect()
        await client.socket.send_bytes(b"\x01\x02")
        pong = await client.command(id=3, type="ping")
        await client.socket.send_bytes(b"")
        ended = await client.closed()

        assert pong == {"id": 3, "type": "pong"}
        assert ended == (1000, [])
