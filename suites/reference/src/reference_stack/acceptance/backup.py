"""Back InfluxDB up and restore it over its HTTP API, as `influx backup` does.

A full restore goes into an empty server: its keys and its SQL replace what the set-up
has made, then the shards come back under their old ids.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import requests

from ..errors import BadAnswer

_SECONDS = 120.0
_QUICK_SECONDS = 3.0
_NOT_FOUND = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """Everything that a server holds.

    Attributes:
        metadata: name of a part to its bytes: kv, sql, buckets.
        shards: id of a shard to its files.
    """

    metadata: Mapping[str, bytes] = field(repr=False)
    shards: Mapping[int, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Influx:
    """The API of one server, used with the operator's token.

    Attributes:
        url: where it is; asked for at each call.
    """

    url: Callable[[], str]
    token: str = field(repr=False)

    def answers(self) -> bool:
        """Tell whether it is ready."""
        try:
            answer = requests.get(f"{self.url()}/ready", timeout=_QUICK_SECONDS)
        except requests.RequestException:
            return False
        return answer.ok

    def backup(self) -> Backup:
        """Return all that it holds; events may go on coming in meanwhile.

        Raises:
            BadAnswer: it refused.
        """
        answer = self._ask("GET", "/api/v2/backup/metadata")
        metadata = parts_of(answer.headers["Content-Type"], answer.content)
        ids = shard_ids(json.loads(metadata["buckets"]))
        found = {number: self._shard(number) for number in ids}
        shards = {number: data for number, data in found.items() if data is not None}
        return Backup(metadata=metadata, shards=shards)

    def set_up(self, *, org: str, bucket: str, username: str, password: str) -> None:
        """Set an empty server up, with the same operator's token."""
        self._ask(
            "POST",
            "/api/v2/setup",
            body=json.dumps(
                {
                    "username": username,
                    "password": password,
                    "org": org,
                    "bucket": bucket,
                    "token": self.token,
                }
            ).encode(),
            headers={"Content-Type": "application/json"},
        )

    def restore(self, backup: Backup) -> None:
        """Put a backup into an empty server that was set up.

        Raises:
            BadAnswer: it refused.
        """
        self._send("/api/v2/restore/kv", backup.metadata["kv"])
        self._send("/api/v2/restore/sql", backup.metadata["sql"])
        for number, data in backup.shards.items():
            self._send(f"/api/v2/restore/shards/{number}", data)

    def _shard(self, number: int) -> bytes | None:
        """Return the files of a shard; None for one that is gone since."""
        try:
            return self._ask("GET", f"/api/v2/backup/shards/{number}").content
        except BadAnswer as err:
            if err.status == _NOT_FOUND:
                return None
            raise

    def _send(self, path: str, data: bytes) -> None:
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Encoding": "gzip",
        }
        self._ask("POST", path, body=gzip.compress(data, 1), headers=headers)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        answer = requests.request(
            method,
            f"{self.url()}{path}",
            data=body,
            headers={"Authorization": f"Token {self.token}", **(headers or {})},
            timeout=_SECONDS,
        )
        if not answer.ok:
            raise BadAnswer(answer.url, answer.status_code, answer.text)
        return answer


def parts_of(content_type: str, body: bytes) -> Mapping[str, bytes]:
    """Return the named parts of a multipart answer (pure)."""
    head = f"Content-Type: {content_type}\r\nMIME-Version: 1.0\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    found: dict[str, bytes] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            found[str(name)] = content
    return found


def shard_ids(buckets: Any) -> list[int]:
    """Return the ids of all shards in a manifest of buckets (pure)."""
    return [
        int(shard["id"])
        for bucket in buckets
        for policy in bucket["retentionPolicies"]
        for group in policy["shardGroups"]
        for shard in group["shards"]
    ]
