"""Read back all rows of a run, as they are, fast."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import requests
import urllib3

from stackproof import StoreError
from stackproof.influx import event_key, flux_string
from stackproof.oracle import Attributes

from .observation import Row

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS: Final = 60.0
_END: Final = "2100-01-01T00:00:00Z"
_RECORDED: Final = ("attrs_recorded", "attrs_recorded_truncated")
_ATTRIBUTES: Final = ("attrs", "attrs_recorded")
_SERIAL: Final = "serial in the attributes"
_HELD: Final = "held"
_CHUNK: Final = 2**20
_LONGEST_FIELD: Final = 2**21


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """One bucket, read over HTTP."""

    url: str
    org: str
    bucket: str
    token: str = field(repr=False)

    def rows(
        self, pattern: str, told: Iterable[str] = (), *, since_us: int = 0
    ) -> tuple[Row, ...]:
        """Return the rows of all entities whose id matches a regular expression.

        Args:
            pattern: of entity ids, as Flux takes it.
            told: keys of rows whose fields are all wanted.
            since_us: only rows from then on, by the source's clock.

        Raises:
            StoreError: the database cannot be reached or refuses the query.
        """
        query = rows_query(self.bucket, pattern, since_us=since_us)
        try:
            with self._asked(query) as answer:
                lines = _lines(answer.iter_content(_CHUNK))
                return assemble(parse_tables(lines), frozenset(told))
        except (requests.RequestException, urllib3.exceptions.HTTPError) as err:
            raise StoreError(query, repr(err)) from err

    def _asked(self, query: str) -> requests.Response:
        answer = requests.post(
            f"{self.url}/api/v2/query",
            params={"org": self.org},
            headers={
                "Authorization": f"Token {self.token}",
                "Content-Type": "application/vnd.flux",
                "Accept": "application/csv",
                "Accept-Encoding": "identity",
            },
            data=query.encode(),
            timeout=_SECONDS,
            stream=True,
        )
        if not answer.ok:
            raise StoreError(query, f"HTTP {answer.status_code} {answer.text[:300]}")
        return answer


def rows_query(bucket: str, pattern: str, *, since_us: int = 0) -> str:
    """Return the Flux text that selects all fields of a run's rows (pure)."""
    return "\n".join(
        [
            f"from(bucket: {flux_string(bucket)})",
            f"  |> range(start: time(v: {since_us * 1000}), stop: {_END})",
            '  |> filter(fn: (r) => r._measurement == "state")',
            f"  |> filter(fn: (r) => r.entity_id =~ /{pattern}/)",
            '  |> keep(columns: ["_time", "_field", "_value", "entity_id"])',
        ]
    )


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield lines with their ends; a line break in a quoted cell is one too (pure)."""
    left = b""
    for chunk in chunks:
        *whole, left = (left + chunk).split(b"\n")
        for line in whole:
            yield f"{line.decode('utf-8')}\n"
    if left:
        yield left.decode("utf-8")


def parse_tables(lines: Iterable[str]) -> Iterator[Mapping[str, str]]:
    """Yield the records of an answer in CSV without annotations (pure).

    Raises:
        StoreError: the answer holds an error, which may come after some tables.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    header: list[str] = []
    for cells in csv.reader(lines):
        if not cells:
            header = []
        elif not header:
            header = cells
        else:
            record = dict(zip(header, cells, strict=False))
            if "error" in record:
                raise StoreError("rows", record["error"])
            yield record


def assemble(
    records: Iterable[Mapping[str, str]], told: frozenset[str]
) -> tuple[Row, ...]:
    """Join one record for each field into one row for each key (pure).

    Of the attributes only the serial is kept, but for the keys in `told`.
    """
    found: dict[tuple[str, str], dict[str, str]] = {}
    for record in records:
        entity_id, stamp, name = (
            record["entity_id"],
            record["_time"],
            record["_field"],
        )
        value = record["_value"]
        fields = found.setdefault((entity_id, stamp), {})
        if name in _ATTRIBUTES:
            serial = serial_in(value)
            if serial is not None:
                fields[_SERIAL] = str(serial)
            if event_key(entity_id, micros(stamp)) not in told:
                value = _HELD
        fields[name] = value
    rows = [
        _row(entity_id, micros(stamp), fields, told)
        for (entity_id, stamp), fields in found.items()
    ]
    return tuple(sorted(rows, key=lambda row: (row.time_us, row.entity_id)))


def _row(
    entity_id: str, time_us: int, fields: Mapping[str, str], told: frozenset[str]
) -> Row:
    wanted = event_key(entity_id, time_us) in told
    serial = fields.get(_SERIAL)
    return Row(
        entity_id=entity_id,
        time_us=time_us,
        state=None if fields.get("removed") == "true" else fields.get("state"),
        serial=None if serial is None else int(serial),
        attributes=_origin(fields),
        fields=dict(fields) if wanted else {},
    )


def _origin(fields: Mapping[str, str]) -> Attributes:
    """Return where a row's attributes are from; an empty cell is no field (pure)."""
    live = any(fields.get(name) for name in ("attrs", "attrs_truncated"))
    recorded = any(fields.get(name) for name in _RECORDED)
    if live and recorded:
        return Attributes.BOTH
    if live:
        return Attributes.LIVE
    return Attributes.RECORDED if recorded else Attributes.NONE


def serial_in(attributes: str) -> int | None:
    """Return the source's serial in the JSON text of attributes (pure)."""
    try:
        document: Any = json.loads(attributes)
    except ValueError:
        return None
    serial = document.get("serial") if isinstance(document, dict) else None
    return serial if isinstance(serial, int) else None


def micros(stamp: str) -> int:
    """Return an RFC 3339 stamp as microseconds since 1970 (pure)."""
    return (datetime.fromisoformat(stamp) - _EPOCH) // timedelta(microseconds=1)
