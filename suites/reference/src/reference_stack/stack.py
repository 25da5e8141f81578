"""The running stack, as a suite sees it from the host."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass

from docker import DockerClient
from docker.errors import NotFound

from stackproof import (
    Compose,
    EventRecorder,
    Snapshot,
    StackModel,
    all_healthy,
    any_failed,
    wait_until,
)
from stackproof.influx import StateReader, StateRow

from .admin import AdminApi, ServiceApi
from .errors import TokenMissing
from .homeassistant import HomeAssistant
from .project import SourceKind, StackProject
from .simulator import Simulator

_PORTS = {
    "websocket-ingestion": 8001,
    "enrichment-pipeline": 8002,
    "admin-api": 8080,
    "influxdb": 8086,
    "home-assistant": 8123,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceStack:
    """One running project and the ways to observe it.

    Ports are asked for at each use: the engine gives new ones after a restart.

    Attributes:
        recorder: the engine's events since before the stack was created.
    """

    project: StackProject
    model: StackModel
    engine: DockerClient
    recorder: EventRecorder

    @property
    def compose(self) -> Compose:
        """The project, to be driven."""
        return self.project.compose

    def look(self) -> Snapshot:
        """Look once at all containers."""
        return self.compose.snapshot(self.model)

    def await_healthy(self, *, timeout: float = 120.0) -> Snapshot:
        """Wait until every container is healthy or has done its work.

        Raises:
            WaitFailed: one of them has failed.
            WaitTimeout: it took more than `timeout` seconds.
        """
        return wait_until(self.look, all_healthy, failed=any_failed, timeout=timeout)

    def await_rows(
        self, entity_id: str, *, count: int = 1, timeout: float = 20.0
    ) -> tuple[StateRow, ...]:
        """Wait until the database holds so many states of an entity; return them.

        Raises:
            WaitTimeout: there were fewer after `timeout` seconds.
        """

        def enough(rows: tuple[StateRow, ...]) -> bool:
            return len(rows) >= count

        reader = self.stored
        return wait_until(
            lambda: reader.rows(entity_ids=[entity_id]),
            enough,
            timeout=timeout,
            every=0.2,
        )

    def service(self, name: str) -> ServiceApi:
        """Return the HTTP port of a service of ours."""
        return ServiceApi(endpoint=self.compose.port(name, _PORTS[name]))

    @property
    def admin(self) -> AdminApi:
        """admin-api with this project's token."""
        return AdminApi(
            endpoint=self.compose.port("admin-api", _PORTS["admin-api"]),
            token=self.project.secret("admin_token"),
        )

    @property
    def home_assistant(self) -> HomeAssistant:
        """The source, with a token that it accepts."""
        return HomeAssistant(
            endpoint=self.compose.port("home-assistant", _PORTS["home-assistant"]),
            token=self._source_token(),
        )

    @property
    def simulator(self) -> Simulator:
        """The control API of the scripted Home Assistant."""
        return Simulator(
            endpoint=self.compose.port("home-assistant", _PORTS["home-assistant"])
        )

    @property
    def stored(self) -> StateReader:
        """What InfluxDB holds, read with the token that admin-api reads with."""
        settings = self.project.settings
        return StateReader(
            url=self.compose.port("influxdb", _PORTS["influxdb"]).url(),
            org=settings["INFLUXDB_ORG"],
            bucket=settings["INFLUXDB_BUCKET"],
            token=self.file_in("admin-api", "/run/influxdb-tokens/read_token"),
        )

    def file_in(self, service: str, path: str) -> str:
        """Return a text file of a service's container, which may be stopped.

        Needs no tool inside the image.

        Raises:
            TokenMissing: there is no such file.
        """
        containers = [row for row in self.compose.ps() if row.service == service]
        if not containers:
            raise TokenMissing(service, path)
        try:
            chunks, _ = self.engine.containers.get(containers[0].id).get_archive(path)
        except NotFound as err:
            raise TokenMissing(service, path) from err
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            member = archive.extractfile(archive.getmembers()[0])
            if member is None:
                raise TokenMissing(service, path)
            return member.read().decode("utf-8").strip()

    def _source_token(self) -> str:
        if self.project.source is SourceKind.SIMULATOR:
            return self.project.secret("ha_access_token")
        return self.file_in(
            "home-assistant-onboarding", "/run/ha-token/ha_access_token"
        )
