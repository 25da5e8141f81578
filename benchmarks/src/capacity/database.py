"""A database by its published port: lines into it, and what it says about its files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import requests

from stackproof.errors import StoreError
from stackproof.influx import StateReader

from .calls import call
from .errors import BadAnswer

__all__ = ["Database", "Files", "HttpDatabase", "metric_sum"]

_WRITE_SECONDS: Final = 60.0
_READ_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Bytes on the disk: of data files, and of the log that goes into them.

    `compacting` are compactions that run or are queued.
    """

    data: int
    log: int
    compacting: int


class Database(Protocol):
    """The edge to a database that is written to past the services."""

    def rows(
        self, entity_ids: Iterable[str], *, since_us: int
    ) -> Sequence[tuple[int, Mapping[str, Any]]]:
        """Return time in microseconds and fields of the points of these entities."""
        ...

    def write(self, body: bytes) -> None:
        """Write lines, over the one connection, and return when they are stored."""
        ...

    def files(self) -> Files:
        """Return how much the data take now."""
        ...


@dataclass(slots=True, kw_only=True)
class HttpDatabase:
    """One bucket of InfluxDB. The lines go as the services send them, not compressed.

    `token` may write; `read_token` may read.
    """

    url: str
    org: str
    bucket: str
    token: str
    read_token: str
    session: requests.Session = field(default_factory=requests.Session)

    def rows(
        self, entity_ids: Iterable[str], *, since_us: int
    ) -> Sequence[tuple[int, Mapping[str, Any]]]:
        """Return time in microseconds and fields of the points of these entities.

        Raises:
            BadAnswer: the database refuses the query.
        """
        reader = StateReader(
            url=self.url,
            org=self.org,
            bucket=self.bucket,
            token=self.read_token,
            timeout=_READ_SECONDS,
        )
        since = datetime.fromtimestamp(since_us / 1e6, UTC)
        try:
            found = reader.rows(entity_ids=entity_ids, since=since)
        except StoreError as err:
            raise BadAnswer("a query of InfluxDB", str(err)[:300]) from err
        return [(row.time_us, row.fields) for row in found]

    def write(self, body: bytes) -> None:
        """Write lines with times in microseconds; return when they are stored.

        Raises:
            BadAnswer: the database does not take them.
        """
        call(
            self.session,
            "POST",
            f"{self.url}/api/v2/write",
            asked="a write into InfluxDB",
            seconds=_WRITE_SECONDS,
            params={"org": self.org, "bucket": self.bucket, "precision": "us"},
            headers={
                "Authorization": f"Token {self.token}",
                "Content-Type": "text/plain; charset=utf-8",
            },
            data=body,
        )

    def files(self) -> Files:
        """Return what the database's metrics say about its files.

        Raises:
            BadAnswer: it does not show them.
        """
        text = call(self.session, "GET", f"{self.url}/metrics").text
        return Files(
            data=round(metric_sum(text, "storage_tsm_files_disk_bytes")),
            log=round(metric_sum(text, "storage_wal_size")),
            compacting=round(
                metric_sum(text, "storage_compactions_active")
                + metric_sum(text, "storage_compactions_queued")
            ),
        )


def metric_sum(text: str, name: str) -> float:
    """Return the sum over all labels of a metric in Prometheus' text (pure)."""
    pattern = re.compile(rf"^{re.escape(name)}(?:\{{.*\}})? (\S+)$", re.MULTILINE)
    return sum(float(found) for found in pattern.findall(text))
