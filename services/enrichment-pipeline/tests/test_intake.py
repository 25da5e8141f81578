"""POST /v1/frames from the bytes of a batch to its outcome, over real HTTP."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from structlog.testing import capture_logs
from yarl import URL

from enrichment_pipeline import intake as intake_module
from enrichment_pipeline.counters import Counters
from enrichment_pipeline.deadletters import DeadLetters
from enrichment_pipeline.errors import Unavailable
from enrichment_pipeline.influx_state import InfluxState
from enrichment_pipeline.intake import MAX_BATCHES, MAX_WAITING, Intake
from enrichment_pipeline.latency import Latency
from enrichment_pipeline.points import PointBuilder
from enrichment_pipeline.settings import Provider
from enrichment_pipeline.weather import History
from enrichment_pipeline.weather_service import WeatherService
from enrichment_pipeline.writer import Writer
from servicekit.health import Health
from servicekit.http import make_app
from servicekit.influx import InfluxClient
from servicekit.metrics import make_registry
from servicekit.wire import SCHEMA, Batch, Frame, Origin, Source, encode_batch

if TYPE_CHECKING:
    from conftest import FakeInflux, Maker, Serve


class Bench:
    """The intake behind a real server, and a client of it."""

    def __init__(
        self,
        client: InfluxClient,
        health: Health,
        session: aiohttp.ClientSession,
        folder: Path,
    ) -> None:
        history = History(max_age_us=1_800_000_000)
        self.health = health
        self.counters = Counters()
        self.path = folder / "dead.jsonl"
        self.dead_letters = DeadLetters(self.path, max_bytes=2_000)
        self.weather = WeatherService(
            provider=Provider.HOMEASSISTANT,
            client=None,
            history=history,
            write=client.write,
            position=None,
            every=600.0,
        )
        self.latency = Latency()
        self.intake = Intake(
            builder=PointBuilder(history.fields_at),
            weather=self.weather,
            writer=Writer(client.write, InfluxState(health)),
            dead_letters=self.dead_letters,
            counters=self.counters,
            latency=self.latency,
            health=health,
        )
        self._session = session
        self.url = ""

    def application(self) -> web.Application:
        """Return the HTTP face."""
        routes = [web.post("/v1/frames", self.intake.post_frames)]
        registry = make_registry(self.health)
        return make_app("x", self.health, registry, routes, client_max_size=100_000)

    async def post(self, *frames: Frame, body: bytes | None = None) -> tuple[int, Any]:
        """Send a batch; return the status and the answer."""
        batch = Batch(SCHEMA, Source(52.5, 13.4, "2026.2"), list(frames))
        sent = encode_batch(batch) if body is None else body
        async with self._session.post(f"{self.url}/v1/frames", data=sent) as answer:
            self.retry_after = answer.headers.get("Retry-After")
            return answer.status, await answer.json()


@pytest_asyncio.fixture
async def bench(
    client: InfluxClient,
    health: Health,
    session: aiohttp.ClientSession,
    tmp_path: Path,
    serve_app: Serve,
) -> Bench:
    """A running intake over a fake InfluxDB."""
    made = Bench(client, health, session, tmp_path)
    made.url = await serve_app(made.application())
    return made


def frame(payload: bytes, events: int, row: int = 1) -> Frame:
    """Return a live frame."""
    return Frame(row, Origin.LIVE, 0, events, payload)


@pytest.mark.asyncio
async def test_batch_is_stored_and_accounted_for(
    bench: Bench, influx: FakeInflux, make: Maker
) -> None:
    """Written, merged, dead-lettered and expired events are told apart.

    1. one event too old, one twice, one malformed, one that InfluxDB refuses, one good
    2. the answer accounts for all six
    3. the good ones are in InfluxDB, the bad ones in the file
    """
    influx.oldest_us = make.now_us
    influx.types["state", "value"] = str
    good = make.event("light.good", "idle")
    events = [
        make.event("light.old", "idle", at_us=make.now_us - 1),
        good,
        good,
        make.event("light.bad", 5),
        make.event("light.refused", "21.5"),
        make.event("light.other", "idle"),
    ]

    status, outcome = await bench.post(frame(make.bytes(events), 6))

    assert status == 200
    assert outcome == {"written": 2, "merged": 1, "dead_lettered": 2, "expired": 1}
    assert [fields["state"] for fields in influx.of("light.good")] == ["idle"]
    assert bench.path.read_text().count("\n") == 2
    assert bench.counters.events.written == 2


@pytest.mark.asyncio
@pytest.mark.parametrize("counted", [0, 1, 2, 3, 5])
async def test_answer_sums_to_what_the_sender_counted(
    bench: Bench, influx: FakeInflux, make: Maker, counted: int
) -> None:
    """A miscounted frame is stored as it is, and the sender's sums still close."""
    events = [make.event(f"light.l{number}", "on") for number in range(3)]

    status, outcome = await bench.post(frame(make.bytes(events), counted))

    assert (status, sum(outcome.values())) == (200, counted)
    assert len(influx.stored) == 3


@pytest.mark.asyncio
async def test_only_live_events_that_are_stored_have_an_age(
    bench: Bench, influx: FakeInflux, make: Maker
) -> None:
    """What is read back from history is old, and says nothing of the path."""
    states = make.bytes([make.state("sensor.b", "1")])
    influx.script = lambda _: (503, "unavailable", "not now")
    await bench.post(frame(make.bytes([make.event("sensor.a", "1")]), 1))
    refused = bench.latency.take()["stages"]["total"]["count"]
    influx.script = None
    await bench.post(
        frame(make.bytes([make.event("sensor.a", "1")]), 1),
        Frame(2, Origin.BACKFILL, 0, 1, states),
    )

    assert refused == 0
    assert bench.latency.take()["stages"]["total"]["count"] == 1


@pytest.mark.asyncio
async def test_sent_again_changes_nothing(
    bench: Bench, influx: FakeInflux, make: Maker
) -> None:
    """A batch whose answer was lost is stored once and dead-lettered once."""
    batch = frame(make.bytes([make.event("a.b"), make.event("a.c", 5)]), 2)

    first = await bench.post(batch)
    stored, dead = dict(influx.stored), bench.path.read_bytes()
    second = await bench.post(batch)

    assert first == second
    assert (influx.stored, bench.path.read_bytes()) == (stored, dead)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b"\x93\x03\x90\x90", b"\x93\x01\x93\xc0\xc0\xa1\xff\x90"]
)
async def test_envelope_that_is_no_batch_is_a_bug_of_the_sender(
    bench: Bench, body: bytes
) -> None:
    """An undecodable body is answered 400, so that nobody repeats it for ever."""
    status, answer = await bench.post(body=body)

    assert (status, answer["error"]["code"]) == (400, "bad_batch")


@pytest.mark.asyncio
async def test_body_that_is_too_large_is_413(bench: Bench) -> None:
    """The limit of the body is enforced with a JSON answer."""
    status, answer = await bench.post(frame(b"x" * 200_000, 1))

    assert (status, answer["error"]["code"]) == (413, "body_too_large")


@pytest.mark.asyncio
async def test_sender_that_stops_in_the_middle_gives_up_its_place(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body that does not come to its end is answered 408 and holds no slot."""
    monkeypatch.setattr(intake_module, "BODY_TIMEOUT_SECONDS", 0.05)
    address = URL(bench.url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    head = "POST /v1/frames HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"

    writer.write(head.encode() + b"abc")
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()

    assert answer == b"HTTP/1.1 408 Request Timeout\r\n"
    await bench.intake.drain(60.0)


@pytest.mark.asyncio
async def test_sender_that_goes_away_leaves_no_crash_behind(
    bench: Bench,
) -> None:
    """A connection that is cut in the middle of a batch is one log line."""
    address = URL(bench.url)
    _, writer = await asyncio.open_connection(address.host, address.port)
    head = "POST /v1/frames HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"

    with capture_logs() as logs:
        writer.write(head.encode() + b"abc")
        await writer.drain()
        while not bench.intake._limits:
            await bench._session.get(f"{bench.url}/health")
        writer.close()
        await writer.wait_closed()
        await bench.intake.drain(5.0)

    assert [line["event"] for line in logs] == ["batch.broken_off"]


@pytest.mark.asyncio
async def test_position_of_home_assistant_reaches_the_weather(bench: Bench) -> None:
    """The first batch tells where Home Assistant is."""
    await bench.post()

    assert bench.weather.stats().position_known is True


@pytest.mark.asyncio
async def test_weather_entity_enriches_the_events_behind_it(
    bench: Bench, influx: FakeInflux, make: Maker
) -> None:
    """An event after the weather entity's change carries its values."""
    weather = make.event(
        "weather.home", "sunny", temperature=7.5, temperature_unit="°C"
    )
    event = make.event("sensor.a", "1", at_us=make.now_us + 1)

    await bench.post(frame(make.bytes([weather, event]), 2))

    (fields,) = influx.of("sensor.a")
    assert fields["w_temperature"] == 7.5
    assert fields["w_condition"] == "sunny"


@pytest.mark.asyncio
async def test_outage_is_a_503_with_retry_after(
    bench: Bench, influx: FakeInflux, make: Maker
) -> None:
    """What cannot be stored now is refused by code, and stored when it comes again."""
    batch = frame(make.bytes(make.event("sensor.a")), 1)
    influx.token = "rotated"

    status, answer = await bench.post(batch)
    assert (status, answer["error"]["code"]) == (503, "influxdb_unauthorized")
    assert bench.retry_after == "5"
    influx.token = "write-token"
    status, _ = await bench.post(batch)

    assert status == 200
    assert bench.counters.refused[Unavailable.UNAUTHORIZED] == 1


@pytest.mark.asyncio
async def test_full_dead_letters_refuse_the_batch(
    bench: Bench, influx: FakeInflux, make: Maker
) -> None:
    """An event that can be stored nowhere is left with the sender."""
    events = [make.event("a.b"), make.event("a.c", 5, x="y" * 3_000)]
    batch = frame(make.bytes(events), 2)

    status, answer = await bench.post(batch)
    assert (status, answer["error"]["code"]) == (503, "dead_letter_full")
    assert bench.health.has("dead_letter_full")
    status, _ = await bench.post(frame(make.bytes(make.event("a.d", 5)), 1, row=2))

    assert status == 200
    assert not bench.health.has("dead_letter_full")


@pytest.mark.asyncio
async def test_batches_beyond_the_bound_are_refused(
    bench: Bench, influx: FakeInflux, make: Maker
) -> None:
    """Two are written, four wait, the next one is told to come back."""
    influx.gate.clear()
    batch = frame(make.bytes(make.event("sensor.a")), 1)

    async with asyncio.TaskGroup() as tasks:
        accepted = [
            tasks.create_task(bench.post(batch))
            for _ in range(MAX_BATCHES + MAX_WAITING + 1)
        ]
        done, _ = await asyncio.wait(accepted, return_when=asyncio.FIRST_COMPLETED)
        in_flight = len(influx.writes)
        influx.gate.set()

    ((status, answer),) = [task.result() for task in done]
    assert (status, answer["error"]["code"]) == (503, "influxdb_overloaded")
    assert in_flight <= MAX_BATCHES
    assert sorted(task.result()[0] for task in accepted) == [200] * 6 + [503]


@pytest.mark.asyncio
async def test_stopping_refuses_new_batches_and_finishes_those_at_work(
    bench: Bench, influx: FakeInflux, make: Maker
) -> None:
    """A batch at work gets its answer; one that comes later keeps its events."""
    influx.gate.clear()
    batch = frame(make.bytes(make.event("sensor.a")), 1)

    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(bench.post(batch))
        while not influx.writes:
            await bench._session.get(f"{bench.url}/health")
        bench.intake.refuse_new()
        late = await bench.post(batch)
        influx.gate.set()
        await bench.intake.drain(5.0)

    assert (late[0], late[1]["error"]["code"]) == (503, "shutting_down")
    assert working.result()[0] == 200


@pytest.mark.asyncio
async def test_batch_that_takes_too_long_is_refused_at_the_end(
    bench: Bench, influx: FakeInflux, make: Maker
) -> None:
    """The stop does not wait for an InfluxDB that hangs; the sender keeps the batch."""
    influx.gate.clear()
    batch = frame(make.bytes(make.event("sensor.a")), 1)

    async with asyncio.TaskGroup() as tasks:
        posts = [tasks.create_task(bench.post(batch)) for _ in range(3)]
        while len(influx.writes) < MAX_BATCHES:
            await bench._session.get(f"{bench.url}/health")
        bench.intake.refuse_new()
        await bench.intake.drain(0.01)

    answers = [post.result() for post in posts]
    assert {(status, body["error"]["code"]) for status, body in answers} == {
        (503, "shutting_down")
    }


@pytest.mark.asyncio
async def test_idle_intake_drains_at_once(bench: Bench) -> None:
    """Nothing at work, nothing to wait for."""
    bench.intake.refuse_new()

    async with asyncio.timeout(1.0):
        await bench.intake.drain(60.0)
