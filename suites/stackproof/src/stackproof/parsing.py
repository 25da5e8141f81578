"""Parse what Compose prints about a stack into the model.

Two sources: `docker compose config --format json` (what was promised) and
`docker compose ps --all --format json` (what is there).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from .durations import parse_duration
from .errors import ModelError
from .model import (
    Attachment,
    Condition,
    Container,
    Dependency,
    Health,
    Healthcheck,
    Mount,
    Network,
    Port,
    Published,
    Service,
    StackModel,
    State,
    Volume,
)

Kind = TypeVar("Kind", bound=StrEnum)

# Docker's defaults for what a file leaves out.
DEFAULT_STOP_GRACE_SECONDS = 10.0
_DEFAULT_INTERVAL_SECONDS = 30.0
_DEFAULT_TIMEOUT_SECONDS = 30.0
_DEFAULT_RETRIES = 3


def parse_config(text: str) -> StackModel:
    """Return the stack that `docker compose config --format json` printed.

    Raises:
        ModelError: the text is no such document, or holds an unknown condition.
    """
    document = _object(_json(text, "compose config"), "compose config")
    services = _object(document.get("services") or {}, "services")
    return StackModel(
        project=str(document.get("name", "")),
        services={
            name: _service(name, _object(declared, f"service {name}"))
            for name, declared in services.items()
        },
        networks={
            name: _network(name, _object(declared or {}, f"network {name}"))
            for name, declared in _object(
                document.get("networks") or {}, "networks"
            ).items()
        },
        volumes={
            name: _volume(name, _object(declared or {}, f"volume {name}"))
            for name, declared in _object(
                document.get("volumes") or {}, "volumes"
            ).items()
        },
    )


def parse_containers(text: str) -> tuple[Container, ...]:
    """Return the rows of `docker compose ps --format json`.

    Compose before 2.21 prints one array, later releases one object a line.

    Raises:
        ModelError: the text has neither form, or a row has an unknown state.
    """
    stripped = text.strip()
    if not stripped or stripped == "null":
        return ()
    if stripped.startswith("["):
        rows = _json(stripped, "compose ps")
    else:
        rows = [_json(line, "compose ps") for line in stripped.splitlines()]
    return tuple(_container(_object(row, "row of compose ps")) for row in rows)


def _service(name: str, declared: Mapping[str, Any]) -> Service:
    grace = declared.get("stop_grace_period")
    return Service(
        name=name,
        depends_on=_dependencies(name, declared.get("depends_on") or {}),
        healthcheck=_healthcheck(declared.get("healthcheck")),
        restart=str(declared.get("restart") or "no"),
        stop_signal=str(declared.get("stop_signal") or "SIGTERM"),
        stop_grace_seconds=(
            parse_duration(str(grace)) if grace else DEFAULT_STOP_GRACE_SECONDS
        ),
        image=str(declared.get("image") or ""),
        networks=_attachments(name, declared.get("networks") or {}),
        network_mode=declared.get("network_mode"),
        ports=tuple(_port(name, entry) for entry in declared.get("ports") or ()),
        expose=tuple(
            text if "/" in (text := str(entry)) else f"{text}/tcp"
            for entry in declared.get("expose") or ()
        ),
        mounts=(
            *(_mount(name, entry) for entry in declared.get("volumes") or ()),
            *_tmpfs(declared.get("tmpfs") or ()),
        ),
        replicas=_replicas(declared),
        declared=declared,
    )


def _attachments(name: str, declared: object) -> tuple[Attachment, ...]:
    if isinstance(declared, list):
        return tuple(Attachment(network=str(network)) for network in declared)
    networks = _object(declared, f"networks of {name}")
    return tuple(
        Attachment(
            network=network,
            aliases=tuple(map(str, (options or {}).get("aliases") or ())),
            ipv4=(options or {}).get("ipv4_address"),
            ipv6=(options or {}).get("ipv6_address"),
        )
        for network, options in networks.items()
    )


def _port(name: str, declared: object) -> Port:
    entry = _object(declared, f"ports of {name}")
    published = entry.get("published")
    return Port(
        target=int(entry.get("target") or 0),
        published=None if published in {None, "", 0, "0"} else str(published),
        host_ip=str(entry.get("host_ip") or ""),
        protocol=str(entry.get("protocol") or "tcp"),
    )


def _mount(name: str, declared: object) -> Mount:
    entry = _object(declared, f"volumes of {name}")
    plain = {"type", "source", "target", "read_only"}
    return Mount(
        kind=str(entry.get("type") or "volume"),
        source=entry.get("source") or None,
        target=str(entry.get("target") or ""),
        read_only=bool(entry.get("read_only")),
        options={key: value for key, value in entry.items() if key not in plain},
    )


def _tmpfs(declared: object) -> tuple[Mount, ...]:
    entries = [declared] if isinstance(declared, str) else declared
    if not isinstance(entries, list | tuple):
        return ()
    pairs = (str(entry).partition(":") for entry in entries)
    return tuple(
        Mount(kind="tmpfs", source=None, target=target, options={"mount": options})
        for target, _, options in pairs
    )


def _replicas(declared: Mapping[str, Any]) -> int:
    deploy = declared.get("deploy") or {}
    if deploy.get("mode") == "global":
        return 1
    count = deploy.get("replicas", declared.get("scale"))
    return 1 if count is None else int(count)


def _network(name: str, declared: Mapping[str, Any]) -> Network:
    ranges = (declared.get("ipam") or {}).get("config") or ()
    return Network(
        name=name,
        engine_name=str(declared.get("name") or name),
        driver=str(declared.get("driver") or "bridge"),
        internal=bool(declared.get("internal")),
        external=bool(declared.get("external")),
        subnets=tuple(
            str(entry["subnet"]) for entry in ranges if entry and entry.get("subnet")
        ),
        driver_opts={
            key: str(value)
            for key, value in (declared.get("driver_opts") or {}).items()
        },
    )


def _volume(name: str, declared: Mapping[str, Any]) -> Volume:
    return Volume(
        name=name,
        engine_name=str(declared.get("name") or name),
        driver=str(declared.get("driver") or "local"),
        external=bool(declared.get("external")),
        driver_opts={
            key: str(value)
            for key, value in (declared.get("driver_opts") or {}).items()
        },
    )


def _dependencies(name: str, declared: object) -> tuple[Dependency, ...]:
    subject = f"depends_on of {name}"
    if isinstance(declared, list):
        edges: Mapping[str, Any] = {str(service): {} for service in declared}
    else:
        edges = _object(declared, subject)
    return tuple(
        Dependency(
            service=service,
            condition=_member(
                Condition, edge.get("condition", Condition.STARTED), subject
            ),
            required=bool(edge.get("required", True)),
            restart=bool(edge.get("restart", False)),
        )
        for service, edge in edges.items()
    )


def _healthcheck(declared: Mapping[str, Any] | None) -> Healthcheck | None:
    if not declared or declared.get("disable"):
        return None
    test = declared.get("test") or ()
    words = ("CMD-SHELL", test) if isinstance(test, str) else tuple(map(str, test))
    if words == ("NONE",):
        return None

    def seconds(key: str, default: float) -> float:
        value = declared.get(key)
        return default if value is None else parse_duration(str(value))

    return Healthcheck(
        test=words,
        interval=seconds("interval", _DEFAULT_INTERVAL_SECONDS),
        timeout=seconds("timeout", _DEFAULT_TIMEOUT_SECONDS),
        retries=int(declared.get("retries") or _DEFAULT_RETRIES),
        start_period=seconds("start_period", 0.0),
    )


def _container(row: Mapping[str, Any]) -> Container:
    name = str(row.get("Name", ""))
    subject = f"container {name}"
    return Container(
        id=str(row.get("ID", "")),
        name=name,
        service=str(row.get("Service", "")),
        state=_member(State, row.get("State"), subject),
        health=_member(Health, row.get("Health") or "", subject),
        exit_code=int(row.get("ExitCode") or 0),
        ports=tuple(
            Published(
                address=str(port.get("URL", "")),
                port=int(port["PublishedPort"]),
                target=int(port["TargetPort"]),
                protocol=str(port.get("Protocol", "tcp")),
            )
            for port in row.get("Publishers") or ()
            if port.get("PublishedPort")
        ),
    )


def _json(text: str, subject: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as err:
        raise ModelError(subject, f"no JSON: {err}") from err


def _object(value: object, subject: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ModelError(subject, f"expected an object, got {type(value).__name__}")
    return value


def _member(kind: type[Kind], value: object, subject: str) -> Kind:
    try:
        return kind(str(value))
    except ValueError as err:
        raise ModelError(subject, f"unknown {kind.__name__}: {value!r}") from err
