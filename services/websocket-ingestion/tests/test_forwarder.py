"""The forwarder against a local server: nothing moves on without a full account."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from servicekit.health import STARTING, Health, Status
from servicekit.wire import (
    Batch,
    Origin,
    Outcome,
    Source,
    decode_batch,
    encode_outcome,
)
from websocket_ingestion.errors import ForwardError, SpoolError
from websocket_ingestion.forwarder import Enrichment, Forwarder
from websocket_ingestion.ledger import Arrival, Counters
from websocket_ingestion.limits import SpoolLimits
from websocket_ingestion.spool import Spool
from websocket_ingestion.store import Chunk, Store

SOURCE = Source(52.5, 13.4, "2026.2.3")


def problem(code: str) -> str:
    """Return the body of an error answer."""
    return json.dumps({"error": {"code": code, "message": "because"}})


def refusal(status: int, code: str) -> web.Response:
    """Return an error answer."""
    return web.Response(status=status, text=problem(code))


NOTHING = encode_outcome(Outcome(0, 0, 0, 0)).decode()


@dataclass
class FakeEnrichment:
    """Takes batches; first gives the answers that the test queued."""

    url: str = ""
    answers: list[web.Response] = field(default_factory=list)
    most_bytes: int = 10**9
    hang: bool = False
    cut: bool = False
    batches: asyncio.Queue[Batch] = field(default_factory=asyncio.Queue)
    refused: asyncio.Queue[int] = field(default_factory=asyncio.Queue)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        """Answer POST /v1/frames."""
        batch = decode_batch(await request.read())
        assert request.content_type == "application/msgpack"
        answer = self._refusal(batch)
        if self.hang or self.cut or answer is not None:
            self.refused.put_nowait(batch.events)
        if self.hang:
            await self.release.wait()
        if self.cut and request.transport is not None:
            request.transport.abort()
        if answer is not None:
            return answer
        self.batches.put_nowait(batch)
        body = encode_outcome(Outcome(batch.events, 0, 0, 0))
        return web.Response(body=body, content_type="application/json")

    def _refusal(self, batch: Batch) -> web.Response | None:
        if self.answers:
            return self.answers.pop(0)
        size = sum(len(frame.payload) for frame in batch.frames)
        return refusal(413, "too_large") if size > self.most_bytes else None


@dataclass
class Bench:
    """A running spool and forwarder between a test and the fake."""

    enrichment: FakeEnrichment
    spool: Spool
    health: Health
    forwarder: Forwarder

    async def put(self, *payloads: bytes, events: int = 1) -> None:
        """Store frames."""
        await self.spool.put(
            Arrival(1, Origin.LIVE, events, payload) for payload in payloads
        )
        await self.spool.flush()

    async def counters(self) -> Counters:
        """Return the counters once all is forwarded and saved."""
        while self.spool.view().counters.pending:
            await self.enrichment.batches.get()
            await self.spool.put([Arrival(1, Origin.LIVE, 0, b"-")])
            await self.spool.flush()
        return self.spool.view().counters


@pytest_asyncio.fixture
async def enrichment() -> AsyncIterator[FakeEnrichment]:
    """Serve a fake enrichment-pipeline on a free port."""
    fake = FakeEnrichment()
    app = web.Application(client_max_size=10**9)
    app.router.add_post("/v1/frames", fake.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    fake.release.set()
    await runner.cleanup()


@pytest.fixture
def options(enrichment: FakeEnrichment) -> Enrichment:
    """Return options that retry within milliseconds."""
    return Enrichment(
        url=enrichment.url,
        linger_seconds=0.001,
        retry_first_seconds=0.002,
        retry_most_seconds=0.004,
    )


@asynccontextmanager
async def forwarding(
    path: Path,
    enrichment: FakeEnrichment,
    options: Enrichment,
    spool: Spool,
    *,
    unread_bytes: Callable[[], int] = lambda: 0,
) -> AsyncIterator[Bench]:
    """Run spool and forwarder; end both."""
    health = spool._health
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
        forwarder = Forwarder(
            session,
            spool,
            health,
            options,
            source=lambda: SOURCE,
            unread_bytes=unread_bytes,
            jitter=lambda: 0.5,
        )
        tasks.create_task(spool.run())
        await spool.wait_open()
        running = tasks.create_task(forwarder.run())
        yield Bench(enrichment, spool, health, forwarder)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await spool.close()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """Return a spool that is not running yet."""
    health = Health("test", "0")
    health.clear(STARTING)
    limits = SpoolLimits(disk_bytes=2**30, commit_seconds=0.001)
    return Spool(tmp_path / "s.db", health, limits)


@pytest_asyncio.fixture
async def bench(
    tmp_path: Path, enrichment: FakeEnrichment, options: Enrichment, spool: Spool
) -> AsyncIterator[Bench]:
    """Run everything with the usual options."""
    async with forwarding(tmp_path, enrichment, options, spool) as running:
        yield running


@pytest.mark.asyncio
async def test_a_batch_carries_frames_and_source(bench: Bench) -> None:
    """What was spooled arrives as it was, with the place of the house."""
    await bench.put(b"[1]", b"[2]", events=2)
    batch = await bench.enrichment.batches.get()

    assert batch.source == SOURCE
    assert [(one.row, one.events, one.payload) for one in batch.frames] == [
        (1, 2, b"[1]"),
        (2, 2, b"[2]"),
    ]


@pytest.mark.asyncio
async def test_counters_follow_the_outcome(bench: Bench) -> None:
    """The ledger shows what enrichment-pipeline said of the events."""
    body = encode_outcome(Outcome(written=1, merged=2, dead_lettered=3, expired=4))
    bench.enrichment.answers = [web.Response(body=body)]
    await bench.put(b"[]", events=10)
    await bench.enrichment.refused.get()
    await bench.put(b"[]", events=5)
    counters = await bench.counters()

    assert counters.received == counters.forwarded == 15
    assert (counters.written, counters.merged) == (6, 2)
    assert (counters.dead_lettered, counters.expired) == (3, 4)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        pytest.param(503, problem("influxdb_x"), "influxdb_x", id="503"),
        pytest.param(500, problem("internal_error"), "internal_error", id="500"),
        pytest.param(400, problem("bad_batch"), "enrichment_rejects", id="400"),
        pytest.param(200, "{}", "outcome_mismatch", id="no-outcome"),
        pytest.param(200, NOTHING, "outcome_mismatch", id="wrong-sum"),
    ],
)
async def test_a_refused_batch_is_kept_and_sent_again(
    bench: Bench, status: int, body: str, code: str
) -> None:
    """Nothing moves, the health names the reason; after a success it is clear."""
    bench.enrichment.answers = [web.Response(status=status, text=body) for _ in "12"]
    await bench.put(b"[]", events=3)
    await bench.enrichment.refused.get()
    await bench.enrichment.refused.get()
    kept = bench.spool.view().counters
    (reason,) = bench.health.snapshot().reasons
    batch = await bench.enrichment.batches.get()
    await bench.put(b"[]")
    await bench.enrichment.batches.get()

    assert (kept.forwarded, kept.pending) == (0, 3)
    assert (reason.code, reason.status) == (code, Status.DEGRADED)
    assert "3 events wait in the spool" in reason.detail
    assert batch.events == 3
    assert bench.health.status is Status.READY
    assert bench.forwarder.view().failures == 2


@pytest.mark.asyncio
async def test_another_reason_replaces_the_first(bench: Bench) -> None:
    """The health shows why it fails now, not why it failed before."""
    bench.enrichment.answers = [
        refusal(503, "influxdb_unreachable"),
        refusal(503, "influxdb_unauthorized"),
        refusal(503, "influxdb_unauthorized"),
    ]
    await bench.put(b"[]")
    for _ in range(3):
        await bench.enrichment.refused.get()

    assert [one.code for one in bench.health.snapshot().reasons] == [
        "influxdb_unauthorized"
    ]


@pytest.mark.asyncio
async def test_a_connection_that_breaks_is_survived(bench: Bench) -> None:
    """An answer that never came is no answer: the batch is sent again."""
    bench.enrichment.cut = True
    await bench.put(b"[]", events=2)
    await bench.enrichment.refused.get()
    await bench.enrichment.refused.get()
    broken = bench.health.has("enrichment_unreachable")
    bench.enrichment.cut = False

    assert broken
    assert (await bench.counters()).forwarded == 2


@pytest.mark.asyncio
async def test_a_silent_server_is_given_up(
    tmp_path: Path, enrichment: FakeEnrichment, options: Enrichment, spool: Spool
) -> None:
    """Without an answer in time the request is repeated."""
    enrichment.hang = True
    quick = replace(options, timeout_seconds=0.05)
    async with forwarding(tmp_path, enrichment, quick, spool) as bench:
        await bench.put(b"[]")
        await enrichment.refused.get()
        await enrichment.refused.get()
        (reason,) = bench.health.snapshot().reasons
        enrichment.hang = False
        enrichment.release.set()
        counters = await bench.counters()

    assert reason.code == "enrichment_unreachable"
    assert "no answer within 0.05 s" in reason.detail
    assert counters.forwarded == 1


@pytest.mark.asyncio
async def test_nobody_listens(
    tmp_path: Path, enrichment: FakeEnrichment, options: Enrichment, spool: Spool
) -> None:
    """A refused connection has the address in its reason."""
    nowhere = replace(options, url="http://127.0.0.1:1")
    async with forwarding(tmp_path, enrichment, nowhere, spool) as bench:
        await bench.put(b"[]")
        while not bench.forwarder.view().failures:
            await bench.put(b"[]")
        (reason,) = bench.health.snapshot().reasons

    assert "http://127.0.0.1:1 does not answer: Cannot connect" in reason.detail


def events(count: int) -> bytes:
    """Return a live frame of so many events of about 100 bytes."""
    one = {
        "type": "event",
        "event": {"event_type": "state_changed", "data": {"entity_id": "x" * 50}},
        "id": 2,
    }
    return json.dumps([one] * count).encode()


@pytest.mark.asyncio
async def test_a_body_that_is_too_large_is_halved(bench: Bench) -> None:
    """413: frames are sent in halves, a single frame is cut; the sum is the same."""
    bench.enrichment.most_bytes = 1000
    await bench.spool.put(
        [
            Arrival(1, Origin.LIVE, 4, events(4)),
            Arrival(1, Origin.LIVE, 20, events(20)),
        ]
    )
    await bench.spool.flush()
    arrived = 0
    while arrived < 24:
        arrived += (await bench.enrichment.batches.get()).events
    await bench.put(b"[]")
    await bench.enrichment.batches.get()
    # An acknowledgement waits for the next commit.
    await bench.put(b"[]")
    counters = bench.spool.view().counters

    assert arrived == 24
    assert counters.written in {24, 25}
    assert bench.health.status is Status.READY


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("payload", "why"),
    [
        pytest.param(events(1), "a single event of 1", id="one-event"),
        pytest.param(b"{" * 50, "unreadable frame", id="no-json"),
    ],
)
async def test_one_event_that_is_too_large_is_an_alarm(
    bench: Bench, payload: bytes, why: str
) -> None:
    """What cannot be cut is kept and shown; nothing is thrown away."""
    bench.enrichment.most_bytes = 10
    await bench.put(payload)
    await bench.enrichment.refused.get()
    await bench.enrichment.refused.get()
    (reason,) = bench.health.snapshot().reasons

    assert reason.code == "enrichment_rejects"
    assert why in reason.detail
    assert bench.spool.view().counters.pending == 1


@pytest.mark.asyncio
async def test_batches_keep_the_limits(
    tmp_path: Path, enrichment: FakeEnrichment, options: Enrichment, spool: Spool
) -> None:
    """No batch has more events or bytes than allowed, but for one large frame."""
    small = replace(options, max_events=10, max_bytes=2 * 1024 * 1024)
    large = b'["' + b"x" * 3 * 1024 * 1024 + b'"]'
    async with forwarding(tmp_path, enrichment, small, spool) as bench:
        await bench.spool.put(
            Arrival(1, Origin.LIVE, 4, body)
            for body in [*[b"[]"] * 5, large, b"[]", b"[]", b"[]"]
        )
        # By row: two requests are under way at a time, and a large one takes longer.
        sizes: dict[int, int] = {}
        while sum(sizes.values()) < 36:
            batch = await enrichment.batches.get()
            sizes[batch.frames[0].row] = batch.events
            assert len(batch.frames) <= 2

    assert [sizes[row] for row in sorted(sizes)] == [8, 8, 4, 4, 8, 4]


@pytest.mark.asyncio
async def test_an_unreadable_spool_is_failing_and_retried(
    tmp_path: Path, enrichment: FakeEnrichment, options: Enrichment
) -> None:
    """A read error is shown as failing until a later read works."""
    attempts = []

    class Unreadable(Store):
        def read(self, after: int, *, max_events: int, max_bytes: int) -> Chunk:
            attempts.append(health.has("spool_unreadable"))
            if len(attempts) < 3:
                raise SpoolError("s.db", "SQLITE_IOERR", "disk I/O error")
            return super().read(after, max_events=max_events, max_bytes=max_bytes)

    health = Health("test", "0")
    limits = SpoolLimits(disk_bytes=2**30, commit_seconds=0.001, memory_bytes=0)
    spool = Spool(tmp_path / "s.db", health, limits, open_store=Unreadable.open)
    async with forwarding(tmp_path, enrichment, options, spool) as bench:
        await bench.put(b"[]", events=7)
        batch = await enrichment.batches.get()

    assert batch.events == 7
    assert attempts == [False, True, True]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("linger", "busy_times", "payload"),
    [
        pytest.param(3600, 1e-6, b"[1,2]", id="much"),
        pytest.param(0.001, 3.6e6, b"[1]", id="little"),
    ],
)
async def test_how_long_a_request_lingers_follows_the_one_before(
    tmp_path: Path,
    enrichment: FakeEnrichment,
    options: Enrichment,
    spool: Spool,
    linger: float,
    busy_times: float,
    payload: bytes,
) -> None:
    """After much it is the time of load, after little the usual one.

    The first request waits for nothing, it has all that one may hold; a second one
    that took the other time would take an hour.
    """
    options = replace(
        options,
        linger_seconds=linger,
        busy_bytes=len(b"[1,2]"),
        busy_times=busy_times,
        max_events=2,
    )
    async with forwarding(tmp_path, enrichment, options, spool) as bench:
        await bench.put(payload, events=2)
        first = await enrichment.batches.get()
        await bench.put(b"[3]")
        second = await enrichment.batches.get()

    assert (first.events, second.events) == (2, 1)


@asynccontextmanager
async def one_under_way(
    path: Path, enrichment: FakeEnrichment, options: Enrichment, spool: Spool
) -> AsyncIterator[Bench]:
    """Run everything; a first request, a full one, waits for its answer until told."""
    enrichment.hang = True
    full = replace(options, max_events=2)
    async with forwarding(path, enrichment, full, spool) as bench:
        await bench.put(b"[1]", events=2)
        await enrichment.refused.get()
        enrichment.hang = False
        yield bench


@pytest.mark.asyncio
async def test_a_full_batch_follows_while_one_is_under_way(
    tmp_path: Path, enrichment: FakeEnrichment, options: Enrichment, spool: Spool
) -> None:
    """It is acknowledged after the one before, and a third one waits for that."""
    async with one_under_way(tmp_path, enrichment, options, spool) as bench:
        await bench.put(b"[2]", b"[3]", events=2)
        second = await enrichment.batches.get()
        third = asyncio.ensure_future(enrichment.batches.get())  # noqa: TID251
        early, _ = await asyncio.wait({third}, timeout=0.05)
        await bench.put(b"-", events=0)
        pending = spool.view().counters.pending
        enrichment.release.set()
        first = await third
        counters = await bench.counters()

    assert not early
    assert pending == 6
    assert [batch.frames[0].row for batch in (first, second)] == [1, 2]
    assert counters.forwarded == 6


@pytest.mark.asyncio
async def test_a_small_batch_waits_for_the_one_under_way(
    tmp_path: Path, enrichment: FakeEnrichment, options: Enrichment, spool: Spool
) -> None:
    """What would not fill a request goes with what comes meanwhile."""
    async with one_under_way(tmp_path, enrichment, options, spool) as bench:
        await bench.put(b"[2]")
        next_one = asyncio.ensure_future(enrichment.batches.get())  # noqa: TID251
        early, _ = await asyncio.wait({next_one}, timeout=0.05)
        await bench.put(b"[3]", events=0)
        enrichment.release.set()
        first, second = await next_one, await enrichment.batches.get()

    assert not early
    assert [frame.row for frame in first.frames] == [1]
    assert [frame.row for frame in second.frames] == [2, 3]


@pytest.mark.asyncio
async def test_a_late_reader_goes_first(
    tmp_path: Path, enrichment: FakeEnrichment, options: Enrichment, spool: Spool
) -> None:
    """Nothing is sent while more than a little of Home Assistant's is unread."""
    options = replace(options, crowded_bytes=100, give_way_seconds=60.0)
    unread = [101, 5000, 101, 100]
    async with forwarding(
        tmp_path, enrichment, options, spool, unread_bytes=lambda: unread.pop(0)
    ) as bench:
        await bench.put(b"[1]")
        await enrichment.batches.get()

    assert unread == []


@pytest.mark.asyncio
async def test_a_reader_that_is_always_late_does_not_stop_forwarding(
    tmp_path: Path, enrichment: FakeEnrichment, options: Enrichment, spool: Spool
) -> None:
    """Giving way has an end: otherwise the backlog would only grow."""
    options = replace(options, crowded_bytes=100, give_way_seconds=0.02)
    async with forwarding(
        tmp_path, enrichment, options, spool, unread_bytes=lambda: 101
    ) as bench:
        await bench.put(b"[1]")
        counters = await bench.counters()

    assert counters.forwarded == 1


@pytest.mark.asyncio
async def test_two_requests_that_fail_are_both_repeated(
    tmp_path: Path, enrichment: FakeEnrichment, options: Enrichment, spool: Spool
) -> None:
    """Whichever of them is refused, every event is acknowledged once."""
    options = replace(options, max_events=2)
    enrichment.answers = [refusal(503, "influxdb_x") for _ in range(5)]
    async with forwarding(tmp_path, enrichment, options, spool) as bench:
        await bench.put(*[b"[]"] * 6, events=2)
        counters = await bench.counters()

    assert (counters.forwarded, counters.written) == (12, 12)


@pytest.mark.asyncio
async def test_a_wished_pause_comes_first(options: Enrichment, spool: Spool) -> None:
    """Retry-After is waited for (with up to a quarter more), but never too long."""
    async with aiohttp.ClientSession() as session:
        forwarder = Forwarder(
            session,
            spool,
            spool._health,
            replace(options, retry_first_seconds=0.2, retry_most_seconds=30.0),
            source=Source,
            unread_bytes=lambda: 0,
            jitter=lambda: 1.0,
        )

    def delay(seconds: float | None) -> float:
        error = ForwardError("x", "y", retry_after=seconds)
        return forwarder._delay(error, forwarder._waits())

    assert [delay(None), delay(2.0), delay(3600.0)] == pytest.approx([0.2, 2.5, 37.5])
