"""Turn a stack's configuration into one that can run beside any other (pure).

The copy keeps every promise that can be checked; it changes only what would meet
somebody else: names, host ports, volumes and networks with names of their own, address
ranges that are taken, and folders of the host that containers write to.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import PurePosixPath
from typing import Any

_BRIDGE_NAME = "com.docker.network.bridge.name"
# Where a service may name an address of its networks.
_MENTIONING = (
    "command",
    "dns",
    "entrypoint",
    "environment",
    "extra_hosts",
    "healthcheck",
)
_ADDRESS = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\d|\.\d)")
# Folders of the host that are the machine itself: they cannot be copied.
_MACHINE = (
    "/dev",
    "/proc",
    "/sys",
    "/run",
    "/var/run",
    "/etc",
    "/usr",
    "/lib",
    "/boot",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BindCopy:
    """A writable path of the host that the run has to replace by a copy of its own."""

    service: str
    source: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolated:
    """The configuration to run.

    Attributes:
        document: to be written as JSON, which is YAML as well.
        binds: paths to be copied to `place(copy)` before the start.
        notes: what differs from the files, one phrase each.
    """

    document: dict[str, Any]
    binds: tuple[BindCopy, ...] = ()
    notes: tuple[str, ...] = field(default=())


def isolate(
    document: Mapping[str, Any],
    *,
    project: str,
    original: str,
    taken: Callable[[str], bool],
    free: Callable[[int], str],
    place: Callable[[BindCopy], str],
) -> Isolated:
    """Return a copy of a configuration that meets nobody.

    Args:
        document: what `docker compose config --format json` printed.
        project: name of the copy.
        original: name that the files have, after which built images are named.
        taken: tells whether an address range overlaps one that the host uses.
        free: returns an unused range of a prefix length.
        place: where the run keeps its copy of a path.
    """
    made = copy.deepcopy(dict(document))
    made["name"] = project
    notes: list[str] = []
    binds: list[BindCopy] = []
    services: dict[str, dict[str, Any]] = made.get("services") or {}
    networks: dict[str, Any] = made.get("networks") or {}
    for section in ("networks", "volumes"):
        for name, declared in (made.get(section) or {}).items():
            made[section][name] = _own(section, name, declared, notes)
    moved = {
        name: ranges
        for name, declared in networks.items()
        if (ranges := _move_ranges(name, declared or {}, taken, free, notes))
    }
    for name, service in services.items():
        restore_zeros(service)
        if service.get("build") and not service.get("image"):
            service["image"] = f"{original}-{name}"
        service.pop("profiles", None)  # they have been applied
        if service.pop("container_name", None):
            fixed = document["services"][name]["container_name"]
            _add_alias(service, fixed)
            notes.append(f"{name}: container_name {fixed} is an alias instead")
        for port in service.get("ports") or ():
            if port.pop("published", None):
                target = port.get("target")
                notes.append(f"{name}: port {target} gets a free host port")
        for number, mount in enumerate(service.get("volumes") or ()):
            if mount.get("type") == "bind" and not mount.get("read_only"):
                source = str(mount.get("source") or "")
                if _belongs_to_machine(source):
                    continue
                bind = BindCopy(service=name, source=source, number=number)
                mount["source"] = place(bind)
                binds.append(bind)
                notes.append(f"{name}: {source} is a copy of it")
        for network, ranges in moved.items():
            _move_addresses((service.get("networks") or {}).get(network), ranges)
        for key in _MENTIONING if moved else ():
            if key in service:
                service[key] = _move_mentions(service[key], moved)
    return Isolated(document=made, binds=tuple(binds), notes=tuple(notes))


def restore_zeros(service: dict[str, Any]) -> None:
    """Put back what Compose leaves out when it prints, and misses when it reads."""
    for limit in (service.get("ulimits") or {}).values():
        if isinstance(limit, dict):
            limit.update({part: limit.get(part, 0) for part in ("soft", "hard")})


def _own(section: str, name: str, declared: Any, notes: list[str]) -> dict[str, Any]:
    """Return a network or volume that the project makes itself."""
    made = dict(declared or {})
    made.pop("name", None)
    kind = section.removesuffix("s")
    if made.pop("external", None):
        notes.append(f"{kind} {name}: external, replaced by an empty one")
        return {}
    options = made.get("driver_opts") or {}
    if section == "networks" and _BRIDGE_NAME in options:
        bridge = options[_BRIDGE_NAME]
        made["driver_opts"] = {k: v for k, v in options.items() if k != _BRIDGE_NAME}
        notes.append(f"network {name}: the engine names its bridge, not {bridge}")
    if section == "volumes" and str(options.get("device", "")).startswith("/"):
        notes.append(f"{kind} {name}: device {options['device']} is an empty volume")
        return {}
    return made


def _move_ranges(
    name: str,
    network: dict[str, Any],
    taken: Callable[[str], bool],
    free: Callable[[int], str],
    notes: list[str],
) -> dict[str, str]:
    """Replace the ranges of a network that are in use; return old range to new."""
    moved: dict[str, str] = {}
    for entry in (network.get("ipam") or {}).get("config") or ():
        subnet = str(entry.get("subnet") or "")
        if not subnet or ":" in subnet or not taken(subnet):
            continue
        fresh = free(ip_network(subnet, strict=False).prefixlen)
        moved[subnet] = fresh
        entry["subnet"] = fresh
        for key in ("gateway", "ip_range"):
            if entry.get(key):
                entry[key] = _shift(str(entry[key]), subnet, fresh)
        for key, address in (entry.get("aux_addresses") or {}).items():
            entry["aux_addresses"][key] = _shift(str(address), subnet, fresh)
        notes.append(f"network {name}: {subnet} is in use here, {fresh} instead")
    return moved


def _move_addresses(attachment: Any, moved: Mapping[str, str]) -> None:
    address = (attachment or {}).get("ipv4_address")
    for old, fresh in moved.items():
        if address and ip_address(address) in ip_network(old, strict=False):
            attachment["ipv4_address"] = _shift(str(address), old, fresh)


def _move_mentions(value: Any, moved: Mapping[str, Mapping[str, str]]) -> Any:
    """Return a value of a service with the addresses in it that have moved."""
    if isinstance(value, dict):
        return {name: _move_mentions(below, moved) for name, below in value.items()}
    if isinstance(value, list):
        return [_move_mentions(below, moved) for below in value]
    if not isinstance(value, str):
        return value

    def there(match: re.Match[str]) -> str:
        for ranges in moved.values():
            for old, fresh in ranges.items():
                with suppress(ValueError):  # four numbers, and no address
                    if ip_address(match[0]) in ip_network(old, strict=False):
                        return _shift(match[0], old, fresh)
        return match[0]

    return _ADDRESS.sub(there, value)


def _shift(address: str, old: str, fresh: str) -> str:
    """Return the address, or the range, at the same place in another range."""
    plain, slash, prefix = address.partition("/")
    offset = int(ip_address(plain)) - int(ip_network(old, strict=False)[0])
    moved = ip_address(int(ip_network(fresh, strict=False)[0]) + offset)
    return f"{moved}{slash}{prefix}"


def _add_alias(service: dict[str, Any], name: str) -> None:
    networks = service.get("networks")
    if not networks or service.get("network_mode"):
        return
    if isinstance(networks, list):
        networks = service["networks"] = dict.fromkeys(networks)
    for network, options in networks.items():
        aliases = list((options or {}).get("aliases") or ())
        networks[network] = {**(options or {}), "aliases": [*aliases, name]}


def _belongs_to_machine(source: str) -> bool:
    path = PurePosixPath(source)
    return source in {"", "/"} or any(path.is_relative_to(part) for part in _MACHINE)
