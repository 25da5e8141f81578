"""What Compose says about a stack, as frozen data.

What was promised is a `StackModel`, what is there are `Container`s; `parsing` makes
both. Keys that this module does not name are left to the checks that need them, in
`Service.declared`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Condition(StrEnum):
    """What a service waits for in another one."""

    STARTED = "service_started"
    HEALTHY = "service_healthy"
    COMPLETED = "service_completed_successfully"


class State(StrEnum):
    """The engine's state of a container."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"


class Health(StrEnum):
    """The engine's verdict of a container's health check."""

    NONE = ""
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """One `depends_on` edge, seen from the service that waits."""

    service: str
    condition: Condition
    required: bool = True
    restart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthcheck:
    """A declared health check; all times in seconds."""

    test: tuple[str, ...]
    interval: float
    timeout: float
    retries: int
    start_period: float

    @property
    def budget(self) -> float:
        """Seconds after the start by which a verdict is due."""
        return self.start_period + (self.interval + self.timeout) * self.retries


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One network that a service joins, and under which names and addresses."""

    network: str
    aliases: tuple[str, ...] = ()
    ipv4: str | None = None
    ipv6: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One `ports` entry.

    Attributes:
        target: port in the container.
        published: port or range of ports on the host; None lets the engine choose.
        host_ip: address of the host that it is bound to; "" stands for all of them.
        protocol: tcp, udp or sctp.
    """

    target: int
    published: str | None = None
    host_ip: str = ""
    protocol: str = "tcp"

    def __str__(self) -> str:
        host = f"{self.host_ip or '*'}:{self.published or '(any)'}"
        return f"{host}->{self.target}/{self.protocol}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One `volumes` or `tmpfs` entry.

    Attributes:
        kind: volume, bind, tmpfs, npipe, cluster or image.
        source: volume name of the file, or path on the host; None for an anonymous
            volume or a tmpfs.
        target: path in the container.
        options: what the entry says beside that, such as {"tmpfs": {"size": "1000"}}.
    """

    kind: str
    source: str | None
    target: str
    read_only: bool = False
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One network of the file.

    Attributes:
        name: key in the file.
        engine_name: what the engine calls it.
        subnets: declared address ranges, in CIDR notation.
        driver_opts: options of the driver.
    """

    name: str
    engine_name: str
    driver: str
    internal: bool
    external: bool
    subnets: tuple[str, ...]
    driver_opts: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """One named volume of the file; `engine_name` is what the engine calls it."""

    name: str
    engine_name: str
    driver: str
    external: bool
    driver_opts: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service as declared, after merging and interpolation.

    Attributes:
        networks: empty where `network_mode` is set.
        mounts: `volumes` and `tmpfs`, in this order.
        expose: container ports as "80/tcp".
        replicas: how many containers are to run.
        declared: the whole service as Compose printed it, for keys not named here.
    """

    name: str
    depends_on: tuple[Dependency, ...]
    healthcheck: Healthcheck | None
    restart: str
    stop_signal: str
    stop_grace_seconds: float
    image: str = ""
    networks: tuple[Attachment, ...] = ()
    network_mode: str | None = None
    ports: tuple[Port, ...] = ()
    expose: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    replicas: int = 1
    declared: Mapping[str, Any] = field(repr=False, hash=False)

    def declares(self, path: str) -> Any:
        """Return the value at a dotted path such as "deploy.resources.limits", or None.

        None also stands for a key that is there without a value.
        """
        value: Any = self.declared
        for key in path.split("."):
            if not isinstance(value, Mapping):
                return None
            value = value.get(key)
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class StackModel:
    """A whole stack as declared.

    Attributes:
        one_shots: services that are meant to end: another one waits for their success.
        long_running: services that are meant to stay.
    """

    project: str
    services: Mapping[str, Service]
    networks: Mapping[str, Network] = field(default_factory=dict)
    volumes: Mapping[str, Volume] = field(default_factory=dict)
    one_shots: frozenset[str] = field(init=False, repr=False, compare=False)
    long_running: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Tell once who stays: each pair of services asks for it."""
        ending = frozenset(
            edge.service
            for service in self.services.values()
            for edge in service.depends_on
            if edge.condition is Condition.COMPLETED
        )
        object.__setattr__(self, "one_shots", ending)
        object.__setattr__(self, "long_running", frozenset(self.services) - ending)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A container port that the host offers."""

    address: str
    port: int
    target: int
    protocol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One row of `ps`."""

    id: str
    name: str
    service: str
    state: State
    health: Health
    exit_code: int
    ports: tuple[Published, ...]

    def __str__(self) -> str:
        exited = f"exit code {self.exit_code}" if self.state is State.EXITED else ""
        return f"{self.service:<28} {self.state:<10} {self.health or exited}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What is there, beside what was promised: the subject of all conditions."""

    model: StackModel
    containers: tuple[Container, ...]

    @property
    def missing(self) -> frozenset[str]:
        """Declared services without a container."""
        return frozenset(self.model.services) - {c.service for c in self.containers}

    def __str__(self) -> str:
        rows = [str(container) for container in self.containers]
        rows += [f"{service:<28} no container" for service in sorted(self.missing)]
        return "\n".join(rows) or "no containers"
