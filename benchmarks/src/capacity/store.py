"""Read back from the database which events it holds, by key."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import requests

from stackproof.influx import flux_string

from .calls import call

__all__ = ["InfluxStore", "Row", "Store", "count_query", "row_query"]

MEASUREMENT: Final = "state"
_QUERY_SECONDS: Final = 60.0
_ENTITIES: Final = 50
"""So many entities are named in one query."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A stored event: its key, and its state."""

    entity_id: str
    time_us: int
    state: str


class Store(Protocol):
    """The edge to what is stored; times are µs since 1970, the last one excluded."""

    def counts(self, prefix: str, *, since_us: int, until_us: int) -> dict[str, int]:
        """Return how many events are stored, by entity, of all that begin so."""
        ...

    def rows(
        self,
        entities: Sequence[str],
        *,
        since_us: int,
        until_us: int,
        seconds: float = _QUERY_SECONDS,
    ) -> list[Row]:
        """Return the stored events of these entities, within so many seconds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class InfluxStore:
    """A bucket of InfluxDB 2; each thread needs a session of its own."""

    url: str
    org: str
    bucket: str
    token: str = field(repr=False)
    session: requests.Session = field(default_factory=requests.Session, repr=False)

    def counts(self, prefix: str, *, since_us: int, until_us: int) -> dict[str, int]:
        """Return how many events are stored, by entity, of all that begin so.

        Raises:
            BadAnswer: the database refuses the query.
        """
        query = count_query(self.bucket, prefix, since_us, until_us)
        return {
            row["entity_id"]: int(row["_value"])
            for row in self._ask(query, seconds=_QUERY_SECONDS)
        }

    def rows(
        self,
        entities: Sequence[str],
        *,
        since_us: int,
        until_us: int,
        seconds: float = _QUERY_SECONDS,
    ) -> list[Row]:
        """Return the stored events of these entities.

        Raises:
            BadAnswer: the database refuses a query, or takes longer than *seconds*.
        """
        found = []
        for first in range(0, len(entities), _ENTITIES):
            some = entities[first : first + _ENTITIES]
            query = row_query(self.bucket, some, since_us, until_us)
            found += [
                Row(
                    entity_id=row["entity_id"],
                    time_us=_micros(row["_time"]),
                    state=row["_value"],
                )
                for row in self._ask(query, seconds=seconds)
            ]
        return found

    def _ask(self, query: str, *, seconds: float) -> Iterator[dict[str, str]]:
        answer = call(
            self.session,
            "POST",
            f"{self.url}/api/v2/query",
            asked="a query of InfluxDB",
            seconds=seconds,
            params={"org": self.org},
            headers={
                "Authorization": f"Token {self.token}",
                "Accept": "application/csv",
            },
            json={"query": query, "type": "flux"},
        )
        answer.encoding = "utf-8"
        return table_of(answer.text)


def count_query(bucket: str, prefix: str, since_us: int, until_us: int) -> str:
    """Return the Flux text that counts stored events by entity (pure)."""
    if not re.fullmatch(r"[a-z_]+\.[a-z0-9_]+", prefix):
        raise ValueError(f"{prefix!r} is no beginning of entity ids")
    pattern = prefix.replace(".", r"\.")
    return "\n".join(
        (
            *_selected(bucket, since_us, until_us),
            f"  |> filter(fn: (r) => r.entity_id =~ /^{pattern}_/)",
            "  |> count()",
            '  |> keep(columns: ["entity_id", "_value"])',
            "  |> group()",
        )
    )


def row_query(
    bucket: str, entities: Sequence[str], since_us: int, until_us: int
) -> str:
    """Return the Flux text that reads the stored events of some entities (pure)."""
    chosen = " or ".join(f"r.entity_id == {flux_string(i)}" for i in entities)
    return "\n".join(
        (
            *_selected(bucket, since_us, until_us),
            f"  |> filter(fn: (r) => {chosen})",
            '  |> keep(columns: ["entity_id", "_time", "_value"])',
            "  |> group()",
        )
    )


def table_of(text: str) -> Iterator[dict[str, str]]:
    """Yield the rows of the one table of an annotated CSV answer (pure)."""
    lines = (line for line in text.splitlines() if line and line[0] != "#")
    return iter(csv.DictReader(lines))


def _selected(bucket: str, since_us: int, until_us: int) -> tuple[str, ...]:
    return (
        f"from(bucket: {flux_string(bucket)})",
        f"  |> range(start: {_moment(since_us)}, stop: {_moment(until_us)})",
        f'  |> filter(fn: (r) => r._measurement == "{MEASUREMENT}")',
        '  |> filter(fn: (r) => r._field == "state")',
    )


def _moment(time_us: int) -> str:
    at = datetime.fromtimestamp(time_us // 1_000_000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{time_us % 1_000_000:06}Z"


def _micros(text: str) -> int:
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)
