"""A free address range overlaps nothing that is in use."""

from __future__ import annotations

import random
import sys
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from stackproof.errors import ModelError, NoFreeSubnet
from stackproof.subnet import (
    choose_subnet,
    engine_networks,
    find_free_subnet,
    parse_routes,
)

HEADER = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWin\tIRTT"


def word(address: str) -> str:
    """Return an address as the kernel prints it on this machine."""
    octets = bytes(map(int, address.split(".")))
    return f"{int.from_bytes(octets, sys.byteorder):08X}"


def route(destination: str, mask: str) -> str:
    """Return one line of the routing table."""
    fields = [
        "eth0",
        word(destination),
        word("0.0.0.0"),
        "1",
        "0",
        "0",
        "0",
        word(mask),
    ]
    return "\t".join([*fields, "0", "0", "0"])


class FakeEngine:
    """An engine with networks of set address ranges."""

    def __init__(self, *configs: Any) -> None:
        self.networks = self
        self.configs = configs

    def list(self) -> list[Any]:
        """Return the networks."""

        class Network:
            def __init__(self, config: Any) -> None:
                self.attrs = {"IPAM": {"Config": config}}

        return [Network(config) for config in self.configs]


def test_free_network_avoids_what_is_taken() -> None:
    """With one network left in the pool, that one is chosen."""
    pool = IPv4Network("10.0.0.0/22")
    taken = [IPv4Network("10.0.0.0/23"), IPv4Network("10.0.3.128/25")]

    free = choose_subnet(taken, choice=random.Random(1), pools=(pool,))

    assert free == IPv4Network("10.0.2.0/24")


def test_second_pool_is_the_reserve() -> None:
    """A full pool is left for the next one."""
    pools = (IPv4Network("172.16.0.0/23"), IPv4Network("10.0.0.0/24"))

    free = choose_subnet([pools[0]], choice=random.Random(1), pools=pools)

    assert free == pools[1]


def test_no_free_network_is_an_error() -> None:
    """A wide route that covers every pool leaves nothing."""
    with pytest.raises(NoFreeSubnet, match="no free /24"):
        choose_subnet([IPv4Network("0.0.0.0/0")], choice=random.Random(1))


@pytest.mark.parametrize("seed", range(20))
def test_choice_is_inside_the_private_ranges(seed: int) -> None:
    """Whatever the chance, the range is private and has 24 bits."""
    free = choose_subnet([], choice=random.Random(seed))

    assert free.is_private
    assert free.prefixlen == 24


def test_runs_choose_differently() -> None:
    """Two runs at the same time hardly ever meet."""
    chosen = {choose_subnet([], choice=random.Random(seed)) for seed in range(20)}

    assert len(chosen) > 15


def test_routes_are_read_without_the_default_route() -> None:
    """The default route covers everything and says nothing about use."""
    table = "\n".join(
        [
            HEADER,
            route("0.0.0.0", "0.0.0.0"),
            route("172.17.0.0", "255.255.0.0"),
            route("192.168.7.0", "255.255.255.0"),
        ]
    )

    assert parse_routes(table) == [
        IPv4Network("172.17.0.0/16"),
        IPv4Network("192.168.7.0/24"),
    ]


def test_unknown_table_is_an_error() -> None:
    """A table that cannot be read must not count as free of routes."""
    with pytest.raises(ModelError, match="unexpected line"):
        parse_routes(f"{HEADER}\neth0 nonsense")


def test_engine_networks_are_read() -> None:
    """IPv4 ranges count; IPv6 and networks without a range do not."""
    engine = FakeEngine(
        [{"Subnet": "172.20.0.0/16"}, {"Subnet": "fd00::/64"}], None, [{}]
    )

    assert engine_networks(engine) == [  # type: ignore[arg-type]
        IPv4Network("172.20.0.0/16")
    ]


def test_search_joins_engine_and_routes(tmp_path: Path) -> None:
    """A range is free only if neither knows it."""
    routes = tmp_path / "route"
    routes.write_text(f"{HEADER}\n{route('172.16.0.0', '255.240.0.0')}\n")
    engine = FakeEngine([{"Subnet": "10.0.0.0/9"}])

    free = find_free_subnet(
        engine,  # type: ignore[arg-type]
        routes=routes,
        choice=random.Random(1),
    )

    assert free.subnet_of(IPv4Network("10.128.0.0/9"))
