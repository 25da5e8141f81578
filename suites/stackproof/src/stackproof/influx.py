"""Read back from InfluxDB what a run has stored, by its key.

Needs the extra `stackproof[influx]`; no other module of this package does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException

from .errors import StoreError
from .oracle import Attributes, Stored

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRow:
    """One stored state change: all fields of one key.

    Attributes:
        time_us: `last_updated` of the state, microseconds since 1970.
    """

    entity_id: str
    domain: str
    time_us: int
    fields: Mapping[str, Any]

    @property
    def key(self) -> str:
        """What makes the row one event; see `event_key`."""
        return event_key(self.entity_id, self.time_us)

    @property
    def stored(self) -> Stored:
        """The row as the oracle judges it."""
        return Stored(
            entity_id=self.entity_id,
            time_us=self.time_us,
            state=_state(self.fields),
            serial=_serial(self.fields),
            attributes=_ORIGINS[
                any(name in self.fields for name in _LIVE),
                any(name in self.fields for name in _RECORDED),
            ],
        )


_LIVE = ("attrs", "attrs_truncated")
_RECORDED = ("attrs_recorded", "attrs_recorded_truncated")
# Whether there are live attributes, and recorded ones.
_ORIGINS = {
    (False, False): Attributes.NONE,
    (True, False): Attributes.LIVE,
    (False, True): Attributes.RECORDED,
    (True, True): Attributes.BOTH,
}


def event_key(entity_id: str, time_us: int) -> str:
    """Return the key under which the sender's ledger knows an event."""
    return f"{entity_id}@{time_us}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateReader:
    """Reads the measurement `state` of one bucket."""

    url: str
    org: str
    bucket: str
    token: str
    timeout: float = 10.0

    def rows(
        self,
        *,
        entity_ids: Iterable[str] = (),
        run: str | None = None,
        since: datetime = _EPOCH,
    ) -> tuple[StateRow, ...]:
        """Return the rows of named entities or of a run, oldest first.

        A run's entities are those whose id ends with `_` and the run's id.

        Raises:
            StoreError: the database cannot be reached or refuses the query.
        """
        query = state_query(
            self.bucket, entity_ids=tuple(entity_ids), run=run, since=since
        )
        try:
            with InfluxDBClient(
                url=self.url,
                token=self.token,
                org=self.org,
                timeout=int(self.timeout * 1000),
            ) as client:
                tables = client.query_api().query(query)
        except ApiException as err:
            raise StoreError(query, f"HTTP {err.status} {err.reason}") from err
        except (urllib3.exceptions.HTTPError, OSError) as err:
            raise StoreError(query, repr(err)) from err
        return assemble(record.values for table in tables for record in table.records)


def state_query(
    bucket: str,
    *,
    entity_ids: tuple[str, ...] = (),
    run: str | None = None,
    since: datetime = _EPOCH,
) -> str:
    """Return the Flux text that selects rows of entities or of a run (pure).

    With neither, all rows are selected.
    """
    lines = [
        f"from(bucket: {flux_string(bucket)})",
        f"  |> range(start: {since.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ})",
        '  |> filter(fn: (r) => r._measurement == "state")',
    ]
    if entity_ids:
        chosen = " or ".join(f"r.entity_id == {flux_string(i)}" for i in entity_ids)
        lines.append(f"  |> filter(fn: (r) => {chosen})")
    if run is not None:
        if not re.fullmatch(r"[a-z0-9]+", run):
            message = f"a run id has lower-case letters and digits only, not {run!r}"
            raise ValueError(message)
        lines.append(f"  |> filter(fn: (r) => r.entity_id =~ /_{run}$/)")
    return "\n".join(lines)


def flux_string(text: str) -> str:
    """Quote a text as a Flux string literal (pure)."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${")
    return f'"{escaped}"'


def assemble(records: Iterable[Mapping[str, Any]]) -> tuple[StateRow, ...]:
    """Join one record for each field into one row for each key (pure)."""
    rows: dict[tuple[int, str, str], dict[str, Any]] = {}
    for record in records:
        key = (_micros(record["_time"]), record["entity_id"], record["domain"])
        rows.setdefault(key, {})[record["_field"]] = record["_value"]
    return tuple(
        StateRow(entity_id=entity_id, domain=domain, time_us=time_us, fields=fields)
        for (time_us, entity_id, domain), fields in sorted(
            rows.items(), key=lambda item: item[0]
        )
    )


def _state(fields: Mapping[str, Any]) -> str | None:
    """Return the state, None of a removed entity; an empty one is a flag."""
    if fields.get("removed"):
        return None
    return "" if fields.get("state_empty") else str(fields["state"])


def _serial(fields: Mapping[str, Any]) -> int | None:
    """Return the source's serial, where the attributes carry one."""
    attributes = json.loads(fields.get("attrs") or fields.get("attrs_recorded") or "{}")
    serial = attributes.get("serial")
    return serial if isinstance(serial, int) else None


def _micros(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)
