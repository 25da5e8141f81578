"""A thin InfluxDB 2.7 client: write bytes, ask Flux, ping."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import aiohttp
import msgspec

from .errors import InfluxQueryFailed, InfluxUnreachable

__all__ = ["Answer", "InfluxClient", "TokenSource", "parse_csv"]

# A bucket that was made anew has another id, which an old token does not name:
# InfluxDB 2.7.12 answers 403 to a write and 404 to a query.
_TOKEN_MAY_BE_OLD = frozenset({401, 403, 404})
# From here on aiohttp wants a stream, to write the body in pieces.
_LARGE_BODY_BYTES = 1024 * 1024
# A pause that somebody asks for, in seconds, as far as it is believed.
_LONGEST_PAUSE = 3_600.0
_PAUSE = re.compile(r"[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer of InfluxDB; `code` and `message` are empty after a 204.

    `retry_after` is in seconds, None if InfluxDB did not ask for a pause.
    """

    status: int
    code: str = ""
    message: str = ""
    retry_after: float | None = None


class _Problem(msgspec.Struct):
    """Body of an InfluxDB error."""

    code: str = ""
    message: str = ""


class TokenSource:
    """The API token: a fixed text, or a file that may appear or change later."""

    def __init__(self, *, token: str | None = None, path: Path | None = None) -> None:
        self._fixed = token or None
        self._path = path
        self._read: str | None = None

    def current(self) -> str | None:
        """Return the token, None as long as there is none."""
        if self._fixed is None and self._read is None:
            self.refresh()
        return self._fixed or self._read

    def refresh(self) -> bool:
        """Read the file again; tell whether there is another token than before."""
        if self._fixed is not None or self._path is None:
            return False
        before = self._read
        try:
            self._read = self._path.read_text(encoding="utf-8").strip() or None
        except (OSError, UnicodeDecodeError):
            self._read = None
        return self._read is not None and self._read != before

    def missing(self) -> str:
        """Say what is missing, for the answer of a write without a token."""
        if self._path is None:
            return "INFLUXDB_TOKEN is not set"
        return f"INFLUXDB_TOKEN_FILE: {self._path} does not hold a token yet"


class InfluxClient:
    """Speaks to one organisation and bucket over a session that the caller owns."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        url: str,
        org: str,
        bucket: str,
        token: TokenSource,
        timeout: float,
    ) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._org = org
        self._bucket = bucket
        self._token = token
        self._timeout = aiohttp.ClientTimeout(total=timeout)

    async def write(self, body: bytes, precision: str = "us") -> Answer:
        """Send line protocol; return the answer whatever its status is.

        A token file is read again after a 401, 403 or 404, and the write repeated
        if it changed. Without any token the answer is a 401 of our own.

        Raises:
            InfluxUnreachable: no HTTP answer within the timeout.
        """
        answer, _ = await self._send(
            "/api/v2/write",
            params={"org": self._org, "bucket": self._bucket, "precision": precision},
            headers={"Content-Type": "text/plain; charset=utf-8"},
            body=body,
        )
        return answer

    async def query(self, flux: str) -> list[dict[str, str]]:
        """Return the rows of all tables of a Flux query, values as text.

        Raises:
            InfluxUnreachable: no complete HTTP answer within the timeout.
            InfluxQueryFailed: InfluxDB refused the query or failed on the way.
        """
        dialect = {"annotations": [], "header": True, "delimiter": ","}
        answer, text = await self._send(
            "/api/v2/query",
            params={"org": self._org},
            headers={"Content-Type": "application/json", "Accept": "application/csv"},
            body=msgspec.json.encode(
                {"query": flux, "type": "flux", "dialect": dialect}
            ),
        )
        if answer.status != HTTPStatus.OK:
            raise InfluxQueryFailed(answer.status, answer.code, answer.message)
        return parse_csv(text)

    async def ping(self) -> str:
        """Return the version that InfluxDB names; needs no token.

        Raises:
            InfluxUnreachable: no answer, or one that is not InfluxDB's.
        """
        with self._translated():
            async with self._session.get(
                f"{self._url}/ping", timeout=self._timeout
            ) as response:
                if response.status != HTTPStatus.NO_CONTENT:
                    reason = f"/ping answered {response.status}"
                    raise InfluxUnreachable(self._url, reason)
                return response.headers.get("X-Influxdb-Version", "")

    async def _send(
        self, path: str, *, params: dict[str, str], headers: dict[str, str], body: bytes
    ) -> tuple[Answer, str]:
        answer, text = await self._send_once(path, params, headers, body)
        if answer.status in _TOKEN_MAY_BE_OLD and self._token.refresh():
            answer, text = await self._send_once(path, params, headers, body)
        return answer, text

    async def _send_once(
        self, path: str, params: dict[str, str], headers: dict[str, str], body: bytes
    ) -> tuple[Answer, str]:
        token = self._token.current()
        if token is None:
            message = self._token.missing()
            return Answer(status=401, code="unauthorized", message=message), ""
        with self._translated():
            async with self._session.post(
                f"{self._url}{path}",
                params=params,
                data=io.BytesIO(body) if len(body) > _LARGE_BODY_BYTES else body,
                headers={**headers, "Authorization": f"Token {token}"},
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                text = await response.text(errors="replace")
                return _answer(response, text), text

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError as err:
            reason = f"no answer within {self._timeout.total} s"
            raise InfluxUnreachable(self._url, reason) from err
        except (aiohttp.ClientError, OSError) as err:
            reason = str(err) or type(err).__name__
            raise InfluxUnreachable(self._url, reason) from err


def _answer(response: aiohttp.ClientResponse, text: str) -> Answer:
    if response.status < HTTPStatus.MULTIPLE_CHOICES:
        return Answer(status=response.status)
    try:
        problem = msgspec.json.decode(text, type=_Problem)
    except (msgspec.MsgspecError, RecursionError):
        problem = _Problem(message=text[:1000])
    return Answer(
        status=response.status,
        code=problem.code,
        message=problem.message,
        retry_after=_seconds(response.headers.get("Retry-After", "")),
    )


def _seconds(text: str) -> float | None:
    """Return the seconds of a Retry-After; a date in it is not worth a parser."""
    return min(float(text), _LONGEST_PAUSE) if _PAUSE.fullmatch(text) else None


def parse_csv(text: str) -> list[dict[str, str]]:
    """Return the rows of a Flux answer without annotations, all tables in a row.

    Tables with other columns are separated by an empty line and bring their own
    header. The unnamed first column is left out.

    Raises:
        InfluxQueryFailed: the answer holds an error table.
    """
    rows: list[dict[str, str]] = []
    header: list[str] | None = None
    for row in csv.reader(io.StringIO(text, newline="")):
        if not row:
            header = None
        elif header is None:
            header = row
        else:
            rows.append(
                {name: value for name, value in zip(header, row, strict=False) if name}
            )
            if "error" in header and "reference" in header:
                raise InfluxQueryFailed(200, "query_error", rows[-1]["error"])
    return rows
