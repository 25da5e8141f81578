"""The running stack of a scenario, and how a fault and a check get at it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stackproof import Endpoint, EventRecorder, wait_until
from stackproof.oracle import FaultProof
from stackproof.verify.stack import Stack

from ..admin import AdminApi, ServiceApi
from ..homeassistant import HomeAssistant
from ..project import DATABASE, LONG_RUNNING, SourceKind
from ..simulator import Simulator
from ..stack import ReferenceStack
from .addresses import published
from .home_traffic import HomeAssistantTraffic
from .observation import Told
from .stored import Database
from .traffic import SimulatorTraffic, Traffic
from .vitals import Vitals, now_us

INGESTION = "websocket-ingestion"
ENRICHMENT = "enrichment-pipeline"
ADMIN = "admin-api"
SOURCE = "home-assistant"
_EVERY_SECONDS = 0.1
_PROGRESS_SECONDS = 60.0
_ADDRESS_SECONDS = 30.0


@dataclass(slots=True)
class Note:
    """What a fault says of itself while it lasts."""

    observed: str = ""
    bitten: bool = False
    healed_us: int | None = None

    def heal(self) -> None:
        """Take this moment for the cure, not the end of the block."""
        self.healed_us = now_us()

    def saw(self, bitten: object, observed: str) -> None:
        """Keep the evidence."""
        self.bitten = bool(bitten)
        self.observed = observed


@dataclass(slots=True, kw_only=True)
class World:
    """One stack and one run on it.

    Addresses are those of the containers: they are reached without the ports that the
    engine chooses anew at each start.

    Attributes:
        stack: the reference stack.
        proof: the same as the kit sees it, for its faults.
        traffic: the events of this run.
        rate: events a second.
        seed: repeats what is left to chance.
        chance: made of the seed.
        budget_us: what the scenario promises of the time to be ready again.
        vitals: what is ready and counted, while the run lasts.
        proofs: the faults so far.
        told: changes that checks have made.
        problems: what went wrong, one sentence each.
        cleanup: is closed when the run is over.
        flow_seconds: so long events flow after the cure, beside what a fault needs.
    """

    stack: ReferenceStack
    proof: Stack
    traffic: Traffic
    rate: float
    seed: int
    chance: random.Random
    flow_seconds: float = 0.0
    budget_us: int | None = None
    vitals: Vitals | None = None
    proofs: list[FaultProof] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    cleanup: ExitStack = field(default_factory=ExitStack)

    # -- ways to the parts ----------------------------------------------------------

    def base(self, service: str) -> str | None:
        """Return the base URL of a service; None while no port is published."""
        endpoint = published(self.stack.engine, self.stack.project.name, service)
        return None if endpoint is None else endpoint.url()

    def endpoint(self, service: str) -> Endpoint:
        """Return where a service is reached, waiting until its port is published."""
        return endpoint_of(self.stack, service)

    def folder(self, volume: str) -> Path:
        """Return where the host sees a volume while a container uses it."""
        name = f"{self.stack.project.name}_{volume}"
        return Path(self.stack.engine.volumes.get(name).attrs["Mountpoint"])

    def service(self, name: str) -> ServiceApi:
        """Return the HTTP port of a service of ours."""
        return ServiceApi(endpoint=self.endpoint(name))

    @property
    def admin(self) -> AdminApi:
        """admin-api with its token."""
        token = self.stack.project.secret("admin_token")
        return AdminApi(endpoint=self.endpoint(ADMIN), token=token)

    @property
    def database(self) -> Database:
        """InfluxDB, read with the operator's token, which no restore changes."""
        settings = self.stack.project.settings
        return Database(
            url=self.endpoint(DATABASE).url(),
            org=settings["INFLUXDB_ORG"],
            bucket=settings["INFLUXDB_BUCKET"],
            token=self.stack.project.secret("influxdb_admin_token"),
        )

    @property
    def simulator(self) -> Simulator:
        """The control of the scripted Home Assistant."""
        return Simulator(endpoint=self.endpoint(SOURCE))

    @property
    def scripted(self) -> SimulatorTraffic:
        """The traffic of the scripted Home Assistant.

        Raises:
            TypeError: a real one plays in this run.
        """
        if not isinstance(self.traffic, SimulatorTraffic):
            raise TypeError("this scenario needs the scripted Home Assistant")
        return self.traffic

    def stats(self) -> Mapping[str, Any]:
        """Return /v1/stats of websocket-ingestion."""
        document: Mapping[str, Any] = self.service(INGESTION).get("/v1/stats")
        return document

    # -- what a fault tells ---------------------------------------------------------

    @contextmanager
    def fault(self, kind: str, target: str, expected: str) -> Iterator[Note]:
        """Time a fault and keep what it says of itself; an error is a problem."""
        note = Note()
        started = now_us()
        try:
            yield note
        finally:
            self.proofs.append(
                FaultProof(
                    kind=kind,
                    target=target,
                    expected=expected,
                    observed=note.observed or "nothing",
                    bitten=note.bitten,
                    started_us=started,
                    healed_us=note.healed_us or now_us(),
                    budget_us=self.budget_us,
                )
            )

    def listen_again(self) -> None:
        """Record the engine's events anew, after it has ended the record itself."""
        recorder = self.cleanup.enter_context(
            EventRecorder.of_project(self.stack.engine, self.stack.project.name)
        )
        self.stack = replace(self.stack, recorder=recorder)
        self.proof.recorder = recorder

    # -- waiting --------------------------------------------------------------------

    def count(self, name: str) -> int:
        """Return one counter of websocket-ingestion."""
        return int(self.stats()["events"][name])

    def await_more(
        self,
        look: Callable[[], int],
        more: float,
        *,
        timeout: float = _PROGRESS_SECONDS,
    ) -> int:
        """Wait until something that is counted has grown by `more`; return it."""
        before = look()

        def grown(seen: int) -> bool:
            return seen >= before + more

        return wait_until(look, grown, timeout=timeout, every=_EVERY_SECONDS)

    def await_progress(self, counter: str, *, seconds: float = 1.0) -> None:
        """Wait until so many seconds' worth of events more have been counted."""
        self.await_more(lambda: self.count(counter), self.rate * seconds)

    def await_emitted(self, seconds: float) -> None:
        """Let the source make so many seconds' worth of events."""
        self.await_more(
            self.traffic.emitted,
            self.rate * seconds,
            timeout=seconds * 2 + _PROGRESS_SECONDS,
        )

    def await_ready(self, *, timeout: float) -> None:
        """Wait until a look that begins from now on finds all services ready.

        Raises:
            WaitTimeout: none has after `timeout` seconds.
        """
        since = now_us()

        def ready() -> frozenset[str]:
            samples = self.vitals.samples[-1:] if self.vitals else ()
            return next(
                (each.ready for each in samples if each.at_us > since), frozenset()
            )

        wait_until(
            ready,
            frozenset(LONG_RUNNING).issubset,
            timeout=timeout,
            every=_EVERY_SECONDS,
        )


def endpoint_of(stack: ReferenceStack, service: str) -> Endpoint:
    """Return where a service is reached, waiting until its port is published.

    Raises:
        WaitTimeout: it is not.
    """
    found: list[Endpoint] = []

    def look() -> bool:
        endpoint = published(stack.engine, stack.project.name, service)
        if endpoint is not None:
            found.append(endpoint)
        return bool(found)

    wait_until(look, bool, timeout=_ADDRESS_SECONDS, every=_EVERY_SECONDS)
    return found[-1]


def traffic_for(stack: ReferenceStack) -> Traffic:
    """Return new traffic on what plays Home Assistant."""
    if stack.project.source is SourceKind.SIMULATOR:
        return SimulatorTraffic(
            simulator=Simulator(endpoint=endpoint_of(stack, SOURCE))
        )
    token = stack.home_assistant.token
    return HomeAssistantTraffic(
        home=lambda: HomeAssistant(endpoint=endpoint_of(stack, SOURCE), token=token)
    )
