"""The stack that is measured: a running Compose project, and the host below it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import requests
from docker import DockerClient
from docker.errors import DockerException, NotFound
from docker.models.containers import Container

from stackproof import wait_until
from stackproof.errors import WaitTimeout

from .calls import call, call_json
from .clocks import Taken
from .containers import PORTS, PROJECT, by_service, cores_of, published
from .database import Database, HttpDatabase, metric_sum
from .errors import BadAnswer
from .names import DATABASE, DATABASE_FOLDER, ENRICHMENT, INGESTION, SOURCE
from .null_source import NullSource
from .reading import begin_reader, parse_looks
from .resources import HostLook, Usage, look_at_container, look_at_host
from .rig import Counts, Reading
from .store import InfluxStore
from .throwaway import throwaway_database

__all__ = ["StackRig", "folder_bytes"]

_CALL_SECONDS: Final = 10.0
_BACK_SECONDS: Final = 120.0
"""How long ingestion has to come back and to close the gap that its stop has made."""
_COUNTED: Final = ("written", "merged", "dead_lettered", "expired")


class _Gaps(NamedTuple):
    open: int
    closed: int


@dataclass(slots=True, kw_only=True)
class StackRig:
    """A running Compose project with the services of this repository."""

    engine: DockerClient
    project: str
    settings: Mapping[str, str]
    read_token: str
    write_token: str = ""
    home_token: str = ""
    real: bool = False
    session: requests.Session = field(default_factory=requests.Session)
    query_session: Callable[[], requests.Session] = requests.Session
    _found: dict[str, Container] = field(default_factory=dict)
    _null: NullSource | None = None
    _database: HttpDatabase | None = None

    # -- ways to the parts ----------------------------------------------------------

    @property
    def source(self) -> str:
        """The container that the events leave from."""
        return SOURCE

    @property
    def source_url(self) -> str:
        """Where the load's control listens."""
        return self._url(SOURCE)

    @property
    def source_token(self) -> str:
        """The token of a real Home Assistant."""
        return self.home_token

    def containers(self) -> dict[str, Container]:
        """Return the containers that stay, by service."""
        if not self._found:
            rows = self.engine.containers.list(
                filters={"label": f"{PROJECT}={self.project}"}
            )
            self._found = by_service(rows)
        return self._found

    @property
    def generates(self) -> bool:
        """Tell whether the simulator is the source."""
        return not self.real

    def source_cores(self) -> float:
        """Return the source's CPU limit, or all cores; Locust alone has one."""
        if self.real:
            return 1.0
        return cores_of(self.containers()[SOURCE]) or float(os.cpu_count() or 1)

    def await_ready(self, *, timeout: float) -> None:
        """Wait until each service says that it can do its work.

        Raises:
            BadAnswer: one of them does not in time.
        """

        def waiting() -> str:
            self._found = {}
            for service in (DATABASE, ENRICHMENT, INGESTION):
                with suppress(BadAnswer, requests.RequestException):
                    url = f"{self._url(service)}/ready"
                    if self.session.get(url, timeout=_CALL_SECONDS).ok:
                        continue
                return service
            return ""

        try:
            wait_until(waiting, lambda name: not name, timeout=timeout, every=0.5)
        except WaitTimeout as err:
            raise BadAnswer(str(err.seen), f"not ready after {timeout:g} s") from err

    # -- looks ----------------------------------------------------------------------

    def usage(self, *, fresh: bool = True) -> dict[str, Usage]:
        """Return one look at each container; one that is down is left out."""
        found = {}
        for service, container in self.containers().items():
            state = self._state(container) if fresh else container.attrs["State"]
            if not state["Pid"]:
                continue
            try:
                found[service] = look_at_container(
                    state["Pid"],
                    str(container.id),
                    started=state["StartedAt"],
                    restarts=int(container.attrs["RestartCount"]),
                )
            except (OSError, ValueError):
                continue
        return found

    def host(self) -> HostLook:
        """Return one look at the host."""
        return look_at_host(time.monotonic(), tick=os.sysconf("SC_CLK_TCK"))

    def counts(self) -> Counts:
        """Return what the two services count.

        Raises:
            BadAnswer: one of them does not answer as agreed.
        """
        ingestion = self._get(f"{self._url(INGESTION)}/v1/stats")
        before = time.monotonic()
        enrichment = self._get(f"{self._url(ENRICHMENT)}/v1/stats")
        at = (before + time.monotonic()) / 2
        with _agreed("GET /v1/stats"):
            events = ingestion["events"]
            return Counts(
                at=at,
                done=sum(int(enrichment["events"][name]) for name in _COUNTED),
                received=int(events["received"]),
                written=int(events["written"]),
                rejected=int(events["dead_lettered"]) + int(events["expired"]),
                merged=int(events["merged"]),
                pending=int(events["pending"]),
                reconnects=int(ingestion["connection"]["reconnects"]),
                open_gaps=int(ingestion["gaps"]["open"]),
                spool_bytes=int(ingestion["spool"]["bytes"]),
                spool_limit=int(ingestion["spool"]["limit_bytes"]),
            )

    def take(self) -> Taken:
        """Return the latencies since the last take.

        Raises:
            BadAnswer: enrichment does not answer as agreed.
        """
        url = f"{self._url(ENRICHMENT)}/v1/latency/take"
        return Taken.of(call_json(self.session, "POST", url))

    def store(self) -> InfluxStore:
        """Return a way to what is stored, for one thread.

        Raises:
            BadAnswer: the database is not there.
        """
        return InfluxStore(
            url=self._url(DATABASE),
            org=self.settings["INFLUXDB_ORG"],
            bucket=self.settings["INFLUXDB_BUCKET"],
            token=self.read_token,
            session=self.query_session(),
        )

    def compactions(self) -> int:
        """Return how many compactions of all levels were made."""
        return round(
            metric_sum(self._metrics(), "storage_compactions_duration_seconds_count")
        )

    def series(self) -> int:
        """Return how many series all buckets hold."""
        return round(metric_sum(self._metrics(), "storage_bucket_series_num"))

    def stored_bytes(self) -> int | None:
        """Return the size of data and write-ahead log; None without the rights."""
        folder = self.data_folder()
        return None if folder is None else folder_bytes(folder / "engine")

    def data_folder(self) -> Path | None:
        """Return where the database's data are on this host; None if in no mount."""
        for mount in self.containers()[DATABASE].attrs["Mounts"]:
            if mount["Destination"] == DATABASE_FOLDER:
                return Path(mount["Source"])
        return None

    def database(self) -> Database:
        """Return the way into the database; the connection is kept."""
        if self._database is None:
            self._database = HttpDatabase(
                url=self._url(DATABASE),
                org=self.settings["INFLUXDB_ORG"],
                bucket=self.settings["INFLUXDB_BUCKET"],
                token=self.write_token,
                read_token=self.read_token,
            )
        return self._database

    def throwaway(self) -> AbstractContextManager[tuple[Database, float]]:
        """Return a database of the same image, limits and length of shards."""
        return throwaway_database(
            self.engine,
            like=self.containers()[DATABASE],
            project=self.project,
            retention_days=float(self.settings.get("INFLUXDB_RETENTION_DAYS") or 0),
        )

    # -- the database's outage ------------------------------------------------------

    def database_off(self) -> None:
        """Stop the database by its own signal."""
        with _engine("to stop the database"):
            self.containers()[DATABASE].stop(timeout=30)

    def database_on(self) -> None:
        """Start the database."""
        with _engine("to start the database"):
            self.containers()[DATABASE].start()
        self._found = {}
        self._database = None

    # -- a reader in place of ingestion ---------------------------------------------

    @contextmanager
    def reading_alone(self) -> Iterator[Reading]:
        """Stop ingestion and read the source in its place.

        At its end ingestion is back and has read what it missed from the source's
        history: those events do not count among what comes then.

        Raises:
            BadAnswer: the reader cannot subscribe, or ingestion does not come back.
        """
        before = self._gaps()
        with _engine("to stop ingestion"):
            self.containers()[INGESTION].stop(timeout=30)
        try:
            with ExitStack() as ending:
                place = self._url(SOURCE).removeprefix("http://")
                reader = begin_reader(ending, place, self.home_token, "--count")

                def read() -> Sequence[tuple[float, int]]:
                    reader.terminate()
                    return parse_looks(reader.stdout.read() if reader.stdout else b"")

                yield read
        finally:
            with _engine("to start ingestion"):
                self.containers()[INGESTION].start()
            self._found = {}
            self.await_ready(timeout=_BACK_SECONDS)
            self._await_gap_closed(before)

    # -- the source without a stack -------------------------------------------------

    def null_source(self) -> str:
        """Start a second source of the same image and limit, and a reader of it.

        Raises:
            BadAnswer: it does not come up.
        """
        if self._null is None:
            begin = NullSource.beside_home if self.real else self._simulator_alone
            self._null = begin()
        return self._null.url

    def null_cpu(self) -> float:
        """Return the CPU seconds of the source without a stack."""
        return 0.0 if self._null is None else self._null.cpu()

    def close_null(self) -> None:
        """Remove the source without a stack, and its reader."""
        if self._null is not None:
            self._null.close()
            self._null = None

    # -- inside ---------------------------------------------------------------------

    def _simulator_alone(self) -> NullSource:
        return NullSource.like(
            self.containers()[SOURCE],
            engine=self.engine,
            project=self.project,
            session=self.session,
        )

    def _gaps(self) -> _Gaps:
        stats = self._get(f"{self._url(INGESTION)}/v1/stats")
        with _agreed("GET /v1/stats"):
            return _Gaps(int(stats["gaps"]["open"]), int(stats["gaps"]["closed"]))

    def _await_gap_closed(self, before: _Gaps) -> None:
        try:
            wait_until(
                self._gaps,
                lambda now: now.closed > before.closed and not now.open,
                timeout=_BACK_SECONDS,
                every=0.5,
            )
        except WaitTimeout as err:
            raise BadAnswer(
                INGESTION,
                f"the gap of its stop is not closed after {_BACK_SECONDS:g} s",
            ) from err

    def _state(self, container: Container) -> dict[str, Any]:
        try:
            container.reload()
        except NotFound:
            return {"Pid": 0}
        state: dict[str, Any] = container.attrs["State"]
        return state

    def _url(self, service: str) -> str:
        """Return where a container is reached from this host: its published port."""
        try:
            container = self.containers()[service]
        except KeyError as err:
            raise BadAnswer(service, f"not in the project {self.project}") from err
        place = published(container, service)
        if place is None:
            container.reload()
            place = published(container, service)
        if place is None:
            raise BadAnswer(service, f"port {PORTS[service]} is not published")
        return f"http://{place[0]}:{place[1]}"

    def _metrics(self) -> str:
        return call(self.session, "GET", f"{self._url(DATABASE)}/metrics").text

    def _get(self, url: str) -> Any:
        return call_json(self.session, "GET", url)


@contextmanager
def _agreed(asked: str) -> Iterator[None]:
    """Say of an answer of another shape what was asked."""
    try:
        yield
    except (KeyError, TypeError) as err:
        raise BadAnswer(asked, repr(err)) from err


@contextmanager
def _engine(asked: str) -> Iterator[None]:
    """Turn what the engine cannot do into an answer of another kind."""
    try:
        yield
    except (DockerException, requests.RequestException) as err:
        raise BadAnswer(f"the engine, asked {asked}", str(err)) from err


def folder_bytes(folder: Path) -> int | None:
    """Return the size of all files below a folder; None where it is not to be seen."""
    if not os.access(folder, os.R_OK | os.X_OK):
        return None
    whole = 0
    for top, _, files in os.walk(folder):
        for name in files:
            try:
                whole += (Path(top) / name).stat().st_size
            except OSError:
                continue
    return whole
