"""Look at a project that somebody else runs; nothing is changed without leave."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from docker import DockerClient
from docker.errors import NotFound

from stackproof import Endpoint
from stackproof.oracle import GapRow
from stackproof.verify.container import Inspected, inspect_project

from ..admin import AdminApi
from ..errors import BadAnswer, TokenMissing
from ..homeassistant import micros
from ..project import DATABASE
from .addresses import published
from .collect import gap_of
from .stored import Database
from .vitals import now_us
from .world import ADMIN, INGESTION

_SECRETS = "/run/secrets"
_READ_TOKEN = "/run/influxdb-tokens/read_token"  # noqa: S105 - a path
_SECONDS = 15.0
_GAPS = "100"


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """One running project of the reference stack.

    Addresses, tokens and settings are taken from its containers, so nothing has to be
    told beside its name.
    """

    engine: DockerClient
    project: str

    def container(self, service: str) -> Inspected:
        """Return the container of a service.

        Raises:
            TokenMissing: there is none.
        """
        for row in inspect_project(self.engine, self.project):
            if row.service == service:
                return row
        raise TokenMissing(service, f"project {self.project}")

    def endpoint(self, service: str) -> Endpoint:
        """Return where a service is reached from this host."""
        endpoint = published(self.engine, self.project, service)
        if endpoint is None:
            wanted = f"a published port, project {self.project}, running"
            raise TokenMissing(service, wanted)
        return endpoint

    @property
    def admin(self) -> AdminApi:
        """admin-api with the project's token."""
        token = self.file(ADMIN, f"{_SECRETS}/admin_token")
        return AdminApi(endpoint=self.endpoint(ADMIN), token=token)

    @property
    def database(self) -> Database:
        """InfluxDB, with the token that admin-api reads with."""
        settings = self.environment(ADMIN)
        return Database(
            url=self.endpoint(DATABASE).url(),
            org=settings["INFLUXDB_ORG"],
            bucket=settings["INFLUXDB_BUCKET"],
            token=self.file(ADMIN, _READ_TOKEN),
        )

    def stats(self) -> Mapping[str, Any]:
        """Return what ingestion tells about itself.

        admin-api passes it on: ingestion's own port is not published in production.
        """
        answer: Mapping[str, Any] = self.admin.get("/stats")["services"][INGESTION]
        return answer

    def gaps(self) -> tuple[GapRow, ...]:
        """Return the newest rows of the gap ledger."""
        return tuple(map(gap_of, self.admin.get("/gaps", {"limit": _GAPS})["gaps"]))

    def logs(self) -> Mapping[str, str]:
        """Return what each container has logged, as far back as the engine keeps it."""
        return {
            row.name: self.engine.api.logs(row.id).decode("utf-8", "replace")
            for row in inspect_project(self.engine, self.project)
        }

    def secrets(self) -> Mapping[str, str]:
        """Return the secrets that the services are given."""
        found = {}
        for row in inspect_project(self.engine, self.project):
            for mount in row.attrs.get("Mounts") or ():
                path = str(mount.get("Destination", ""))
                if path.startswith(f"{_SECRETS}/"):
                    found[path.rpartition("/")[2]] = self.file(row.service, path)
        return {name: value for name, value in found.items() if value}

    @staticmethod
    def now_us() -> int:
        """Return microseconds since 1970."""
        return now_us()

    @contextmanager
    def marked(
        self, entity_id: str, *, state: str, attributes: Mapping[str, Any]
    ) -> Iterator[int]:
        """Set a state at the project's Home Assistant; remove the entity afterwards.

        Yields the time of the change, microseconds since 1970.

        Raises:
            BadAnswer: Home Assistant refused it.
        """
        url = f"{self._home_url()}/api/states/{entity_id}"
        token = self.file(INGESTION, self._token_path())
        headers = {"Authorization": f"Bearer {token}"}
        body = {"state": state, "attributes": dict(attributes)}
        answer = requests.post(url, json=body, headers=headers, timeout=_SECONDS)
        if not answer.ok:
            raise BadAnswer(url, answer.status_code, answer.text)
        try:
            yield micros(answer.json()["last_updated"])
        finally:
            requests.delete(url, headers=headers, timeout=_SECONDS)

    def environment(self, service: str) -> Mapping[str, str]:
        """Return the variables of a service's container."""
        pairs = (
            str(line).partition("=")
            for line in self.container(service).config.get("Env") or ()
        )
        return {name: value for name, _, value in pairs}

    def file(self, service: str, path: str) -> str:
        """Return a text file of a container, also one that is mounted there.

        Raises:
            TokenMissing: there is no such file.
        """
        row = self.container(service)
        mounts = row.attrs.get("Mounts") or ()
        where = {str(mount.get("Destination")): mount for mount in mounts}
        if path in where and where[path].get("Type") == "bind":
            return Path(where[path]["Source"]).read_text("utf-8").strip()
        try:
            chunks, _ = self.engine.containers.get(row.id).get_archive(path)
        except NotFound as err:
            raise TokenMissing(service, path) from err
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            member = archive.extractfile(archive.getmembers()[0])
            return "" if member is None else member.read().decode("utf-8").strip()

    def _token_path(self) -> str:
        return self.environment(INGESTION)["HA_ACCESS_TOKEN_FILE"]

    def _home_url(self) -> str:
        """Return where Home Assistant is reached from this host."""
        parts = urlsplit(self.environment(INGESTION)["HA_URL"])
        scheme = "https" if parts.scheme == "wss" else "http"
        inside = published(self.engine, self.project, parts.hostname or "")
        host = parts.netloc if inside is None else str(inside)
        return urlunsplit((scheme, host, "", "", ""))
