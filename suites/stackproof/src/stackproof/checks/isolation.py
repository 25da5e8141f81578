"""Judge that nobody reaches what the networks of the file keep apart (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network

from ..check import Finding, failed, passed, undecided
from ..model import StackModel
from ..names import networks_of
from ..sight import Reached, View

_UNLIKELY_PORT = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where a service can be knocked at, and what its own namespace gets there.

    Attributes:
        answer: how a connection ends for those who get through: "accepted" where
            somebody listens, "refused" where nobody does.
    """

    address: str
    port: int
    answer: str


def door_ports(view: View | None, declared: Iterable[int]) -> tuple[int, ...]:
    """Return a port to knock at: one that listens if there is any, declared ones first.

    Without a listener it is a closed one: the kernel refuses those who get through,
    and the others hear nothing.
    """
    if view is None or view.problem:
        return ()
    open_ports = [
        row.port for row in view.listeners if row.protocol == "tcp" and not row.loopback
    ]
    for port in declared:
        if port in open_ports:
            return (port,)
    if open_ports:
        return (min(open_ports),)
    loopback = {row.port for row in view.listeners}
    return (next(p for p in range(_UNLIKELY_PORT, 65536) if p not in loopback),)


def doors(
    addresses: Iterable[str], port: int, control: Mapping[tuple[str, int], Reached]
) -> tuple[Door, ...]:
    """Return the doors whose answer is known from the service's own namespace."""
    return tuple(
        Door(address=address, port=port, answer=result.outcome)
        for address in addresses
        if (result := control.get((address, port))) is not None
        and result.outcome in {"accepted", "refused"}
    )


def judge_apart(
    one: str,
    other: str,
    knocked: Sequence[Door],
    reached: Mapping[tuple[str, int], Reached],
) -> Finding:
    """Judge whether a service cannot reach another one."""
    if not knocked:
        return undecided(
            f"{other} does not even answer itself, so silence would prove nothing"
        )
    for door in knocked:
        result = reached.get((door.address, door.port))
        if result is None:
            return undecided(f"nobody could knock at {door.address}")
        if result.outcome == door.answer:
            return failed(
                f"{other} answers at {door.address}:{door.port} ({result.outcome})",
                f"{one} reaches {other} though they share no network in the file: see "
                "whether somebody connected one of them by hand, and whether the "
                "engine's firewall rules are in force.",
            )
    outcomes = {reached[door.address, door.port].outcome for door in knocked}
    return passed(
        f"{other} answers itself, and {one} gets {', '.join(sorted(outcomes))}",
        doors_tried=len(knocked),
    )


def isolates(model: StackModel, service: str) -> bool:
    """Tell whether all networks of a service are of a kind that keeps others out."""
    return all(
        found is not None and not found.external and found.driver in {"bridge", ""}
        for name in networks_of(model, service)
        for found in [model.networks.get(name)]
    )


def only_internal(model: StackModel, service: str) -> bool:
    """Tell whether all networks of a service are internal."""
    names = networks_of(model, service)
    return bool(names) and all(
        name in model.networks and model.networks[name].internal for name in names
    )


def outside(addresses: Iterable[str], subnets: Iterable[str]) -> str | None:
    """Return an IPv4 address of the host that is in none of some ranges."""
    ranges = [
        found
        for subnet in subnets
        if isinstance(found := ip_network(subnet, strict=False), IPv4Network)
    ]
    for address in addresses:
        parsed = ip_address(address)
        if isinstance(parsed, IPv4Address) and not any(parsed in one for one in ranges):
            return address
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What is known of the services that are in internal networks only.

    Attributes:
        views: service to its namespace.
        open_networks: service to a network without `internal` that it is in.
        tried: service to how a connection to a listener on the host ended.
        control: how the host's own connection to that listener ended.
        subnets: address ranges of the engine's internal networks.
    """

    views: Mapping[str, View]
    open_networks: Mapping[str, str]
    tried: Mapping[str, Reached]
    control: Reached | None
    subnets: tuple[str, ...] = ()


def judge_no_way_out(name: str, inside: Inside, *, marked: bool) -> Finding:
    """Judge whether an internal network has no way out.

    Older engines route an internal network to the host and forward nothing from there:
    such a route is none, and reaching the host itself is no way out.

    Args:
        name: of the network.
        inside: those who must not get out.
        marked: whether the engine's network says that it is internal.
    """
    if not marked:
        return failed(
            "the engine's network is not internal",
            f"The file says `internal: true` for {name}: the network was made before "
            "that, or by hand. Remove it and run `docker compose up`.",
        )
    for service, network in inside.open_networks.items():
        return failed(
            f"{service} is also in {network}",
            f"{service} shall be in internal networks only, and {network} has a way "
            f"out: `docker network disconnect {network}` it.",
        )
    to_host = False
    for service, view in inside.views.items():
        if view.problem:
            return undecided(f"routes of {service} cannot be seen: {view.problem}")
        for gateway in view.gateways:
            if not any(_inside(gateway, subnet) for subnet in inside.subnets):
                return failed(
                    f"{service} has a default route via {gateway}",
                    f"Services of the internal network {name} must have no way out: "
                    "somebody changed the routes of the container.",
                )
            to_host = True
    reached = [service for service, got in inside.tried.items() if got.accepted]
    if reached and not to_host:
        return failed(
            f"{', '.join(reached)} reached a listener on the host",
            f"The internal network {name} has a way out: see whether the engine's "
            "firewall rules are in force.",
        )
    return _no_way_out(inside, to_host=to_host, reached=bool(reached))


def _no_way_out(inside: Inside, *, to_host: bool, reached: bool) -> Finding:
    who = ", ".join(inside.views)
    if not inside.views:
        return passed("marked as internal; no service is in internal networks only")
    if to_host:
        return passed(
            f"{who} routed to the host's own end of the network only",
            host_reachable=reached,
        )
    if inside.control is None or not inside.control.accepted:
        return undecided(
            "the host could not reach its own listener, so silence proves nothing",
            f"no default route in {who}",
        )
    return passed(
        f"no default route, and no way to the host's listener from {who}",
        host_reachable=False,
    )


def _inside(address: str, subnet: str) -> bool:
    parsed, found = ip_address(address), ip_network(subnet, strict=False)
    return parsed.version == found.version and parsed in found
