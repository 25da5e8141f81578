"""The InfluxDB client against a local server that answers as 2.7 does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from servicekit.errors import InfluxQueryFailed, InfluxUnreachable
from servicekit.influx import Answer, InfluxClient, TokenSource, parse_csv

CSV = (
    ",result,table,_time,_value\r\n"
    ",_result,0,2026-11-23T14:47:56.311149Z,21.5\r\n"
    ",_result,0,2026-11-23T14:47:57Z,\r\n"
    "\r\n"
    ",result,table,state\r\n"
    ',_result,1,"a ""quoted""\nline"\r\n'
    "\r\n"
)


@dataclass
class FakeInflux:
    """Answers what the test sets; remembers what it was sent."""

    url: str = ""
    status: int = 204
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    good_token: str | None = None
    refusal: int = 401
    silent: bool = False
    seen: list[tuple[str, str, bytes]] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        """Take a request."""
        body = await request.read()
        token = request.headers.get("Authorization", "")
        self.seen.append((request.path_qs, token, body))
        if self.silent:
            await self.release.wait()
        if self.good_token is not None and token != f"Token {self.good_token}":
            problem = '{"code":"unauthorized","message":"unauthorized access"}'
            return web.Response(status=self.refusal, text=problem)
        return web.Response(status=self.status, text=self.body, headers=self.headers)


@pytest_asyncio.fixture
async def influx() -> AsyncIterator[FakeInflux]:
    """Serve a fake InfluxDB on a free port."""
    fake = FakeInflux()
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", fake.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    fake.release.set()
    await runner.cleanup()


@pytest_asyncio.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Return an HTTP session."""
    async with aiohttp.ClientSession() as session:
        yield session


def client(
    session: aiohttp.ClientSession,
    url: str,
    token: TokenSource | None = None,
    timeout: float = 5.0,
) -> InfluxClient:
    """Return a client of the fake."""
    token = token or TokenSource(token="t0ken")
    return InfluxClient(
        session, url=url, org="home", bucket="b", token=token, timeout=timeout
    )


@pytest.mark.asyncio
async def test_a_write_names_org_bucket_and_precision(
    influx: FakeInflux, session: aiohttp.ClientSession
) -> None:
    """The body goes as it is, with the parameters of the v2 API."""
    answer = await client(session, influx.url + "/").write(b"m v=1 2")

    assert answer == Answer(status=204)
    assert influx.seen == [
        ("/api/v2/write?org=home&bucket=b&precision=us", "Token t0ken", b"m v=1 2")
    ]


@pytest.mark.parametrize(
    ("status", "body", "headers", "answer"),
    [
        pytest.param(
            422,
            '{"code":"unprocessable entity","message":"partial write"}',
            {},
            Answer(status=422, code="unprocessable entity", message="partial write"),
            id="422",
        ),
        pytest.param(
            503,
            "<html>proxy</html>",
            {"Retry-After": "7"},
            Answer(status=503, message="<html>proxy</html>", retry_after=7.0),
            id="proxy",
        ),
        pytest.param(
            429,
            "{}",
            {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"},
            Answer(status=429),
            id="date",
        ),
        pytest.param(302, "", {"Location": "/x"}, Answer(status=302), id="redirect"),
    ],
)
@pytest.mark.asyncio
async def test_a_refused_write_is_an_answer(
    influx: FakeInflux,
    session: aiohttp.ClientSession,
    status: int,
    body: str,
    headers: dict[str, str],
    answer: Answer,
) -> None:
    """No status raises: the caller decides by the answer."""
    influx.status, influx.body, influx.headers = status, body, headers

    assert await client(session, influx.url).write(b"x") == answer


@pytest.mark.asyncio
async def test_a_rotated_token_is_read_again(
    influx: FakeInflux, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """After a 401 the file is read again and the write repeated once."""
    file = tmp_path / "token"
    file.write_text("old\n")
    influx.good_token = "old"
    influx_client = client(session, influx.url, TokenSource(path=file))
    before = await influx_client.write(b"1")
    influx.good_token = "new"
    refused = await influx_client.write(b"2")
    file.write_text("new\n")
    after = await influx_client.write(b"3")

    assert (before.status, refused.status, after.status) == (204, 401, 204)
    assert refused.code == "unauthorized"
    assert [token for _, token, _ in influx.seen] == [
        "Token old",
        "Token old",
        "Token old",
        "Token new",
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_bucket_that_was_made_anew_needs_its_own_token(
    influx: FakeInflux, session: aiohttp.ClientSession, tmp_path: Path, status: int
) -> None:
    """2.7.12 answers 403 to a write and 404 to a query with the old one."""
    file = tmp_path / "token"
    file.write_text("old")
    influx.good_token, influx.refusal = "new", status
    influx_client = client(session, influx.url, TokenSource(path=file))
    refused = await influx_client.write(b"1")
    with pytest.raises(InfluxQueryFailed):
        await influx_client.query("buckets()")
    file.write_text("new")

    after = await influx_client.write(b"1")
    influx.status = 200

    assert (refused.status, after.status) == (status, 204)
    assert await influx_client.query("buckets()") == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("999999999", 3600.0),
        ("9" * 400, None),
        ("²", None),
        ("٣", None),
        ("-1", None),
        ("1.5", None),
    ],
)
async def test_a_pause_is_believed_within_bounds(
    influx: FakeInflux,
    session: aiohttp.ClientSession,
    text: str,
    seconds: float | None,
) -> None:
    """Whatever a proxy writes into Retry-After, it is a number or nothing."""
    influx.status, influx.headers = 503, {"Retry-After": text}

    answer = await client(session, influx.url).write(b"x")

    assert (answer.status, answer.retry_after) == (503, seconds)


@pytest.mark.asyncio
async def test_a_large_write_goes_out_in_pieces(
    influx: FakeInflux, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """It is whole at the first try and at the second with another token."""
    file = tmp_path / "token"
    file.write_text("old")
    influx_client = client(session, influx.url, TokenSource(path=file))
    await influx_client.write(b"1")
    file.write_text("new")
    influx.good_token = "new"
    body = b"x" * 3 * 1024 * 1024

    answer = await influx_client.write(body)

    assert answer.status == 204
    assert [sent == body for _, _, sent in influx.seen] == [False, True, True]


@pytest.mark.asyncio
async def test_an_answer_of_nothing_but_brackets_is_an_answer(
    influx: FakeInflux, session: aiohttp.ClientSession
) -> None:
    """JSON that is too deep to be read is shown as text."""
    influx.status, influx.body = 500, "[" * 100_000

    answer = await client(session, influx.url).write(b"x")

    assert (answer.status, answer.message) == (500, "[" * 1000)


@pytest.mark.asyncio
async def test_a_token_file_may_appear_later(
    influx: FakeInflux, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Without a token nothing is sent, and the answer says which file is missing."""
    file = tmp_path / "token"
    influx_client = client(session, influx.url, TokenSource(path=file))
    early = await influx_client.write(b"1")
    file.write_text("new")
    late = await influx_client.write(b"1")

    assert early.status == 401
    assert early.message == f"INFLUXDB_TOKEN_FILE: {file} does not hold a token yet"
    assert late.status == 204
    assert len(influx.seen) == 1


@pytest.mark.asyncio
async def test_without_any_token_the_variable_is_named(
    influx: FakeInflux, session: aiohttp.ClientSession
) -> None:
    """A client without token and file says which variable is not set."""
    answer = await client(session, influx.url, TokenSource(token="")).write(b"1")

    assert answer.message == "INFLUXDB_TOKEN is not set"


@pytest.mark.asyncio
async def test_silence_and_refusal_are_unreachable(
    influx: FakeInflux, session: aiohttp.ClientSession
) -> None:
    """No answer in time and no listener are the same typed error."""
    influx.silent = True
    with pytest.raises(InfluxUnreachable, match=r"no answer within 0\.05 s"):
        await client(session, influx.url, timeout=0.05).write(b"x")
    with pytest.raises(InfluxUnreachable, match="Connect call failed"):
        await client(session, "http://127.0.0.1:1").write(b"x")


@pytest.mark.asyncio
async def test_query_returns_rows(
    influx: FakeInflux, session: aiohttp.ClientSession
) -> None:
    """The rows of all tables come back as text by column."""
    influx.status, influx.body = 200, CSV
    rows = await client(session, influx.url).query('from(bucket: "b")')

    assert rows[0]["_value"] == "21.5"
    assert b'"annotations":[]' in influx.seen[0][2]


@pytest.mark.asyncio
async def test_a_refused_query_is_a_typed_error(
    influx: FakeInflux, session: aiohttp.ClientSession
) -> None:
    """A query that InfluxDB refuses raises with its code and message."""
    influx.status, influx.body = 400, '{"code":"invalid","message":"compilation"}'

    with pytest.raises(InfluxQueryFailed, match="400 invalid: compilation"):
        await client(session, influx.url).query("nonsense")


@pytest.mark.asyncio
async def test_ping_returns_the_version(
    influx: FakeInflux, session: aiohttp.ClientSession
) -> None:
    """A ping needs no token and returns the version."""
    influx.headers = {"X-Influxdb-Version": "v2.7.12"}

    assert await client(session, influx.url).ping() == "v2.7.12"
    assert influx.seen[0][1] == ""


@pytest.mark.asyncio
async def test_a_ping_to_something_else_fails(
    influx: FakeInflux, session: aiohttp.ClientSession
) -> None:
    """Another server on the address is not taken for InfluxDB."""
    influx.status = 200

    with pytest.raises(InfluxUnreachable, match="/ping answered 200"):
        await client(session, influx.url).ping()


def test_csv_of_several_tables() -> None:
    """Each table has its own columns; empty values and quotes survive."""
    assert parse_csv(CSV) == [
        {
            "result": "_result",
            "table": "0",
            "_time": "2026-11-23T14:47:56.311149Z",
            "_value": "21.5",
        },
        {
            "result": "_result",
            "table": "0",
            "_time": "2026-11-23T14:47:57Z",
            "_value": "",
        },
        {"result": "_result", "table": "1", "state": 'a "quoted"\nline'},
    ]


def test_an_error_table_is_an_error() -> None:
    """InfluxDB reports a failure in mid-answer as a table: it is not a row."""
    with pytest.raises(InfluxQueryFailed, match="query_error: out of memory"):
        parse_csv(",error,reference\r\n,out of memory,897\r\n")


def test_an_empty_answer_has_no_rows() -> None:
    """No table, no rows."""
    assert parse_csv("\r\n") == []
