"""POST /v1/deadletters/retry over real HTTP, against the fake of InfluxDB 2.7.12."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from enrichment_pipeline import deadletters as deadletters_module
from enrichment_pipeline.batch import Reject
from enrichment_pipeline.counters import Counters
from enrichment_pipeline.deadletter_retry import DeadLetterRetry
from enrichment_pipeline.deadletters import DeadLetters, record_of
from enrichment_pipeline.errors import Reason
from enrichment_pipeline.influx_state import InfluxState
from enrichment_pipeline.points import PointBuilder
from enrichment_pipeline.writer import Writer
from servicekit.health import Health
from servicekit.influx import InfluxClient
from servicekit.wire import Origin

if TYPE_CHECKING:
    from conftest import FakeInflux, Maker, Serve

    Problem = tuple[int, str, str]


class Bench:
    """The route behind a real server, and a client of it."""

    def __init__(self, client: InfluxClient, health: Health, path: Path) -> None:
        self.path = path
        self.counters = Counters()
        self.dead_letters = DeadLetters(path, max_bytes=1 << 22)
        self.retry = DeadLetterRetry(
            builder=PointBuilder(lambda _: ""),
            writer=Writer(client.write, InfluxState(health)),
            dead_letters=self.dead_letters,
            counters=self.counters,
            clock=lambda: 0.0,
        )
        self.url = ""
        self.session: aiohttp.ClientSession

    async def post(self, body: bytes = b"{}") -> tuple[int, Any]:
        """Ask for a retry; return the status and the answer."""
        url = f"{self.url}/v1/deadletters/retry"
        async with self.session.post(url, data=body) as answer:
            return answer.status, await answer.json()

    async def ids(self, *ids: str) -> tuple[int, Any]:
        """Ask for the retry of some records."""
        return await self.post(json.dumps({"ids": ids}).encode())

    def records(self) -> list[dict[str, Any]]:
        """Return what is in the file."""
        return [json.loads(line) for line in self.path.read_bytes().splitlines()]

    def times(self) -> list[int]:
        """Return the times of the records in the file."""
        return [record["time_us"] for record in self.records()]


@pytest_asyncio.fixture
async def bench(
    client: InfluxClient,
    health: Health,
    session: aiohttp.ClientSession,
    tmp_path: Path,
    serve_app: Serve,
) -> Bench:
    """A running route over a fake InfluxDB."""
    made = Bench(client, health, tmp_path / "dead.jsonl")
    app = web.Application()
    app.add_routes([web.post("/v1/deadletters/retry", made.retry.post_retry)])
    made.session, made.url = session, await serve_app(app)
    return made


def refused(number: int, field: str = "v=1.0", **changes: Any) -> Reject:
    """Return a reject whose line InfluxDB has refused."""
    parts: dict[str, Any] = {
        "reason": Reason.FIELD_TYPE_CONFLICT,
        "detail": "field type conflict",
        "payload": f"state,entity_id=e{number} {field} {number}",
        "entity_id": f"e{number}",
        "time_us": number,
    }
    return Reject(**(parts | changes))


def counts(**some: int) -> dict[str, int]:
    """Return an answer; `retried` is the sum."""
    zero = {"stored": 0, "expired": 0, "refused": 0, "unusable": 0}
    return {"retried": sum(some.values())} | zero | some


@pytest.mark.asyncio
async def test_what_influxdb_takes_now_leaves_the_file(
    bench: Bench, influx: FakeInflux
) -> None:
    """The points are stored, the records are gone, a second retry finds nothing."""
    await bench.dead_letters.add([refused(1), refused(2)])

    assert await bench.post() == (200, counts(stored=2))
    assert await bench.post() == (200, counts())

    assert bench.records() == []
    assert len(influx.stored) == 2
    assert bench.counters.retried.stored == 2


@pytest.mark.asyncio
async def test_every_record_ends_in_one_count(
    bench: Bench, influx: FakeInflux, make: Maker
) -> None:
    """Stored and expired leave; refused and unusable stay, with the try to be seen."""
    influx.oldest_us = 3
    influx.types["state", "v"] = float
    soon = make.message(make.state("a.b") | {"last_updated": "soon"})
    await bench.dead_letters.add(
        [
            refused(1),
            refused(5),
            refused(6, 'v="text"'),
            refused(7, "v=NaN", reason=Reason.LINE_REFUSED),
            refused(8, payload="x" * 2_000_000),
            Reject(
                reason=Reason.BAD_EVENT,
                detail="old",
                payload=json.dumps(soon),
                origin=Origin.LIVE,
            ),
        ]
    )

    status, answer = await bench.post()

    assert (status, answer) == (
        200,
        counts(stored=1, expired=1, refused=3, unusable=1),
    )
    assert bench.times() == [6, 7, 8, None]
    assert [
        (one["reason"], one["retries"], one["last_retry_at"]) for one in bench.records()
    ] == [
        (reason, 1, "1970-01-01T00:00:00.000000Z")
        for reason in (
            "field_type_conflict",
            "line_refused",
            "field_type_conflict",
            "bad_timestamp",
        )
    ]
    await bench.post()
    assert [one["retries"] for one in bench.records()] == [2, 2, 2, 2]
    assert bench.counters.retried.refused == 6


@pytest.mark.asyncio
async def test_only_the_named_records_are_retried(
    bench: Bench, influx: FakeInflux
) -> None:
    """Unknown ids are no error: they have left before."""
    rejects = [refused(number) for number in range(3)]
    await bench.dead_letters.add(rejects)

    first = await bench.ids(record_of(rejects[1], 0.0).id, "f" * 24)

    assert first == (200, counts(stored=1))
    assert bench.times() == [0, 2]
    assert await bench.ids() == (200, counts())


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"nonsense",
        b"\xff",
        b'{"id":[]}',
        b'{"ids":["x"]}',
        b'{"ids":["' + b"f" * 24 + b'\\n"]}',
        b'{"ids":' + b"[" * 50_000,
        json.dumps({"ids": ["f" * 24] * 1_001}).encode(),
    ],
)
async def test_body_that_is_no_wish_is_refused(bench: Bench, body: bytes) -> None:
    """Nobody retries everything by a slip of the pen."""
    await bench.dead_letters.add([refused(1)])

    status, answer = await bench.post(body)

    assert (status, answer["error"]["code"]) == (400, "bad_body")
    assert bench.times() == [1]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "influxdb_unauthorized"),
        (404, "influxdb_not_found"),
        (500, "influxdb_overloaded"),
        (503, "influxdb_overloaded"),
    ],
)
async def test_nothing_changes_while_influxdb_takes_nothing(
    bench: Bench,
    influx: FakeInflux,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    code: str,
) -> None:
    """Not even for those that were taken before it went away."""
    monkeypatch.setattr(deadletters_module, "CHUNK_LINES", 2)
    await bench.dead_letters.add([refused(number) for number in range(4)])
    before = bench.path.read_bytes()

    def away(_: list[str]) -> Problem | None:
        return (status, "code", "gone") if len(influx.writes) > 1 else None

    influx.script = away

    answered, answer = await bench.post()

    assert (answered, answer["error"]["code"]) == (503, code)
    assert bench.path.read_bytes() == before
    influx.script = None
    assert await bench.post() == (200, counts(stored=4))
    assert len(influx.stored) == 4


@pytest.mark.asyncio
async def test_unreachable_influxdb_is_named(
    bench: Bench, client: InfluxClient
) -> None:
    """No connection is no verdict on a record."""
    await bench.dead_letters.add([refused(1)])
    client._url = "http://127.0.0.1:1"

    status, answer = await bench.post()

    assert (status, answer["error"]["code"]) == (503, "influxdb_unreachable")
    assert bench.times() == [1]


@pytest.mark.asyncio
async def test_file_that_cannot_be_written_is_named(
    bench: Bench, influx: FakeInflux
) -> None:
    """The records stay; what was stored is stored again next time."""
    await bench.dead_letters.add([refused(1)])
    bench.path.with_name("dead.jsonl.new").mkdir()

    status, answer = await bench.post()

    assert (status, answer["error"]["code"]) == (503, "dead_letters_unusable")
    assert bench.times() == [1]


@pytest.mark.asyncio
async def test_records_of_one_key_do_not_hide_each_other(
    bench: Bench, influx: FakeInflux, make: Maker
) -> None:
    """The same event of two origins is written twice, so that both are judged."""
    state = make.state("a.b", of="db")
    for number, (origin, payload) in enumerate(
        [(Origin.LIVE, make.message(state)), (Origin.BACKFILL, state)]
    ):
        reject = Reject(
            reason=Reason.BAD_EVENT,
            detail="",
            payload=json.dumps(payload, separators=(",", ":")),
            row=number,
            origin=origin,
        )
        await bench.dead_letters.add([reject])

    assert await bench.post() == (200, counts(stored=2))
    (fields,) = influx.of("a.b")
    assert fields["attrs"] == fields["attrs_recorded"] == '{"of":"db"}'


@pytest.mark.asyncio
async def test_line_that_breaks_influxdb_again_is_found_at_once(
    bench: Bench, influx: FakeInflux
) -> None:
    """Its neighbours are stored; nobody has to try five times."""
    poison = refused(2, reason=Reason.INTERNAL_ERROR)
    await bench.dead_letters.add([refused(1), poison, refused(3)])

    def broken(lines: list[str]) -> Problem | None:
        held = any("=e2 " in line for line in lines)
        return (500, "internal error", "panic") if held else None

    influx.script = broken

    assert await bench.post() == (200, counts(stored=2, refused=1))
    assert bench.times() == [2]


@pytest.mark.asyncio
async def test_damaged_line_stays_and_is_counted(bench: Bench) -> None:
    """What a person or a disk did to the file is not made worse."""
    await bench.dead_letters.add([refused(1)])
    damaged = b"\x00damaged\n\n"
    bench.path.write_bytes(damaged + bench.path.read_bytes())

    assert await bench.post() == (200, counts(stored=1, unusable=2))
    assert bench.path.read_bytes() == damaged
    assert await bench.ids("f" * 24) == (200, counts())


@pytest.mark.asyncio
async def test_retries_do_not_run_at_the_same_time(
    bench: Bench, influx: FakeInflux
) -> None:
    """The second one waits, and finds what the first has left."""
    await bench.dead_letters.add([refused(1)])
    influx.gate.clear()

    async with asyncio.TaskGroup() as tasks:
        both = [tasks.create_task(bench.post()) for _ in range(2)]
        async with asyncio.timeout(5.0):
            while not influx.writes:
                await bench.session.get(f"{bench.url}/")
        influx.gate.set()

    answers = sorted(task.result()[1]["stored"] for task in both)
    assert (answers, len(influx.writes)) == ([0, 1], 1)


@pytest.mark.asyncio
async def test_stopping_service_gives_up_and_changes_nothing(
    bench: Bench, influx: FakeInflux
) -> None:
    """The stop does not wait for a long file."""
    await bench.dead_letters.add([refused(1)])
    bench.retry.refuse_new()

    status, answer = await bench.post()

    assert (status, answer["error"]["code"]) == (503, "shutting_down")
    assert (bench.times(), influx.writes) == ([1], [])


@pytest.mark.asyncio
async def test_kill_between_influxdb_and_the_file_repeats_work(
    bench: Bench, influx: FakeInflux, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The points are in InfluxDB, the records still in the file: done once more."""
    await bench.dead_letters.add([refused(1), refused(2)])

    def killed(*_: Any) -> None:
        raise OSError(5, "killed")

    monkeypatch.setattr(Path, "replace", killed)
    assert (await bench.post())[0] == 503
    stored = dict(influx.stored)
    assert (len(stored), bench.times()) == (2, [1, 2])
    monkeypatch.undo()

    assert await bench.post() == (200, counts(stored=2))
    assert influx.stored == stored
    assert bench.records() == []
