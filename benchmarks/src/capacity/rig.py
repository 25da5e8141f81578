"""The stack that is measured, as the runner sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, cast

import requests
from docker import DockerClient
from docker.errors import DockerException, NotFound
from docker.models.containers import Container

from reference_stack import ReferenceStack, SourceKind
from reference_stack.project import prepare
from stackproof import EventRecorder, find_free_subnet, wait_until
from stackproof.errors import ComposeError, WaitTimeout
from stackproof.verify.abandoned import remove_abandoned, remove_project

from .calls import await_answer, call, call_json
from .clocks import Taken
from .database import Database, HttpDatabase, metric_sum
from .errors import BadAnswer, UsageError
from .names import ADMIN, DATABASE, DATABASE_FOLDER, ENRICHMENT, INGESTION, SOURCE
from .resources import HostLook, Usage, look_at_container, look_at_host
from .store import InfluxStore, Store
from .throwaway import throwaway_database

__all__ = ["PURPOSE", "Counts", "Rig", "StackRig", "attached", "owned"]

PURPOSE: Final = "ha-ingestor-capacity"
"""First part of the names of all projects of a capacity run."""
_PORTS: Final = {INGESTION: 8001, ENRICHMENT: 8002, DATABASE: 8086, SOURCE: 8123}
_LOOPBACK: Final = "127.0.0.1"
_ANYWHERE: Final = frozenset({"", "0.0.0.0", "::"})
_PROJECT: Final = "com.docker.compose.project"
_SERVICE: Final = "com.docker.compose.service"
_CALL_SECONDS: Final = 10.0
_UP_SECONDS: Final = 120.0
_HEALTH_SECONDS: Final = 30.0
_STARTS: Final = 3
_OVERLAP: Final = "overlap"
"""Of the engine's "Pool overlaps with other one on this address space"."""
_WEIGHT: Final = 8192
"""CPU shares of the source: eight times that of others, so that it keeps up."""
_COUNTED: Final = ("written", "merged", "dead_lettered", "expired")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What the services have counted; `at` is the monotonic time of the look.

    `done` are events of which enrichment knows the end, since its own start;
    `rejected` those kept as dead letters or expired, `reconnects` subscriptions after
    the first, and `pending` the events in the spool, as ingestion counts them. What
    belongs to one of the `open_gaps` is still to be read from the source's history.
    """

    at: float
    done: int
    received: int
    written: int
    rejected: int
    merged: int
    pending: int
    reconnects: int
    open_gaps: int
    spool_bytes: int
    spool_limit: int


class _Gaps(NamedTuple):
    open: int
    closed: int


Reading: TypeAlias = Callable[[], Sequence[tuple[float, int]]]


class Rig(Protocol):
    """The edge to the stack and to the host that it runs on."""

    @property
    def source_url(self) -> str:
        """Where the load's control listens."""
        ...

    @property
    def source_token(self) -> str:
        """What a real Home Assistant wants to see."""
        ...

    @property
    def source(self) -> str:
        """The container that the events leave from."""
        ...

    @property
    def generates(self) -> bool:
        """Whether the source makes events itself, or only passes on what it gets."""
        ...

    def source_cores(self) -> float:
        """Return how many cores the generator may use."""
        ...

    def usage(self, *, fresh: bool = True) -> dict[str, Usage]:
        """Return a look at each container; the engine is asked only if `fresh`."""
        ...

    def host(self) -> HostLook:
        """Return one look at the host."""
        ...

    def counts(self) -> Counts:
        """Return what the services count."""
        ...

    def take(self) -> Taken:
        """Return the latencies since the last take."""
        ...

    def store(self) -> Store:
        """Return a way to what is stored, for one thread."""
        ...

    def compactions(self) -> int:
        """Return how many compactions the database has made."""
        ...

    def series(self) -> int:
        """Return how many series the database holds."""
        ...

    def stored_bytes(self) -> int | None:
        """Return how much the database's data take on the disk."""
        ...

    def database(self) -> Database:
        """Return the way into the database past the services."""
        ...

    def throwaway(self) -> AbstractContextManager[tuple[Database, float]]:
        """Return a new database like the stack's, which is removed at the end.

        With it comes how many days ago the days of the past must end, so that no
        shard of today holds any of them.
        """
        ...

    def reading_alone(self) -> AbstractContextManager[Reading]:
        """Stop ingestion and read the source in its place; afterwards start it again.

        What comes ends the reading and returns how many events had come when.
        """
        ...

    def database_off(self) -> None:
        """Stop the database in order."""
        ...

    def database_on(self) -> None:
        """Start it; it need not serve yet."""
        ...

    def null_source(self) -> str:
        """Return where a source like the stack's listens, of which all is thrown away.

        It is started at the first call; `null_cpu` is what it has used.
        """
        ...

    def null_cpu(self) -> float:
        """Return the CPU seconds of the source without a stack."""
        ...

    def close_null(self) -> None:
        """Remove the source without a stack."""
        ...


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
    _null: ExitStack = field(default_factory=ExitStack)
    _null_url: str = ""
    _null_container: Container | None = None
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
                filters={"label": f"{_PROJECT}={self.project}"}
            )
            self._found = _by_service(rows)
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
                reader = _reader(ending, place, self.home_token, "--count")

                def read() -> Sequence[tuple[float, int]]:
                    reader.terminate()
                    return parse_looks(reader.stdout.read() if reader.stdout else b"")

                yield read
        finally:
            with _engine("to start ingestion"):
                self.containers()[INGESTION].start()
            self._found = {}
            self.await_ready(timeout=_UP_SECONDS)
            self._await_gap_closed(before)

    # -- the source without a stack -------------------------------------------------

    def null_source(self) -> str:
        """Start a second source of the same image and limit, and a reader of it.

        Raises:
            BadAnswer: it does not come up.
        """
        if self._null_url:
            return self._null_url
        if self.real:
            return self._null_home()
        like = self.containers()[SOURCE]
        limit = like.attrs["HostConfig"]["NanoCpus"]
        token = "calibration"  # noqa: S105 - of a source that lives for seconds
        container = self.engine.containers.run(
            like.attrs["Config"]["Image"],
            detach=True,
            init=True,
            read_only=True,
            cap_drop=["ALL"],
            environment={"HA_SIMULATOR_TOKEN": token},
            labels={_PROJECT: self.project},
            mem_limit="1g",
            tmpfs={"/tmp": "size=16m,mode=1777"},  # noqa: S108 - inside the container
            network=next(iter(like.attrs["NetworkSettings"]["Networks"])),
            ports={f"{_PORTS[SOURCE]}/tcp": (_LOOPBACK, 0)},
            cpu_shares=_WEIGHT,
            nano_cpus=limit or None,
        )
        self._null_container = container
        self._null.callback(container.remove, v=True, force=True)
        container.reload()
        place = _published(container, SOURCE)
        if place is None:
            raise BadAnswer(SOURCE, "the engine has published no port of it")
        host, port = place
        url = f"http://{host}:{port}"
        await_answer(self.session, f"{url}/health", seconds=_HEALTH_SECONDS)
        _reader(self._null, f"{host}:{port}", token)
        self._null_url = url
        return url

    def _null_home(self) -> str:
        home = self._null.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "capacity.null_home"],
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        )
        self._null.callback(home.terminate)
        port = b"" if home.stdout is None else home.stdout.readline().strip()
        if not port.isdigit():
            raise BadAnswer("null_home", "it does not say where it listens")
        self._null_url = f"http://127.0.0.1:{int(port)}"
        return self._null_url

    def null_cpu(self) -> float:
        """Return the CPU seconds of the source without a stack."""
        container = self._null_container
        if container is None:
            return 0.0
        state = self._state(container)
        return look_at_container(state["Pid"], str(container.id)).cpu

    def close_null(self) -> None:
        """Remove the source without a stack, and its reader."""
        self._null.close()
        self._null_url, self._null_container = "", None

    # -- inside ---------------------------------------------------------------------

    def _gaps(self) -> _Gaps:
        stats = self._get(f"{self._url(INGESTION)}/v1/stats")
        with _agreed("GET /v1/stats"):
            return _Gaps(int(stats["gaps"]["open"]), int(stats["gaps"]["closed"]))

    def _await_gap_closed(self, before: _Gaps) -> None:
        try:
            wait_until(
                self._gaps,
                lambda now: now.closed > before.closed and not now.open,
                timeout=_UP_SECONDS,
                every=0.5,
            )
        except WaitTimeout as err:
            raise BadAnswer(
                INGESTION, f"the gap of its stop is not closed after {_UP_SECONDS:g} s"
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
        place = _published(container, service)
        if place is None:
            container.reload()
            place = _published(container, service)
        if place is None:
            raise BadAnswer(service, f"port {_PORTS[service]} is not published")
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


# -------------------------------------------------------------------------- stacks


@contextmanager
def owned(
    engine: DockerClient,
    *,
    real: bool = False,
    version: str | None = None,
    limits: Mapping[str, str] | None = None,
    source_cpus: float | None = None,
    images: Mapping[str, str] | None = None,
) -> Iterator[StackRig]:
    """Start a healthy stack with production's limits; remove it at the end.

    Args:
        engine: where it is to run.
        real: with a real Home Assistant instead of the simulator.
        version: of our images, if not the one of the environment file.
        limits: variables of the environment file that are to be otherwise.
        source_cpus: cores that the source may use, if not those of its file.
        images: of services that are to run another one than their version's.
    """
    remove_abandoned(engine, purpose=PURPOSE)
    with ExitStack() as cleanup:
        folder = Path(
            cleanup.enter_context(tempfile.TemporaryDirectory(prefix="capacity-"))
        )
        overlay = folder / "overlay.json"
        overlay.write_text(json.dumps(overlay_of(source_cpus, images or {})), "utf-8")
        for left in reversed(range(_STARTS)):
            project = prepare(
                folder / f"project-{left}",
                source=SourceKind.HOME_ASSISTANT if real else SourceKind.SIMULATOR,
                purpose=PURPOSE,
                subnet=find_free_subnet(engine),
                overrides={
                    **({"HA_INGESTOR_VERSION": version} if version else {}),
                    **(limits or {}),
                },
                overlays=(overlay,),
            )
            cleanup.callback(remove_project, engine, project.name)
            recorder = cleanup.enter_context(
                EventRecorder.of_project(engine, project.name)
            )
            try:
                project.compose.up()
            except ComposeError as err:
                # Somebody took the addresses after they were found to be free.
                if not left or _OVERLAP not in str(err).lower():
                    raise
            else:
                break
        stack = ReferenceStack(
            project=project,
            model=project.compose.model(),
            engine=engine,
            recorder=recorder,
        )
        stack.await_healthy()
        rig = StackRig(
            engine=engine,
            project=project.name,
            settings=project.settings,
            read_token=project.secret("influxdb_admin_token"),
            write_token=project.secret("influxdb_admin_token"),
            home_token=stack.home_assistant.token,
            real=real,
        )
        # Checks of health are processes of their own: once a second they would be a
        # load. All start again, together, with the interval of production.
        replace(
            project.compose, environment={**project.settings, "HEALTH_INTERVAL": "10s"}
        ).up(*_PORTS, ADMIN, options=("--no-deps",))
        rig.await_ready(timeout=_UP_SECONDS)
        cleanup.callback(rig.close_null)
        yield rig


@contextmanager
def attached(
    engine: DockerClient, name: str, *, real: bool = False
) -> Iterator[StackRig]:
    """Use a project that runs; nothing of it is removed.

    Raises:
        UsageError: it does not run, or has no source that this program can drive.
    """
    rows = engine.containers.list(filters={"label": f"{_PROJECT}={name}"})
    services = _by_service(rows)
    missing = sorted(set(_PORTS) - set(services))
    if missing:
        raise UsageError(f"--attach {name}: not running there: {', '.join(missing)}")
    settings = _variables(services[ENRICHMENT])
    token = _file(services[ENRICHMENT], "/run/influxdb-tokens/read_token")
    writing = _file(services[ENRICHMENT], "/run/influxdb-tokens/write_token")
    home = (
        "" if not real else _file(services[INGESTION], "/run/secrets/ha_access_token")
    )
    rig = StackRig(
        engine=engine,
        project=name,
        settings=settings,
        read_token=token,
        write_token=writing,
        home_token=home,
        real=real,
    )
    try:
        yield rig
    finally:
        rig.close_null()


def overlay_of(source_cpus: float | None, images: Mapping[str, str]) -> dict[str, Any]:
    """Return the Compose file on top of the stack's (pure).

    It lets the source keep its schedule, and gives services other images.
    """
    source: dict[str, Any] = {"cpu_shares": _WEIGHT}
    if source_cpus is not None:
        source["deploy"] = {"resources": {"limits": {"cpus": f"{source_cpus:g}"}}}
    services = {SOURCE: source}
    for name, image in images.items():
        services.setdefault(name, {})["image"] = image
    return {"services": services}


def _reader(
    ending: ExitStack, place: str, token: str, *options: str
) -> subprocess.Popen[bytes]:
    """Start a process that reads a source and forgets; it ends with *ending*."""
    host, _, port = place.rpartition(":")
    reader = ending.enter_context(
        subprocess.Popen(
            [sys.executable, "-m", "capacity.null_reader", host, port, *options],
            env={**_environment(), "CAPACITY_TOKEN": token},
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
    )
    ending.callback(reader.terminate)
    if reader.stdout is None or reader.stdout.readline() != b"reading\n":
        raise BadAnswer(place, "a reader of the source cannot subscribe")
    return reader


def parse_looks(text: bytes) -> list[tuple[float, int]]:
    """Return what a counting reader has said, each with its moment (pure)."""
    rows = [line.split() for line in text.splitlines()]
    return [(float(row[0]), int(row[1])) for row in rows if len(row) == 2]


def _published(container: Container, service: str) -> tuple[str, int] | None:
    """Return host and port at which this host reaches a container, None if none."""
    ports = container.attrs["NetworkSettings"].get("Ports") or {}
    for place in ports.get(f"{_PORTS[service]}/tcp") or ():
        anywhere = place["HostIp"] in _ANYWHERE
        return (_LOOPBACK if anywhere else str(place["HostIp"]), int(place["HostPort"]))
    return None


def _by_service(rows: list[Container]) -> dict[str, Container]:
    """Return a project's containers; the one of a calibration is none of them."""
    return {row.labels[_SERVICE]: row for row in rows if _SERVICE in row.labels}


def cores_of(container: Container) -> float | None:
    """Return a container's CPU limit in cores."""
    nano = container.attrs["HostConfig"].get("NanoCpus") or 0
    return nano / 1e9 if nano else None


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


def _variables(container: Container) -> dict[str, str]:
    rows: list[str] = container.attrs["Config"]["Env"]
    return {name: value for name, _, value in (row.partition("=") for row in rows)}


def _file(container: Container, path: str) -> str:
    code, output = container.exec_run(["cat", path])
    if code:
        raise UsageError(f"{container.name}: {path} cannot be read")
    return cast("bytes", output).decode("utf-8").strip()


def _environment() -> dict[str, str]:
    """Return what a child of this program gets of its environment."""
    return dict(os.environ)  # noqa: TID251 - handed on as it is, nothing is read
