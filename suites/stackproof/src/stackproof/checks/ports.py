"""Judge declared ports, inside the networks and on the host (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from ..check import Finding, failed, passed, undecided
from ..model import Port, Service
from ..sight import Reached, View

_RANGE = 3
"""So many neighbouring ports are a range to take some from, as FTP and RTP do."""
EVERY_ADDRESS = frozenset({"", "0.0.0.0", "::"})
NO_PEER_TO_PEER = "com.docker.network.bridge.enable_icc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A port, or a range of them, that a service declares to listen on.

    Attributes:
        keys: the declared keys that say so.
    """

    first: int
    last: int
    protocol: str
    keys: tuple[str, ...]

    @property
    def is_range(self) -> bool:
        """Whether it is a reserve: not all of it needs to be in use."""
        return self.last - self.first + 1 >= _RANGE

    @property
    def ports(self) -> range:
        """Return all of them."""
        return range(self.first, self.last + 1)

    def __str__(self) -> str:
        numbers = str(self.first)
        if self.last != self.first:
            numbers += f"-{self.last}"
        return f"{numbers}/{self.protocol}"


def offered(service: Service) -> tuple[Offered, ...]:
    """Return what a service declares in `ports` and `expose`, each port once."""
    keys: dict[tuple[str, int], list[str]] = {}
    for index, port in enumerate(service.ports):
        for key in ("target", "protocol"):
            keys.setdefault((port.protocol, port.target), []).append(
                f"ports[{index}].{key}"
            )
    for entry in service.expose:
        numbers, _, protocol = entry.partition("/")
        first, _, last = numbers.partition("-")
        if first.isdigit() and (last or first).isdigit():
            for number in range(int(first), int(last or first) + 1):
                keys.setdefault((protocol or "tcp", number), []).append("expose")
    found: list[Offered] = []
    rows = sorted((row for row in keys if row[1]), key=lambda row: (row[0], row[1]))
    while rows:
        length = 1
        while length < len(rows) and rows[length] == (rows[0][0], rows[0][1] + length):
            length += 1
        length = length if length >= _RANGE else 1
        taken, rows = rows[:length], rows[length:]
        told = dict.fromkeys(key for row in taken for key in keys[row])
        found.append(
            Offered(
                first=taken[0][1],
                last=taken[-1][1],
                protocol=taken[0][0],
                keys=tuple(told),
            )
        )
    return tuple(found)


def judge_listens(
    port: Offered, view: View, reached: Mapping[str, Mapping[str, Reached]]
) -> Finding:
    """Judge whether a service accepts connections on a port.

    Args:
        port: what is declared.
        view: the service's own namespace.
        reached: who tried, to address, to how it ended.
    """
    if view.problem:
        return undecided(f"the service's sockets cannot be seen: {view.problem}")
    listening = {number: view.listening(number, port.protocol) for number in port.ports}
    used = [number for number, found in listening.items() if found]
    if port.is_range:
        of = f"{len(used)} of {len(port.ports)}"
        return passed(f"a range to choose from: {of} in use", ports_in_use=len(used))
    found = listening[port.first]
    if not found:
        others = sorted(
            {
                row.port
                for row in view.listeners
                if row.protocol == port.protocol and not row.loopback
            }
        )
        instead = f"; it listens on {', '.join(map(str, others))}" if others else ""
        return failed(
            f"nothing listens on {port}{instead}",
            f"The file declares port {port}, and no process of the service uses it: "
            "correct the port in the file, or let the server listen there.",
        )
    if all(row.loopback for row in found):
        return failed(
            f"listens on {found[0].address} only",
            "Nobody but the container itself can connect: let the server listen on "
            "0.0.0.0 or on the container's own address.",
        )
    for who, tries in reached.items():
        for address, result in tries.items():
            if not result.accepted:
                return failed(
                    f"{result.outcome} from {who} to {address}:{port.first}",
                    "The server listens, and a peer does not get through: look for a "
                    "firewall in the container or an address that the server leaves "
                    "out.",
                )
    told = f"accepts from {', '.join(reached)}" if reached else f"{port} is in use"
    return passed(told, peers_accepted=len(reached))


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Where the engine says that the host offers a port."""

    address: str
    port: int

    @property
    def target(self) -> str | None:
        """Return the address to connect to; None where IPv6 is only a twin."""
        if self.address == "::":
            return None
        return "127.0.0.1" if self.address in EVERY_ADDRESS else self.address


def bindings(attrs: Mapping[str, Any], port: Port) -> tuple[Binding, ...]:
    """Return the bindings of a `ports` entry in an inspect document."""
    ports = (attrs.get("NetworkSettings") or {}).get("Ports") or {}
    rows = ports.get(f"{port.target}/{port.protocol}") or ()
    return tuple(
        Binding(address=str(row.get("HostIp") or ""), port=int(row["HostPort"]))
        for row in rows
        if str(row.get("HostPort") or "").isdigit()
        and same_address(str(row.get("HostIp") or ""), port.host_ip)
    )


def same_address(one: str, other: str) -> bool:
    """Tell whether two host addresses mean the same; all of them have three names."""
    return one == other or {one, other} <= EVERY_ADDRESS


def in_range(number: int, published: str | None) -> bool:
    """Tell whether a port is the declared one, or one of the declared range."""
    if not published:
        return True
    first, _, last = published.partition("-")
    if not (first.isdigit() and (last or first).isdigit()):
        return True
    return int(first) <= number <= int(last or first)


def elsewhere(addresses: Iterable[str], host_ip: str) -> tuple[str, ...]:
    """Return other addresses of the host, on which a port must not be offered."""
    if host_ip in EVERY_ADDRESS:
        return ()
    return tuple(_others(addresses, host_ip))[:3]


def _others(addresses: Iterable[str], host_ip: str) -> Iterator[str]:
    for address in ("127.0.0.1", *addresses):
        parsed = ip_address(address)
        if parsed.version == 4 and address != host_ip:
            # All of 127.0.0.0/8 is this host's, and each address stands for itself.
            yield address


def judge_published(
    port: Port,
    bound: Sequence[Binding],
    reached: Mapping[tuple[str, int], Reached],
    *,
    forbidden: Sequence[str],
    listens: bool,
) -> Finding:
    """Judge whether the host offers a port where it is declared, and only there.

    Args:
        port: the declared entry.
        bound: what the engine says.
        reached: address and port of the host, to how a connection to it ended.
        forbidden: addresses of the host where it must not be offered.
        listens: whether somebody listens on it in the container.
    """
    if not bound:
        return failed(
            f"{port} is not published",
            "The engine offers no such port on this address: make the container again "
            "with `docker compose up`.",
        )
    for one in bound:
        if not in_range(one.port, port.published):
            return failed(
                f"published as {one.port}",
                f"The file says {port.published}: make the container again.",
            )
        at = f"{one.target}:{one.port}"
        if port.protocol != "tcp" or one.target is None:
            continue
        result = reached.get((one.target, one.port))
        if result is None:
            continue
        if not result.accepted:
            return failed(
                f"{result.outcome} at {at}",
                "The engine publishes the port and the host does not get through: see "
                "whether a firewall is in between.",
            )
        if result.closed and not listens:
            return failed(
                f"{at} ends every connection at once",
                f"The port is published and nothing listens on {port.target} in the "
                "container: correct the target, or let the server listen there.",
            )
        for address in forbidden:
            other = reached.get((address, one.port))
            if other is not None and other.accepted:
                return failed(
                    f"also offered at {address}:{one.port}",
                    f"The file publishes it on {port.host_ip} only: somebody else "
                    "offers the same port, or the engine's rules are not in force.",
                )
    told = ", ".join(sorted({f"{one.address or '*'}:{one.port}" for one in bound}))
    return passed(f"offered at {told}", addresses_refused=len(forbidden))
