"""Find an address range that nobody uses, so that two stacks run side by side."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ModelError, NoFreeSubnet

if TYPE_CHECKING:
    from docker import DockerClient

# Private ranges; Docker takes its own networks from the first one's start, so a random
# place in it rarely collides, and the second is the larger reserve.
POOLS = (IPv4Network("172.16.0.0/12"), IPv4Network("10.0.0.0/8"))
_PREFIX = 24
_TRIES = 4096
_ROUTE_FIELDS = 8


def find_free_subnet(
    engine: DockerClient,
    *,
    routes: Path = Path("/proc/net/route"),
    choice: random.Random | None = None,
) -> IPv4Network:
    """Return a /24 that no network of the engine and no route of the host overlaps.

    Between the look and the use another program may take it: give the range to Compose
    at once, and look again when the engine refuses it.

    Raises:
        NoFreeSubnet: none was found.
        docker.errors.DockerException: the engine could not be asked.
        OSError: the routes could not be read.
    """
    taken = [*engine_networks(engine), *parse_routes(routes.read_text("ascii"))]
    return choose_subnet(taken, choice=choice or random.Random())  # noqa: S311 no secret


def choose_subnet(
    taken: Iterable[IPv4Network],
    *,
    choice: random.Random,
    pools: tuple[IPv4Network, ...] = POOLS,
    prefix: int = _PREFIX,
) -> IPv4Network:
    """Return a random network of the first pool that has a free one (pure).

    Raises:
        NoFreeSubnet: all of a pool's networks, or of a large sample, are taken.
    """
    occupied = tuple(taken)
    for pool in pools:
        count = 2 ** (prefix - pool.prefixlen)
        for index in choice.sample(range(count), min(count, _TRIES)):
            start = int(pool.network_address) + index * 2 ** (32 - prefix)
            candidate = IPv4Network((start, prefix))
            if not any(candidate.overlaps(network) for network in occupied):
                return candidate
    raise NoFreeSubnet([str(pool) for pool in pools], prefix)


def parse_routes(text: str) -> list[IPv4Network]:
    """Return the destinations in /proc/net/route, without the default route (pure).

    Addresses there are hexadecimal in the byte order of the machine.
    """
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < _ROUTE_FIELDS:
            raise ModelError("/proc/net/route", f"unexpected line {line!r}")
        address, mask = _address(fields[1]), _address(fields[7])
        network = IPv4Network(f"{address}/{mask}", strict=False)
        if network.prefixlen:
            found.append(network)
    return found


def engine_networks(engine: DockerClient) -> list[IPv4Network]:
    """Return the IPv4 ranges of all networks that the engine knows."""
    found: list[IPv4Network] = []
    for network in engine.networks.list():
        ranges = ((network.attrs or {}).get("IPAM") or {}).get("Config") or ()
        for entry in ranges:
            if subnet := entry.get("Subnet"):
                parsed: IPv4Network | IPv6Network = ip_network(subnet, strict=False)
                if isinstance(parsed, IPv4Network):
                    found.append(parsed)
    return found


def _address(word: str) -> IPv4Address:
    return IPv4Address(struct.pack("=L", int(word, 16)))
