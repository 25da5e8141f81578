"""No body makes the HTTP intake crash or lose count of an event.

benchmarks/fuzz.py runs it for longer.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
import pytest
import zstandard
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment_pipeline.app import Service
from enrichment_pipeline.settings import Settings
from servicekit.errors import WireError
from servicekit.wire import (
    SCHEMA,
    Batch,
    Frame,
    Origin,
    Source,
    decode_batch,
    encode_batch,
)

if TYPE_CHECKING:
    from conftest import FakeInflux

# An example is several HTTP requests.
fewer = settings(max_examples=settings().max_examples // 4)
TIME = "2026-11-23T14:47:56.311149+00:00"


class Bench:
    """A service with its database and a client, in a loop of their own."""

    def __init__(self, influx: FakeInflux, dead: Path) -> None:
        self.influx = influx
        self.dead = dead
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()

    def start(self) -> None:
        """Start all three."""
        self._runner.run(self._start())

    def stop(self) -> None:
        """Stop all three."""
        self._runner.run(self._stack.aclose())
        self._runner.close()

    def begin(self, script: Any = None) -> None:
        """Forget what there is; answer writes with the script."""
        self.dead.unlink(missing_ok=True)
        self.influx.stored.clear()
        self.influx.types.clear()
        self.influx.writes.clear()
        self.influx.script = script

    def post(self, path: str, body: bytes) -> tuple[int, Any]:
        """Return status and JSON answer."""
        return self._runner.run(self._post(path, body))

    def records(self) -> int:
        """Return the number of lines in the dead-letter file."""
        return self.dead.read_bytes().count(b"\n") if self.dead.exists() else 0

    async def _post(self, path: str, body: bytes) -> tuple[int, Any]:
        url = f"{self._url}{path}"
        async with self._session.post(url, data=io.BytesIO(body)) as answer:
            return answer.status, await answer.json()

    async def _start(self) -> None:
        self._session = await self._stack.enter_async_context(aiohttp.ClientSession())
        database = web.Application(client_max_size=1 << 30)
        database.router.add_post("/api/v2/write", self.influx.write)
        told = Settings.load(
            influxdb_url=await self._serve(database),
            influxdb_org="home",
            influxdb_bucket="ha",
            influxdb_token="write-token",
            deadletter_path=self.dead,
            deadletter_max_mb=1_000,
        )
        self._url = await self._serve(Service(told, self._session).application())

    async def _serve(self, application: web.Application) -> str:
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"


@pytest.fixture(scope="module")
def bench(
    new_influx: Callable[[], FakeInflux], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    """One running service for all examples."""
    made = Bench(new_influx(), tmp_path_factory.mktemp("fuzz") / "dead.jsonl")
    made.start()
    yield made
    made.stop()


texts = st.text(st.characters(exclude_categories=[]), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda one: st.lists(one, max_size=3) | st.dictionaries(texts, one, max_size=3),
    max_leaves=6,
)
entities = st.sampled_from(["sensor.a", "light.b", "weather.home", "a", ""]) | texts
times = st.sampled_from([TIME, "1970-01-01T00:00:00Z", "9999-12-31T00:00:00Z"])
states = st.fixed_dictionaries(
    {
        "entity_id": entities,
        "state": st.just("21.5") | texts | values,
        "last_updated": times | values,
    },
    optional={
        "attributes": st.dictionaries(texts, values, max_size=3) | values,
        "last_changed": times | texts,
    },
)


@st.composite
def messages(draw: st.DrawFn) -> Any:
    """A message, mostly a state change, of which a part may be anything."""
    data: dict[str, Any] = {"entity_id": draw(entities)}
    data["new_state"] = draw(states | st.none() | values)
    event = {"event_type": "state_changed", "data": data, "time_fired": draw(times)}
    message: dict[str, Any] = {"type": "event", "event": event}
    if draw(st.integers(0, 5)) == 0:
        place = draw(st.sampled_from([message, event, data]))
        place[draw(st.sampled_from(sorted(place)))] = draw(values)
    return message


JUNK = [b"\xff", b"\x00", b"NaN", b"\\ud800", b'"', b"[" * 3_000, b",", b"]", b"{"]


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """The payload of a frame, sometimes damaged."""
    document = draw(messages() | st.lists(messages() | states | values, max_size=4))
    text = json.dumps(document, ensure_ascii=draw(st.booleans()))
    payload = text.encode("utf-8", "surrogatepass")
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        at = draw(st.integers(0, len(payload)))
        junk = draw(st.sampled_from(JUNK) | st.binary(max_size=3))
        payload = payload[:at] + junk + payload[at + draw(st.integers(0, 3)) :]
    return payload


@st.composite
def packed(draw: st.DrawFn) -> bytes:
    """A compressed payload, sometimes damaged."""
    payload = zstandard.compress(draw(payloads()))
    if draw(st.booleans()):
        at = draw(st.integers(0, len(payload)))
        payload = payload[:at] + draw(st.binary(max_size=3)) + payload[at + 1 :]
    return payload


int64 = st.integers(-(2**63), 2**63 - 1)
counts = st.integers(0, 5) | st.integers(0, 2**64 - 1)
frames = st.builds(
    Frame, int64, st.sampled_from(Origin), int64, counts, payloads() | packed()
)
sources = st.builds(Source, st.none() | st.floats(), st.none() | st.floats())
batches = st.builds(Batch, st.just(SCHEMA), sources, st.lists(frames, max_size=4))


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A batch, sometimes damaged, or anything."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary())
    body = encode_batch(draw(batches))
    if draw(st.integers(0, 3)) == 0:
        at = draw(st.integers(0, len(body)))
        body = body[:at] + draw(st.binary(max_size=3)) + body[at + 1 :]
    return body


def events_in(body: bytes) -> int | None:
    """Return what the sender counts in a body, None if it is no batch."""
    try:
        return decode_batch(body).events
    except WireError:
        return None


@fewer
@given(body=bodies())
def test_any_body_is_a_batch_accounted_for_or_refused(
    bench: Bench, body: bytes
) -> None:
    """With a database that is well there is no third answer; sending again is safe."""
    bench.begin()

    status, answer = bench.post("/v1/frames", body)

    counted = events_in(body)
    if counted is None:
        assert (status, answer["error"]["code"]) == (400, "bad_batch")
        return
    assert status == 200, answer
    assert sum(answer.values()) == counted
    assert min(answer.values()) >= 0
    stored, records = dict(bench.influx.stored), bench.records()
    assert bench.post("/v1/frames", body) == (status, answer)
    assert (bench.influx.stored, bench.records()) == (stored, records)


STATUSES = [400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503]
REASONS = {
    400: "unable to parse 'state'",
    422: "partial write: field type conflict dropped=1",
}
faults = st.lists(
    st.none() | st.tuples(st.sampled_from(STATUSES), st.booleans()), max_size=12
)


def test_counts_that_no_frame_has_are_no_batch(bench: Bench) -> None:
    """Their sum would be too large for JSON."""
    huge = Frame(1, Origin.LIVE, 0, 2**64 - 1, b"")

    status, answer = bench.post(
        "/v1/frames", encode_batch(Batch(SCHEMA, Source(), [huge, huge]))
    )

    assert (status, answer["error"]["code"]) == (400, "bad_batch")


@fewer
@given(batch=batches, faults=faults)
def test_any_answer_of_influxdb_keeps_or_accounts_for_the_batch(
    bench: Bench, batch: Batch, faults: list[tuple[int, bool] | None]
) -> None:
    """Either all events are accounted for, or the sender is told to come again."""
    waiting = list(faults)

    def script(_: list[str]) -> tuple[int, str, str] | None:
        fault = waiting.pop(0) if waiting else None
        if fault is None:
            return None
        status, named = fault
        return status, "code", REASONS.get(status, "no") if named else "no"

    bench.begin(script)
    body = encode_batch(batch)
    counted = events_in(body)

    for _ in range(len(faults) + 1):
        status, answer = bench.post("/v1/frames", body)
        if status != 503:
            break
        assert answer["error"]["code"].startswith("influxdb_")

    if counted is None:
        assert status == 400
    else:
        assert status == 200, answer
        assert sum(answer.values()) == counted
        assert min(answer.values()) >= 0


@fewer
@given(batch=batches, wish=st.binary() | st.just(b"{}"), healthy=st.booleans())
def test_any_retry_accounts_for_every_record(
    bench: Bench, batch: Batch, wish: bytes, *, healthy: bool
) -> None:
    """A record stays, or its events are in InfluxDB; nothing else is answered."""
    bench.begin()
    bench.post("/v1/frames", encode_batch(batch))
    bench.influx.script = None if healthy else lambda _: (503, "unavailable", "no")
    before = bench.records()

    status, answer = bench.post("/v1/deadletters/retry", wish)

    assert status in {200, 400, 503}, answer
    if status != 200:
        assert bench.records() == before
        return
    left = answer["stored"] + answer["expired"]
    assert bench.records() == before - left
    assert answer["retried"] == left + answer["refused"] + answer["unusable"]
    assert answer["retried"] == before or msgspec.json.decode(wish)
