"""Find host ports and addresses that two services want (pure)."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from ..check import Finding, failed, passed
from ..model import Attachment, Network, Port, StackModel

_EVERY = frozenset({"", "0.0.0.0", "::"})


def port_range(published: str | None) -> range:
    """Return the host ports of an entry; none where the engine chooses."""
    low, _, high = (published or "").partition("-")
    if not low.isdigit():
        return range(0)
    return range(int(low), int(high if high.isdigit() else low) + 1)


def judge_ports(model: StackModel, service: str) -> Finding:
    """Judge whether a service can have its host ports beside all others."""
    mine = model.services[service]
    for number, port in enumerate(mine.ports):
        wanted = port_range(port.published)
        if wanted and len(wanted) < mine.replicas:
            return failed(
                f"{mine.replicas} containers, host port {port.published}",
                "Only one of them can have it: publish a range, leave the host port "
                "out, or have one replica.",
            )
        others = [
            (name, other)
            for name, declared in model.services.items()
            for at, other in enumerate(declared.ports)
            if (name, at) != (service, number)
        ]
        for name, other in others:
            if _clash(port, other):
                return failed(
                    f"{port} and {other} of {name}",
                    "Only one of them can have the host port: change one.",
                )
    return passed("no other service wants these ports")


def judge_address(model: StackModel, service: str, place: Attachment) -> Finding:
    """Judge whether a static address can be had in a network."""
    network = model.networks.get(place.network)
    for text in filter(None, (place.ipv4, place.ipv6)):
        address = ip_address(text)
        if network is None or network.external:
            continue
        ranges = [ip_network(subnet, strict=False) for subnet in _ranges(network)]
        if not any(address in one for one in ranges):
            declared = ", ".join(network.subnets) or "none"
            return failed(
                f"{address} is in no range of {network.name} ({declared})",
                "The engine refuses it: declare a subnet with `ipam` that holds it.",
            )
        if any(address in {one[0], one[-1]} for one in ranges if one.num_addresses > 2):
            return failed(
                f"{address} is the network's own or its broadcast address",
                "Choose another address of the range.",
            )
        holders = [
            name
            for name, other in model.services.items()
            for attached in other.networks
            if attached.network == place.network
            and text in {attached.ipv4, attached.ipv6}
        ]
        if len(holders) > 1 or model.services[service].replicas > 1:
            names = ", ".join(sorted(set(holders)))
            return failed(
                f"{address} is wanted more than once, by {names}",
                "One container can have it: give each an address of its own.",
            )
    return passed("the address is free in a declared range")


def _clash(one: Port, other: Port) -> bool:
    """Tell whether two single host ports are the same; a range leaves a choice."""
    mine, theirs = port_range(one.published), port_range(other.published)
    single = len(mine) == 1 and mine == theirs
    return (
        single
        and one.protocol == other.protocol
        and _same_place(one.host_ip, other.host_ip)
    )


def _same_place(one: str, other: str) -> bool:
    if one == other or "" in {one, other}:
        return True
    if (":" in one) != (":" in other):
        return False
    return bool({one, other} & _EVERY)


def _ranges(network: Network) -> list[str]:
    found = []
    for subnet in network.subnets:
        try:
            ip_network(subnet, strict=False)
        except ValueError:
            continue
        found.append(subnet)
    return found
