"""Fixtures: a local InfluxDB that answers as 2.7.12 does, and makers of events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from enrichment_pipeline.provision.settings import ProvisionSettings
from enrichment_pipeline.settings import Settings
from servicekit.health import Health
from servicekit.influx import InfluxClient, TokenSource

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOW_US = 1_795_445_276_000_000
Problem = tuple[int, str, str]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the machine reaches the settings of a test."""
    for name in [*Settings.model_fields, *ProvisionSettings.model_fields]:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)


@dataclass(frozen=True)
class ParsedLine:
    """One line of line protocol, taken apart."""

    measurement: str
    tags: dict[str, str]
    fields: dict[str, float | int | str | bool]
    time_us: int

    @property
    def series(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """What identifies the series."""
        return self.measurement, tuple(sorted(self.tags.items()))


class LineScanner:
    """Reads line protocol by its rules; ValueError is what InfluxDB calls malformed."""

    def __init__(self, line: str) -> None:
        self._line = line
        self._at = 0

    def parse(self) -> ParsedLine:
        """Return the parts of the line."""
        measurement = self._word(", ", escaped=", ")
        tags: dict[str, str] = {}
        while self._take(","):
            key = self._word("=")
            self._expect("=")
            if key in tags:
                raise ValueError("duplicate tags")
            tags[key] = self._word(", ")
            if not tags[key]:
                raise ValueError("missing tag value")
        self._expect(" ")
        fields = self._fields()
        self._expect(" ")
        return ParsedLine(measurement, tags, fields, int(self._line[self._at :]))

    def _fields(self) -> dict[str, float | int | str | bool]:
        fields: dict[str, float | int | str | bool] = {}
        while True:
            key = self._word("=")
            self._expect("=")
            fields[key] = self._value()
            if not self._take(","):
                return fields

    def _value(self) -> float | int | str | bool:
        if self._take('"'):
            return self._string()
        text = self._word(", ")
        if text in {"true", "false"}:
            return text == "true"
        if text.endswith("i"):
            return int(text[:-1])
        number = float(text)
        if text.strip("+-").lower() in {"nan", "inf", "infinity"}:
            raise ValueError("invalid number")
        return number

    def _string(self) -> str:
        text = ""
        while not self._take('"'):
            if self._line[self._at] == "\\" and self._line[self._at + 1] in '"\\':
                self._at += 1
            text += self._line[self._at]
            self._at += 1
        return text

    def _word(self, ends: str, escaped: str = ",= ") -> str:
        text = ""
        while self._at < len(self._line) and self._line[self._at] not in ends:
            if self._line[self._at] == "\n":
                raise ValueError("newline")
            following = self._line[self._at + 1 : self._at + 2]
            if self._line[self._at] == "\\" and following and following in escaped:
                self._at += 1
            text += self._line[self._at]
            self._at += 1
        return text

    def _take(self, mark: str) -> bool:
        found = self._line[self._at : self._at + 1] == mark
        self._at += found
        return found

    def _expect(self, mark: str) -> None:
        if not self._take(mark):
            raise ValueError(f"expected {mark!r} at {self._at}")


def split_lines(body: str) -> list[str]:
    """Cut a body at the newlines that are not inside a string."""
    lines, line, quoted, escaped = [], "", False, False
    for mark in body:
        if mark == "\n" and not quoted:
            lines.append(line)
            line = ""
            continue
        quoted ^= mark == '"' and not escaped
        escaped = mark == "\\" and not escaped
        line += mark
    return [one for one in [*lines, line] if one]


@dataclass
class FakeInflux:
    """The write API of InfluxDB 2.7.12; remembers what it was sent and what it holds.

    `script` may answer instead of it: it gets the lines of a write and returns a
    problem, or None to let the write go on.
    """

    url: str = ""
    token: str = "write-token"
    denied: Problem = (401, "unauthorized", "unauthorized access")
    oldest_us: int = -(2**63)
    bucket: str = "ha"
    script: Callable[[list[str]], Problem | None] | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    writes: list[list[str]] = field(default_factory=list)
    stored: dict[Any, dict[str, Any]] = field(default_factory=dict)
    types: dict[tuple[str, str], type] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.gate.set()

    async def write(self, request: web.Request) -> web.Response:
        """Answer one write."""
        lines = split_lines((await request.read()).decode())
        self.writes.append(lines)
        await self.gate.wait()
        problem = self._refuse(request) or self.judge(lines)
        if problem is None:
            return web.Response(status=204)
        status, code, message = problem
        return web.json_response({"code": code, "message": message}, status=status)

    def of(self, entity_id: str) -> list[dict[str, Any]]:
        """Return the fields of an entity's points, by time."""
        return [
            fields
            for (series, _), fields in sorted(
                self.stored.items(), key=lambda p: p[0][1]
            )
            if ("entity_id", entity_id) in series[1]
        ]

    def _refuse(self, request: web.Request) -> Problem | None:
        if request.headers.get("Authorization") != f"Token {self.token}":
            return self.denied
        if request.query["bucket"] != self.bucket or request.query["org"] != "home":
            return 404, "not found", f'bucket "{request.query["bucket"]}" not found'
        return None

    def judge(self, lines: list[str]) -> Problem | None:
        """Store lines, or say what InfluxDB says about them."""
        if self.script is not None and (scripted := self.script(lines)) is not None:
            return scripted
        parsed = []
        for line in lines:
            try:
                parsed.append(LineScanner(line).parse())
            except (ValueError, IndexError) as err:
                return 400, "invalid", f"unable to parse '{line}': {err}"
        return self._store(parsed)

    def _store(self, lines: list[ParsedLine]) -> Problem | None:
        conflicts = expired = 0
        for line in lines:
            if line.time_us < self.oldest_us:
                expired += 1
            elif any(
                self.types.setdefault((line.measurement, name), type(value))
                is not type(value)
                for name, value in line.fields.items()
            ):
                conflicts += 1
            else:
                point = self.stored.setdefault((line.series, line.time_us), {})
                point.update(line.fields)
        head = "failure writing points to database: partial write: "
        if conflicts:
            # 2.7 reports a conflict first, and only it.
            why = f'field type conflict: input field "x" dropped={conflicts}'
            return 422, "unprocessable entity", head + why
        if expired:
            why = f"dropped {expired} points outside retention policy of duration 1h"
            return 422, "unprocessable entity", head + why
        return None


@asynccontextmanager
async def listening(app: web.Application) -> AsyncIterator[str]:
    """Serve an application on a free port of 127.0.0.1; yields its address."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest_asyncio.fixture
async def influx() -> AsyncIterator[FakeInflux]:
    """A running fake InfluxDB."""
    fake = FakeInflux()
    app = web.Application(client_max_size=1 << 30)
    app.router.add_post("/api/v2/write", fake.write)
    async with listening(app) as fake.url:
        yield fake
        fake.gate.set()


@pytest.fixture(scope="session")
def new_influx() -> Callable[[], FakeInflux]:
    """Makes fakes that are asked directly, without a server."""
    return FakeInflux


@pytest_asyncio.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A client session."""
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
def client(influx: FakeInflux, session: aiohttp.ClientSession) -> InfluxClient:
    """The real client, pointed at the fake InfluxDB."""
    return InfluxClient(
        session,
        url=influx.url,
        org="home",
        bucket="ha",
        token=TokenSource(token="write-token"),
        timeout=5.0,
    )


@pytest.fixture
def health() -> Health:
    """A fresh register of health reasons."""
    return Health("enrichment-pipeline", "0")


Serve = Callable[[web.Application], Any]


@pytest_asyncio.fixture
async def serve_app() -> AsyncIterator[Serve]:
    """Starts applications that live until the end of the test; returns addresses."""
    async with AsyncExitStack() as stack:

        async def start(app: web.Application) -> str:
            return await stack.enter_async_context(listening(app))

        yield start


@pytest.fixture(scope="session")
def parse_line() -> Callable[[bytes | str], ParsedLine]:
    """The parser of line protocol that the tests trust."""

    def parse(line: bytes | str) -> ParsedLine:
        text = line.decode() if isinstance(line, bytes) else line
        return LineScanner(text).parse()

    return parse


def iso(time_us: int) -> str:
    """Return a time as Home Assistant writes it."""
    return (EPOCH + timedelta(microseconds=time_us)).isoformat()


@dataclass(frozen=True)
class Maker:
    """Makes states, events and frames as Home Assistant sends them."""

    now_us: int = NOW_US

    def state(
        self,
        entity_id: str = "sensor.kitchen",
        state: Any = "21.5",
        *,
        at_us: int | None = None,
        **attributes: Any,
    ) -> dict[str, Any]:
        """Return a state object."""
        time = iso(self.now_us if at_us is None else at_us)
        return {
            "entity_id": entity_id,
            "state": state,
            "attributes": attributes,
            "last_changed": time,
            "last_reported": time,
            "last_updated": time,
            "context": {"id": "01M8", "parent_id": None, "user_id": None},
        }

    def event(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return a state_changed message; takes what `state` takes."""
        return self.message(self.state(*args, **kwargs))

    def message(self, new_state: dict[str, Any]) -> dict[str, Any]:
        """Return the message that announces a state."""
        return {
            "type": "event",
            "event": {
                "event_type": "state_changed",
                "data": {
                    "entity_id": new_state["entity_id"],
                    "old_state": None,
                    "new_state": new_state,
                },
                "origin": "LOCAL",
                "time_fired": new_state["last_updated"],
                "context": new_state["context"],
            },
            "id": 2,
        }

    def removal(self, entity_id: str, at_us: int) -> dict[str, Any]:
        """Return the message that tells that an entity is gone."""
        message = self.message(self.state(entity_id, at_us=at_us))
        message["event"]["data"]["new_state"] = None
        return message

    def bytes(self, document: Any) -> bytes:
        """Return compact JSON, as orjson writes it."""
        return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.fixture(scope="session")
def make() -> Maker:
    """Makes events."""
    return Maker()
