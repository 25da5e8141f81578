"""DISCOVERY: services find and reach whom they shall, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..check import Check, Claim, Kind, Phase, Subject
from ..contract.source import Contract
from ..names import pairs, stays, strangers
from . import discovery_judges as judges
from . import network_judges
from .own_names import KEYS
from .ports import offered
from .reaching import references_of, written_services

_NETWORK_KEYS = (
    *("name", "driver", "driver_opts", "ipam", "attachable", "enable_ipv4"),
    *("enable_ipv6", "labels"),
)
_PLACE_KEYS = (
    *("aliases", "ipv4_address", "ipv6_address", "link_local_ips"),
    *("mac_address", "driver_opts"),
)


def _finds(contract: Contract) -> Iterator[Claim]:
    for pair in pairs(contract.model):
        viewer = contract.model.services[pair.viewer]
        yield Claim(
            subject=Subject(service=pair.viewer, peer=pair.peer),
            label=f"{pair.viewer} finds {pair.peer}",
            promised=f"resolves {', '.join(pair.names)}",
            keys=("links",) if viewer.declares("links") else (),
            detail=pair,
        )


def _attached(contract: Contract) -> Iterator[Claim]:
    for service in contract.model.services.values():
        if service.network_mode is not None:
            yield Claim(
                subject=Subject(service=service.name, key="network_mode"),
                label=f"{service.name}: {service.network_mode}",
                promised=f"network mode {service.network_mode}",
            )
            continue
        names = [one.network for one in service.networks]
        keys = []
        for name in names:
            options = (service.declares("networks") or {}) if names else {}
            given = options.get(name) if isinstance(options, Mapping) else None
            keys += (
                [f"networks.{name}.{key}" for key in _PLACE_KEYS if given.get(key)]
                if given
                else [f"networks.{name}"]
            )
        if names:
            yield Claim(
                subject=Subject(service=service.name),
                label=f"{service.name} in {', '.join(names)}",
                promised=f"is in {', '.join(names)} and in no other network",
                keys=tuple(keys),
            )


def _called(contract: Contract) -> Iterator[Claim]:
    for service in contract.model.services.values():
        keys = tuple(key for key in KEYS if service.declares(key))
        if keys:
            yield Claim(
                subject=Subject(service=service.name),
                label=f"{service.name}: {', '.join(keys)}",
                promised=f"{', '.join(keys)} as declared",
                keys=keys,
            )


def _ports(contract: Contract) -> Iterator[Claim]:
    for service in contract.model.services.values():
        if not stays(contract.model, service.name):
            continue
        for port in offered(service):
            yield Claim(
                subject=Subject(service=service.name, key=port.keys[0]),
                label=f"{service.name} accepts on {port}",
                promised=f"listens on {port} for its peers",
                keys=port.keys,
                detail=port,
            )


def _published(contract: Contract) -> Iterator[Claim]:
    for service in contract.model.services.values():
        labels: set[str] = set()
        if service.network_mode == "host" or not service.replicas:
            continue
        for index, port in enumerate(service.ports):
            label = f"{service.name} {port}"
            label = label if label not in labels else f"{label} ({index})"
            labels.add(label)
            yield Claim(
                subject=Subject(service=service.name, key=f"ports[{index}]"),
                label=label,
                promised=f"offered on the host as {port}",
                detail=index,
            )


def _named(contract: Contract) -> Iterator[Claim]:
    written = written_services(contract.written.values())
    absent = written - set(contract.model.services)
    for service in contract.model.services.values():
        if not stays(contract.model, service.name):
            continue
        labels: set[str] = set()
        for one in references_of(service, contract.model, absent):
            label = f"{service.name}: {one.variable} names {one}"
            if label in labels:
                continue
            labels.add(label)
            yield Claim(
                subject=Subject(service=service.name, key="environment"),
                label=label,
                promised=f"{one} can be found and reached",
                detail=one,
            )


def _strangers(contract: Contract) -> Iterator[Claim]:
    for one, other in strangers(contract.model):
        yield Claim(
            subject=Subject(service=one, peer=other),
            label=f"{one} cannot reach {other}",
            promised=f"shares no network with {other}, so cannot reach it",
        )


def _networks(contract: Contract) -> Iterator[Claim]:
    for name, declared in (contract.document.get("networks") or {}).items():
        given = declared if isinstance(declared, Mapping) else {}
        keys = [f"networks.{name}.{key}" for key in _NETWORK_KEYS if key in given]
        yield Claim(
            subject=Subject(key=keys[0] if keys else f"networks.{name}"),
            label=f"network {name}",
            promised="the engine's network is as declared",
            keys=tuple(keys),
            detail=name,
        )


def _internal(contract: Contract) -> Iterator[Claim]:
    for name, network in contract.model.networks.items():
        if network.internal:
            yield Claim(
                subject=Subject(key=f"networks.{name}.internal"),
                label=f"network {name}",
                promised="services in it have no way out",
                detail=name,
            )


CHECKS: tuple[Check, ...] = (
    Check(
        id="DISCOVERY-01",
        title="A service finds its peers by every declared name",
        kind=Kind.PROMISE,
        phase=Phase.LOOK,
        live=True,
        proves="Service name, aliases, container name and links of each peer on a "
        "shared network resolve inside the service, to containers of that peer only.",
        how="A DNS query to the engine's name server from the service's own network "
        "namespace; the answers are compared with the addresses that inspect shows.",
        why="A missing alias or a container that was connected by hand without one "
        "shows up as a connection error at the first request.",
        fix="Make the containers again with `docker compose up`, or declare the name "
        "under `networks.NAME.aliases`.",
        claims=_finds,
        judge=judges.judge_finds,
    ),
    Check(
        id="DISCOVERY-02",
        title="A container is in its declared networks, and in no others",
        kind=Kind.PROMISE,
        phase=Phase.LOOK,
        live=True,
        proves="Networks, aliases, static addresses and network mode of the containers "
        "are those of the file.",
        how="The engine's inspect of each container is compared with the file.",
        why="A network that somebody connected by hand is lost with the next "
        "`docker compose up`, or opens a way that the file closes.",
        fix="Declare the network for the service, or disconnect it; then `docker "
        "compose up`.",
        claims=_attached,
        judge=judges.judge_attachment,
    ),
    Check(
        id="DISCOVERY-03",
        title="Declared ports accept connections from peers",
        kind=Kind.PROMISE,
        phase=Phase.LOOK,
        live=True,
        proves="Each port in `ports` and `expose` accepts a TCP connection from every "
        "peer that shares a network; for UDP, a socket is bound to it. Of a range of "
        "three or more ports none needs to be in use.",
        how="Connections from the peers' network namespaces, and the table of sockets "
        "in the service's own; a server gets some seconds to be ready.",
        why="A server bound to 127.0.0.1 passes its own health check and is "
        "unreachable for everybody else.",
        fix="Let the server listen on 0.0.0.0, or correct the port in the file.",
        claims=_ports,
        judge=judges.judge_port,
    ),
    Check(
        id="DISCOVERY-04",
        title="Published ports are offered on the declared host address only",
        kind=Kind.PROMISE,
        phase=Phase.LOOK,
        live=True,
        proves="The host accepts connections at the declared address and port, passes "
        "them on to somebody who listens, and refuses them on its other addresses "
        "where one is declared.",
        how="Connections from the host to its own addresses, and the engine's inspect. "
        "A copy that belongs to the run gets free ports; their numbers are not judged.",
        why="The engine accepts connections for a container that does not listen; and "
        "a port meant for 127.0.0.1 that is open to the network is an incident.",
        fix="Correct `target` or `host_ip` of the port.",
        claims=_published,
        judge=judges.judge_host_port,
    ),
    Check(
        id="DISCOVERY-05",
        title="Servers that the environment names exist",
        kind=Kind.PROMISE,
        phase=Phase.LOOK,
        live=True,
        proves="The host of a URL in the environment, and a service named by a "
        "variable such as DB_HOST, resolves inside the service; if it is a service "
        "of the file that does not declare the port, the port accepts connections.",
        how="Hosts file and name servers of the container are asked from its network "
        "namespace. Only names without a dot are judged, and no address outside of "
        "the stack is connected to.",
        why="A typing error in a host name is found by the first request, often long "
        "after the start.",
        fix="Correct the variable, or put both services into one network.",
        claims=_named,
        judge=judges.judge_named,
    ),
    Check(
        id="DISCOVERY-06",
        title="Services that share no network cannot reach each other",
        kind=Kind.PROMISE,
        phase=Phase.LOOK,
        live=True,
        proves="A connection from one service to every address of the other gets no "
        "answer, while the other one answers itself at the same moment.",
        how="Connections from the first service's network namespace to a port that "
        "listens, or to a closed one whose refusal would come back, for one second.",
        why="Networks are the file's firewall: one container connected by hand, or "
        "an engine without its firewall rules, opens all of it.",
        fix="Disconnect what was connected by hand; see whether the engine runs with "
        "`iptables` on.",
        claims=_strangers,
        judge=network_judges.judge_stranger,
    ),
    Check(
        id="DISCOVERY-07",
        title="An internal network has no way out",
        kind=Kind.PROMISE,
        phase=Phase.LOOK,
        live=True,
        proves="The engine's network is internal, services in internal networks only "
        "are in no other, and have no default route but to the host's own end of "
        "such a network; without one they cannot connect to the host.",
        how="The engine's inspect, the routes in their network namespaces, and a "
        "connection to a listener that this run opens on an address of the host "
        "outside of the network. Older engines route to the host and forward nothing; "
        "no address beyond the host is tried.",
        why="`internal: true` added to a network that exists has no effect until the "
        "network is made again.",
        fix="`docker compose down`, then `docker compose up`.",
        claims=_internal,
        judge=network_judges.judge_internal,
    ),
    Check(
        id="DISCOVERY-08",
        title="Networks are made as declared",
        kind=Kind.PROMISE,
        phase=Phase.LOOK,
        live=True,
        proves="Driver, options, address ranges, gateways and labels of each network "
        "are those of the file.",
        how="The engine's inspect of the network is compared with the file; ranges "
        "that had to move in a copy are compared with those of the copy.",
        why="Compose leaves a network that exists as it is, however the file changes.",
        fix="`docker compose down`, then `docker compose up`.",
        claims=_networks,
        judge=network_judges.judge_network_made,
    ),
    Check(
        id="DISCOVERY-09",
        title="Own names, name servers and extra hosts are as declared",
        kind=Kind.PROMISE,
        phase=Phase.LOOK,
        live=True,
        proves="Host name, DNS settings and extra hosts of each container are those of "
        "the file.",
        how="The engine's inspect of the container and its hosts file are read.",
        why="Programs find themselves and special servers by these.",
        fix="`docker compose up --force-recreate`.",
        claims=_called,
        judge=judges.judge_called,
    ),
    Check(
        id="DISCOVERY-10",
        title="A peer is found at its new address after it was made again",
        kind=Kind.PROMISE,
        phase=Phase.RECREATE,
        live=False,
        proves="After all containers were made again, with other addresses where the "
        "networks allow it, every name resolves to the new address and the old one "
        "is not given any more.",
        how="`docker compose create --force-recreate` while a placeholder takes the "
        "first free address, `docker compose up`, then the queries of DISCOVERY-01.",
        why="An update recreates containers; a name that leads to the old address is "
        "an outage.",
        fix="Restart the engine if its name server is not up to date.",
        claims=_finds,
        judge=judges.judge_finds_again,
    ),
)
