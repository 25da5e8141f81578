"""Poison events and sick databases through the real HTTP intake of the service.

Each event is stored as it was, or a dead letter with its reason; each batch is
accounted for, or left with the sender.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio

from enrichment_pipeline.app import Service
from enrichment_pipeline.attributes import MAX_ATTRIBUTES_BYTES
from enrichment_pipeline.settings import Settings
from servicekit.wire import SCHEMA, Batch, Frame, Origin, Source, encode_batch

if TYPE_CHECKING:
    from conftest import FakeInflux, Maker, Serve

    Problem = tuple[int, str, str]

MEGABYTE = 1024 * 1024


class Running:
    """The service behind a real server, and a client of it."""

    def __init__(self, session: aiohttp.ClientSession, dead: Path) -> None:
        self._session = session
        self._dead = dead
        self.url = ""

    async def post(
        self, payload: bytes, events: int, origin: Origin = Origin.LIVE
    ) -> tuple[int, Any]:
        """Send one frame; return status and answer."""
        batch = Batch(SCHEMA, Source(), [Frame(1, origin, 0, events, payload)])
        body = io.BytesIO(encode_batch(batch))
        async with self._session.post(f"{self.url}/v1/frames", data=body) as answer:
            return answer.status, await answer.json()

    async def retry(self) -> Any:
        """Retry all dead letters; return the answer."""
        url = f"{self.url}/v1/deadletters/retry"
        async with self._session.post(url, data=b"{}") as answer:
            return await answer.json()

    def dead(self) -> list[dict[str, Any]]:
        """Return the records of the dead letters."""
        lines = self._dead.read_bytes() if self._dead.exists() else b""
        return [json.loads(line) for line in lines.splitlines()]


Start = Callable[..., Any]


@pytest.fixture
def start(
    influx: FakeInflux,
    session: aiohttp.ClientSession,
    serve_app: Serve,
    tmp_path: Path,
) -> Start:
    """Starts the service; settings given by name replace the usual ones."""

    async def begin(**changes: Any) -> Running:
        given: dict[str, Any] = {
            "influxdb_url": influx.url,
            "influxdb_org": "home",
            "influxdb_bucket": "ha",
            "influxdb_token": "write-token",
            "influxdb_timeout_seconds": 5.0,
            "deadletter_path": tmp_path / "dead.jsonl",
            "weather_provider": "off",
        }
        service = Service(Settings.load(**(given | changes)), session)
        running = Running(session, tmp_path / "dead.jsonl")
        running.url = await serve_app(service.application())
        return running

    return begin


@pytest_asyncio.fixture
async def running(start: Start) -> Running:
    """A running service."""
    begun: Running = await start()
    return begun


def outcome(**some: int) -> dict[str, int]:
    """Return an answer with these counts, the others 0."""
    return {"written": 0, "merged": 0, "dead_lettered": 0, "expired": 0} | some


STATES = {
    "255 letters": "x" * 255,
    "255 emoji": "\N{FIRE}" * 255,
    "256 letters": "x" * 256,
    "nul": "a\x00b",
    "newlines": "a\r\nb\n",
    "line separator": "a\u2028b\u2029\x85c",
    "quotes": '"\\" \\',
    "backslash at the end": "a\\",
    "line protocol": 'x" 1\nstate,entity_id=evil v=1 1',
    "right to left": "\u202eabc\u202c\ufeff",
    "private": "\U0010ffff\ue000",
    "empty": "",
    "space": " ",
}
NO_NUMBERS = ["NaN", "nan", "Infinity", "-Infinity", "inf", "1e999", "-1e999", "0x10"]


@pytest.mark.asyncio
@pytest.mark.parametrize("state", STATES.values(), ids=STATES.keys())
@pytest.mark.parametrize("origin", list(Origin))
async def test_any_text_is_stored_as_it_was(
    running: Running, influx: FakeInflux, make: Maker, state: str, origin: Origin
) -> None:
    """A state is kept character by character, whichever way it came."""
    new = make.state("sensor.a", state, text=state)
    document = make.message(new) if origin is Origin.LIVE else [new]

    answer = await running.post(make.bytes(document), 1, origin)

    (fields,) = influx.of("sensor.a")
    name = "attrs_recorded" if origin is Origin.BACKFILL else "attrs"
    assert answer == (200, outcome(written=1))
    assert fields.get("state", "") == state
    assert fields.get("state_empty", False) is (not state)
    assert "removed" not in fields
    assert json.loads(fields[name]) == {"text": state}
    assert len(influx.stored) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("state", NO_NUMBERS)
async def test_what_is_no_finite_number_has_no_value(
    running: Running, influx: FakeInflux, make: Maker, state: str
) -> None:
    """The text is stored, the number is absent."""
    answer = await running.post(make.bytes(make.event("sensor.a", state)), 1)

    (fields,) = influx.of("sensor.a")
    assert answer == (200, outcome(written=1))
    assert (fields["state"], "value" in fields) == (state, False)


ENTITIES = [
    "sensor.\N{FIRE}",
    "sensor.a b,c=d",
    "sensor.\x00",
    "sensor.a\u2028b",
    "ä.ö",
]


@pytest.mark.asyncio
@pytest.mark.parametrize("entity_id", ENTITIES)
async def test_any_entity_is_stored_under_its_name(
    running: Running, influx: FakeInflux, make: Maker, entity_id: str
) -> None:
    """Also one that Home Assistant itself would not make."""
    answer = await running.post(make.bytes(make.event(entity_id)), 1)

    assert answer == (200, outcome(written=1))
    assert len(influx.of(entity_id)) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("origin", [Origin.LIVE, Origin.BACKFILL])
async def test_attributes_around_their_limit(
    running: Running, influx: FakeInflux, make: Maker, more: int, origin: Origin
) -> None:
    """16 KiB to the byte are kept; one more is left out, and flagged."""
    room = MAX_ATTRIBUTES_BYTES + more - len('{"a":"€"}'.encode())
    state = make.state("sensor.a", a="€" + "x" * room)
    document = make.message(state) if origin is Origin.LIVE else [state]

    answer = await running.post(make.bytes(document), 1, origin)

    (fields,) = influx.of("sensor.a")
    name = "attrs" if origin is Origin.LIVE else "attrs_recorded"
    assert answer == (200, outcome(written=1))
    assert (name in fields) is (more <= 0)
    assert (f"{name}_truncated" in fields) is (more > 0)


@pytest.mark.asyncio
async def test_event_of_ten_megabytes_is_stored_without_its_attributes(
    running: Running, influx: FakeInflux, make: Maker
) -> None:
    """Its neighbours and its own state are stored."""
    huge = make.event("sensor.huge", image="x" * 10 * MEGABYTE)

    answer = await running.post(make.bytes([huge, make.event("sensor.a")]), 2)

    (fields,) = influx.of("sensor.huge")
    assert answer == (200, outcome(written=2))
    assert (fields["state"], fields["attrs_truncated"]) == ("21.5", True)


@pytest.mark.asyncio
async def test_poison_of_ten_megabytes_is_a_dead_letter(
    running: Running, influx: FakeInflux, make: Maker
) -> None:
    """What is kept of it is bounded, and the record says so."""
    events = [
        make.event("sensor.state", "x" * 10 * MEGABYTE),
        make.event("sensor.shape", 5, image="x" * 10 * MEGABYTE),
        make.event("sensor.a"),
    ]

    answer = await running.post(make.bytes(events), 3)

    assert answer == (200, outcome(written=1, dead_lettered=2))
    assert sorted(
        (one["reason"], one["truncated"], len(one["payload"])) for one in running.dead()
    ) == [("bad_event", True, MEGABYTE), ("string_too_long", True, MEGABYTE)]


SPOILS = {
    "nan": b'"mark":NaN',
    "infinity": b'"mark":-Infinity',
    "lone surrogate": b'"mark":"\\ud800"',
    "low surrogate": b'"mark":"\\udc00 "',
    "control character": b'"mark":"\x01"',
    "no utf-8": b'"mark":"\xff"',
    "no utf-8 in a key": b'"\xc3(":1',
    "depth": b'"mark":' + b"[" * 5_000 + b"]" * 5_000,
}


@pytest.mark.asyncio
@pytest.mark.parametrize("spoils", SPOILS.values(), ids=SPOILS.keys())
@pytest.mark.parametrize("origin", list(Origin))
async def test_attributes_that_are_no_json_spoil_only_their_event(
    running: Running, influx: FakeInflux, make: Maker, spoils: bytes, origin: Origin
) -> None:
    """It is a dead letter with its payload; its neighbours are stored."""
    states = [make.state(f"sensor.{name}", mark=1) for name in "abc"]
    live = origin is Origin.LIVE
    parts = [make.bytes(make.message(one) if live else one) for one in states]
    parts[1] = parts[1].replace(b'"mark":1', spoils)

    answer = await running.post(b"[" + b",".join(parts) + b"]", 3, origin)

    assert answer == (200, outcome(written=2, dead_lettered=1))
    (record,) = running.dead()
    assert record["reason"] in {"bad_json", "bad_attributes"}
    assert "sensor.b" in record["payload"]
    assert not any(influx.of("sensor.b"))


@pytest.mark.asyncio
async def test_number_that_no_float_holds_is_kept_in_the_attributes(
    running: Running, influx: FakeInflux, make: Maker
) -> None:
    """They are text: nothing is rounded on the way."""
    raw = make.bytes(make.event("sensor.a", mark=1)).replace(b":1}", b":1e999}", 1)

    answer = await running.post(raw, 1)

    assert answer == (200, outcome(written=1))
    assert influx.of("sensor.a")[0]["attrs"] == '{"mark":1e999}'


TIMES = {
    "1970-01-01T00:00:00+00:00": None,
    "1969-12-31T23:59:59.999999+00:00": None,
    "1677-09-21T00:12:43.145225+00:00": None,
    "1677-09-21T00:12:43.145223+00:00": "time_out_of_range",
    "0001-01-01T00:00:00+00:00": "time_out_of_range",
    "0001-01-01T00:00:00+23:59": "time_out_of_range",
    "2262-04-11T23:47:16.854775+00:00": None,
    "2262-04-11T23:47:16.854776+00:00": "time_out_of_range",
    "9999-12-31T23:59:59.999999-23:59": "time_out_of_range",
    "2026-11-23T14:47:56": "bad_timestamp",
    "2026-02-30T14:47:56+00:00": "bad_timestamp",
    "": "bad_timestamp",
    "\N{FIRE}" * 1000: "bad_timestamp",
}


@pytest.mark.asyncio
@pytest.mark.parametrize(("time", "reason"), TIMES.items())
@pytest.mark.parametrize("removed", [True, False], ids=["removal", "change"])
async def test_clock_that_stepped_is_stored_or_named(
    running: Running,
    influx: FakeInflux,
    make: Maker,
    time: str,
    reason: str | None,
    *,
    removed: bool,
) -> None:
    """Every time that InfluxDB can hold is stored; the others are dead letters."""
    event = make.event("sensor.a") if not removed else make.removal("sensor.a", 0)
    event["event"]["time_fired"] = time
    if not removed:
        event["event"]["data"]["new_state"]["last_updated"] = time

    answer = await running.post(make.bytes([event, make.event("sensor.b")]), 2)

    if reason is None:
        assert answer == (200, outcome(written=2))
        assert len(influx.of("sensor.a")) == 1
    elif not time and removed:
        assert answer == (200, outcome(written=1, dead_lettered=1))
        assert running.dead()[0]["reason"] == "bad_event"
    else:
        assert answer == (200, outcome(written=1, dead_lettered=1))
        assert running.dead()[0]["reason"] == reason


AWAY = {
    400: "influxdb_overloaded",
    401: "influxdb_unauthorized",
    403: "influxdb_unauthorized",
    404: "influxdb_not_found",
    408: "influxdb_overloaded",
    413: "influxdb_overloaded",
    429: "influxdb_overloaded",
    500: "influxdb_overloaded",
    502: "influxdb_overloaded",
    503: "influxdb_overloaded",
    302: "influxdb_unreachable",
}


@pytest.mark.asyncio
@pytest.mark.parametrize(("status", "code"), AWAY.items())
async def test_whatever_influxdb_answers_the_batch_is_kept_until_it_is_well(
    running: Running, influx: FakeInflux, make: Maker, status: int, code: str
) -> None:
    """Ten tries with nothing but refusals make no dead letter and lose nothing."""
    payload = make.bytes([make.event("sensor.a"), make.event("sensor.b")])
    influx.script = lambda _: (status, "code", "no")

    answers = [await running.post(payload, 2) for _ in range(10)]
    influx.script = None

    assert {(one, body["error"]["code"]) for one, body in answers} == {(503, code)}
    assert running.dead() == []
    assert await running.post(payload, 2) == (200, outcome(written=2))


@pytest.mark.asyncio
async def test_influxdb_that_accepts_and_never_answers(
    start: Start, influx: FakeInflux, make: Maker
) -> None:
    """The wait has a limit, and the place of the batch is free again."""
    running = await start(influxdb_timeout_seconds=0.05)
    influx.gate.clear()
    payload = make.bytes(make.event("sensor.a"))

    answers = [await running.post(payload, 1) for _ in range(3)]
    influx.gate.set()

    codes = {(status, body["error"]["code"]) for status, body in answers}
    assert codes == {(503, "influxdb_unreachable")}
    assert await running.post(payload, 1) == (200, outcome(written=1))


@pytest.mark.asyncio
async def test_slow_influxdb_is_waited_for(
    running: Running, influx: FakeInflux, make: Maker
) -> None:
    """An answer within the limit is an answer."""
    influx.gate.clear()

    async with asyncio.TaskGroup() as tasks:
        post = tasks.create_task(running.post(make.bytes(make.event("sensor.a")), 1))
        async with asyncio.timeout(5.0):
            while not influx.writes:
                await running.retry()
        influx.gate.set()

    assert post.result() == (200, outcome(written=1))


@pytest.mark.asyncio
async def test_bucket_that_is_deleted_and_made_anew(
    start: Start, influx: FakeInflux, make: Maker, tmp_path: Path
) -> None:
    """Kept while it is gone, kept while the token is for the old one, then stored."""
    file = tmp_path / "write_token"
    file.write_text("write-token")
    running = await start(influxdb_token=None, influxdb_token_file=file)
    payload = make.bytes(make.event("sensor.a"))
    seen = []
    await running.post(payload, 1)

    influx.bucket = "gone"
    seen.append(await running.post(payload, 1))
    influx.bucket, influx.token = "ha", "token of the new bucket"
    influx.denied = (403, "forbidden", "insufficient permissions for write")
    influx.stored.clear()
    seen.append(await running.post(payload, 1))
    # Nobody has run influxdb-init yet.
    seen.append(await running.post(payload, 1))
    file.write_text("token of the new bucket")
    answer = await running.post(payload, 1)

    assert [(status, body["error"]["code"]) for status, body in seen] == [
        (503, "influxdb_not_found"),
        (503, "influxdb_unauthorized"),
        (503, "influxdb_unauthorized"),
    ]
    assert answer == (200, outcome(written=1))
    assert len(influx.stored) == 1
    assert running.dead() == []


@pytest.mark.asyncio
async def test_backlog_that_is_older_than_the_retention(
    running: Running, influx: FakeInflux, make: Maker
) -> None:
    """It is counted as expired, and the young part is stored."""
    influx.oldest_us = make.now_us
    events = [
        make.event("sensor.a", at_us=make.now_us + offset) for offset in range(-5, 2)
    ]

    answer = await running.post(make.bytes(events), 7)

    assert answer == (200, outcome(written=2, expired=5))
    assert len(influx.stored) == 2


@pytest.mark.asyncio
async def test_shard_that_holds_a_field_of_another_type(
    running: Running, influx: FakeInflux, make: Maker
) -> None:
    """Each point of the type is a dead letter; after the mending a retry stores all."""
    influx.types["state", "value"] = str
    events = [make.event(f"sensor.s{number}", str(number)) for number in range(5)]
    events.append(make.event("light.a", "idle"))

    answer = await running.post(make.bytes(events), 6)
    influx.types.clear()

    assert answer == (200, outcome(written=1, dead_lettered=5))
    assert {one["reason"] for one in running.dead()} == {"field_type_conflict"}
    assert (await running.retry())["stored"] == 5
    assert (len(influx.stored), running.dead()) == (6, [])
