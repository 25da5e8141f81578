"""The spool over HTTP: gaps are listed, a replay is begun, bad wishes are refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from servicekit.health import Health
from servicekit.http import make_app
from servicekit.wire import Origin, Outcome
from websocket_ingestion.ledger import Arrival
from websocket_ingestion.limits import SpoolLimits
from websocket_ingestion.replay import Replay
from websocket_ingestion.routes import spool_routes
from websocket_ingestion.spool import Spool

NOW = 1_000.0
KEEP = SpoolLimits(
    disk_bytes=2**26,
    retain_bytes=2**20,
    commit_seconds=0.001,
    acknowledge_seconds=0.001,
)
Client = TestClient[Any, Any]


@pytest_asyncio.fixture
async def spool(tmp_path: Path, health: Health) -> AsyncIterator[Spool]:
    """Run a spool that keeps three forwarded frames, of the seconds 100 to 300.

    Each is acknowledged 50 seconds after its receipt.
    """
    now = [100.0]
    spool = Spool(tmp_path / "spool.db", health, KEEP, clock=lambda: now[-1])
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(spool.run())
        for second in (100, 200, 300):
            now.append(second)
            await spool.put([Arrival(second * 1_000_000, Origin.LIVE, 2, b"[]")])
            await spool.flush()
            now.append(second + 50)
            lot = await spool.next_lot(max_events=99, max_bytes=99)
            spool.acknowledge(lot, Outcome(2, 0, 0, 0))
            await spool.note_end("kept")
        now.append(NOW)
        yield spool
        await spool.close()


@pytest.fixture
def renewals() -> list[str]:
    """Return the reasons for which new subscriptions were asked for."""
    return []


@pytest_asyncio.fixture
async def client(
    spool: Spool, health: Health, renewals: list[str]
) -> AsyncIterator[Client]:
    """Serve the routes."""

    async def renew(reason: str) -> None:
        renewals.append(reason)

    routes = spool_routes(spool, renew, clock=lambda: NOW)
    app = make_app("test", health, CollectorRegistry(), routes)
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.mark.asyncio
async def test_gaps_are_listed_newest_first(spool: Spool, client: Client) -> None:
    """`limit` bounds the list."""
    for number in range(3):
        await spool.open_gap(cause=f"c{number}", from_us=1, opened_us=2)
    everything = await (await client.get("/v1/gaps")).json()
    some = await (await client.get("/v1/gaps?limit=2")).json()

    assert [one["cause"] for one in everything["gaps"]] == ["c2", "c1", "c0"]
    assert some["gaps"] == everything["gaps"][:2]


@pytest.mark.asyncio
@pytest.mark.parametrize("limit", ["x", "-1", "1.5", "", "²", "9" * 30])
async def test_a_limit_that_is_no_number_is_refused(client: Client, limit: str) -> None:
    """The answer is a 400 as JSON, not a failure."""
    answer = await client.get("/v1/gaps", params={"limit": limit})

    assert answer.status == 400
    assert (await answer.json())["error"]["code"] == "bad_request"


@pytest.mark.asyncio
async def test_a_replay_within_what_is_kept(spool: Spool, client: Client) -> None:
    """It is accepted, and the frames come again as new arrivals."""
    answer = await client.post("/v1/replay", json={"since": "1970-01-01T00:03:20Z"})
    said = (await answer.json())["replay"]
    await spool.flush()
    lot = await spool.next_lot(max_events=99, max_bytes=99)

    assert answer.status == 202
    assert said == {
        "events": 4,
        "frames": 2,
        "since": "1970-01-01T00:03:20.000000Z",
        "retained_since": "1970-01-01T00:01:40.000000Z",
        "gap": None,
    }
    assert (lot.events, lot.last_row) == (4, 5)
    assert spool.open_gaps == ()


@pytest.mark.asyncio
async def test_what_is_not_kept_any_more_becomes_a_gap(
    spool: Spool, client: Client, renewals: list[str]
) -> None:
    """A new subscription fills it from history; the note on the last end stays."""
    answer = await client.post("/v1/replay", json={"since": "1970-01-01T00:01:00Z"})
    said = (await answer.json())["replay"]
    (gap,) = spool.open_gaps

    assert (said["frames"], said["gap"]) == (3, gap.id)
    assert (gap.from_us, gap.until_us, gap.opened_us) == (
        60_000_000,
        160_000_000,
        1_000_000_000,
    )
    assert spool.ended == "kept"
    assert renewals == ["a replay has opened a gap"]


@pytest.mark.asyncio
async def test_a_gap_begins_with_what_is_missing(
    spool: Spool, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That may have been received long before the time that was asked for."""

    async def replay(since_us: int) -> Replay:
        return Replay(2, 1, since_us, 300_000_000, 70_000_000)

    monkeypatch.setattr(spool, "replay", replay)
    answer = await client.post("/v1/replay", json={"since": "1970-01-01T00:03:20Z"})
    said = (await answer.json())["replay"]
    (gap,) = spool.open_gaps

    assert said["gap"] == gap.id
    assert (gap.from_us, gap.until_us) == (70_000_000, 360_000_000)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="no-object"),
        pytest.param(b"{}", id="no-since"),
        pytest.param(b'{"since": "yesterday"}', id="no-time"),
        pytest.param(b'{"since": "1970-01-01T00:01:00"}', id="no-zone"),
        pytest.param(b'{"since": "2970-01-01T00:01:00Z"}', id="future"),
        pytest.param(b'{"since": "1970-01-01T00:01:00Z", "x": 1}', id="more"),
        pytest.param(b"\xff", id="no-text"),
    ],
)
async def test_a_wish_that_makes_no_sense_is_refused(
    spool: Spool, client: Client, body: bytes
) -> None:
    """Nothing is replayed by mistake."""
    answer = await client.post("/v1/replay", data=body)

    assert answer.status == 400
    assert spool.view().counters.received == 6


@pytest.mark.asyncio
async def test_a_closed_spool_is_an_answer(spool: Spool, client: Client) -> None:
    """A replay that cannot be begun is a 503 with the reason."""
    await spool.close()
    answer = await client.post("/v1/replay", json={"since": "1970-01-01T00:03:20Z"})

    assert answer.status == 503
    assert (await answer.json())["error"]["code"] == "spool_unreadable"
