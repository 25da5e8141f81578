"""Compare the networks, ports and names of a container with the file (pure)."""

from __future__ import annotations

from collections.abc import Mapping

from ..model import Service
from .made import Made, listed
from .spelling import host_entry, in_range, same_host


def compare_networks(service: Service, made: Made) -> list[str]:
    """Compare the networks, with aliases and addresses."""
    has = (made.attrs.get("NetworkSettings") or {}).get("Networks") or {}
    wanted = {made.networks.get(a.network, a.network): a for a in service.networks}
    found = [f"is not in network {name}" for name in wanted if name not in has]
    found += [f"is in network {name} too" for name in has if name not in wanted]
    for name, place in wanted.items():
        entry = has.get(name) or {}
        missing = set(place.aliases) - set(entry.get("Aliases") or ())
        found += [f"has no alias {alias} in {name}" for alias in sorted(missing)]
        config = entry.get("IPAMConfig") or {}
        for address, key in ((place.ipv4, "IPv4Address"), (place.ipv6, "IPv6Address")):
            if address and entry and config.get(key) != address:
                found.append(f"has not the address {address} in {name}")
    return found


def compare_network_mode(service: Service, made: Made) -> list[str]:
    """Compare the mode; ids of containers stand for services."""
    declared = service.network_mode or ""
    has = str(made.host.get("NetworkMode") or "")
    if declared.startswith(("service:", "container:")):
        good = has.startswith("container:")
    else:
        good = has == declared or {has, declared} <= {"default", "bridge"}
    return [] if good else [f"network mode is {has}, declared is {declared}"]


def compare_ports(service: Service, made: Made) -> list[str]:
    """Compare the published ports with their addresses."""
    has = made.host.get("PortBindings") or {}
    found = []
    for port in service.ports:
        rows = has.get(f"{port.target}/{port.protocol}") or ()
        if not any(
            same_host(str(row.get("HostIp") or ""), port.host_ip)
            and in_range(str(row.get("HostPort") or ""), port.published)
            for row in rows
        ):
            found.append(f"port {port} is not published so")
    declared = {f"{port.target}/{port.protocol}" for port in service.ports}
    found += [f"port {p} is published too" for p in has if p not in declared]
    return found


def compare_extra_hosts(service: Service, made: Made) -> list[str]:
    """Compare the added lines of the hosts file."""
    declared = service.declared.get("extra_hosts")
    if isinstance(declared, Mapping):
        rows = [
            f"{name}:{address}"
            for name, value in declared.items()
            for address in (value if isinstance(value, list) else [value])
        ]
    else:
        rows = [str(row) for row in declared or ()]
    wanted = {host_entry(row) for row in rows}
    has = {host_entry(str(row)) for row in made.host.get("ExtraHosts") or ()}
    return [f"{name} is not as declared" for name, _ in sorted(wanted - has)]


def compare_links(service: Service, made: Made) -> list[str]:
    """Compare the names of links."""
    networks = (made.attrs.get("NetworkSettings") or {}).get("Networks") or {}
    has = {
        str(link).partition(":")[2].rpartition("/")[2]
        for network in networks.values()
        for link in network.get("Links") or ()
    }
    rows = (*listed(service, "links"), *listed(service, "external_links"))
    wanted = {row.rpartition(":")[2] for row in rows}
    return [f"has no link {name}" for name in sorted(wanted - has)]


def compare_mac(service: Service, made: Made) -> list[str]:
    """Look for the hardware address in any network."""
    networks = (made.attrs.get("NetworkSettings") or {}).get("Networks") or {}
    has = {str(n.get("MacAddress") or "").lower() for n in networks.values()}
    has.add(str(made.config.get("MacAddress") or "").lower())
    wanted = str(service.declared["mac_address"]).lower()
    return [] if wanted in has else [f"no network has the address {wanted}"]
