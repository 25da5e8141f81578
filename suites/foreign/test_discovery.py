"""DISCOVERY turns red for a planted defect, and for nothing else."""

from __future__ import annotations

import copy
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from docker import DockerClient
from docker.types import IPAMConfig, IPAMPool

from stackproof.sight import HOST, sight
from stackproof.verify import copying
from stackproof.verify.stack import Stack
from stackproof.verify.trial import Outcome
from stackproof.verify.vantage import LABEL

pytestmark = pytest.mark.timeout(180)

Verify = Callable[..., Outcome]
Attrs = dict[str, Any]
LOOKED = tuple(f"DISCOVERY-0{number}" for number in range(1, 10))


@pytest.fixture
def held() -> Iterator[ExitStack]:
    """Close at the end of a test what it opened."""
    with ExitStack() as stack:
        yield stack


def _network(stack: Stack, name: str) -> Any:
    return stack.engine.networks.get(stack.model.networks[name].engine_name)


def remake(stack: Stack, name: str, change: Callable[[Attrs], object]) -> None:
    """Put another network in the place of one, as somebody makes it by hand.

    Args:
        stack: whose network it is.
        name: key in the file.
        change: what is to differ, in the engine's words.
    """
    network = _network(stack, name)
    network.reload()
    rows = [row for row in stack.containers() if network.name in row.networks]
    for row in rows:
        network.disconnect(row.id, force=True)
    network.remove()
    attrs = copy.deepcopy(network.attrs)
    change(attrs)
    ipam = IPAMConfig()
    ipam["Config"] = attrs["IPAM"]["Config"]
    made = stack.engine.networks.create(
        network.name,
        driver=attrs["Driver"],
        options=attrs["Options"],
        labels=attrs["Labels"],
        internal=attrs["Internal"],
        attachable=attrs["Attachable"],
        enable_ipv6=attrs["EnableIPv6"],
        ipam=ipam,
    )
    for row in rows:
        place = row.networks[network.name]
        fixed = (place.get("IPAMConfig") or {}).get("IPv4Address")
        made.connect(row.id, aliases=place["Aliases"], ipv4_address=fixed)


@pytest.mark.parametrize("stack", ["shop", "packaged"])
def test_sound_stack(foreign: Verify, stack: str) -> None:
    """Names, ports, networks and isolation of sound stacks pass, all decided."""
    outcome = foreign(stack, select=("DISCOVERY",))

    assert outcome.red == frozenset(), str(outcome)
    assert outcome.of("DISCOVERY-10")


@pytest.mark.gate
def test_server_on_loopback_only(foreign: Verify) -> None:
    """A server that only its own health check can reach."""

    def defect(document: dict[str, Any]) -> None:
        document["services"]["web"]["command"] += ["--bind", "127.0.0.1"]

    outcome = foreign("shop", defect, select=LOOKED)

    assert outcome.failed == {("DISCOVERY-03", "web")}, str(outcome)
    assert "127.0.0.1 only" in str(outcome)


def test_published_port_without_listener(foreign: Verify) -> None:
    """The engine accepts connections for a port on which nobody listens."""

    def defect(document: dict[str, Any]) -> None:
        document["services"]["web"]["ports"].append("127.0.0.1:18081:9999")

    outcome = foreign("shop", defect, select=LOOKED)

    assert outcome.failed == {("DISCOVERY-03", "web"), ("DISCOVERY-04", "web")}
    assert "accepts on 9999/tcp" in str(outcome)


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("http://stroe:7000/", "stroe does not resolve"),
        ("http://store:7001/", "refused at store:7001"),
        ("http://web:8080/", None),
    ],
)
def test_wrong_url(foreign: Verify, url: str, seen: str | None) -> None:
    """A URL with a typing error in its host or port; the last one is sound."""

    def defect(document: dict[str, Any]) -> None:
        document["services"]["api"]["environment"]["STORE_URL"] = url

    outcome = foreign("shop", defect, select=LOOKED)

    wanted = {("DISCOVERY-05", "api")} if seen else set()
    assert outcome.failed == wanted, str(outcome)
    assert seen is None or seen in str(outcome)


def test_service_named_across_networks(foreign: Verify) -> None:
    """A service that is named by one that shares no network with it."""

    def defect(document: dict[str, Any]) -> None:
        document["services"]["web"]["environment"]["DB_HOST"] = "store"

    outcome = foreign("shop", defect, select=LOOKED)

    assert outcome.failed == {("DISCOVERY-05", "web")}, str(outcome)
    assert "shares no network with store" in str(outcome)


def test_alias_is_missing(foreign: Verify) -> None:
    """A container that was connected by hand, without its alias."""

    def connect_again(stack: Stack) -> None:
        network, store = _network(stack, "backend"), stack.running("store")
        network.disconnect(store.id)
        network.connect(store.id, aliases=["store"])

    outcome = foreign("shop", select=LOOKED, after_start=connect_again)

    assert outcome.failed == {
        ("DISCOVERY-01", "api"),
        ("DISCOVERY-01", "worker"),
        ("DISCOVERY-02", "store"),
    }, str(outcome)


def test_connected_by_hand(foreign: Verify) -> None:
    """A container in a network that the file keeps it out of."""

    def connect(stack: Stack) -> None:
        _network(stack, "backend").connect(stack.running("web").id)

    outcome = foreign("shop", select=LOOKED, after_start=connect)

    assert outcome.failed == {
        ("DISCOVERY-02", "web"),
        ("DISCOVERY-06", "store"),
        ("DISCOVERY-06", "web"),
        ("DISCOVERY-06", "worker"),
    }, str(outcome)


def test_internal_network_replaced(foreign: Verify) -> None:
    """A network of the same name that was made by hand, with a way out."""

    def opened(attrs: Attrs) -> None:
        attrs["Internal"] = False

    def replace(stack: Stack) -> None:
        remake(stack, "backend", opened)

    outcome = foreign("shop", select=LOOKED, after_start=replace)

    assert outcome.failed == {("DISCOVERY-07", ""), ("DISCOVERY-08", "")}, str(outcome)


IPV6_RANGE = f"fd5a:{secrets.token_hex(2)}:{secrets.token_hex(2)}::/64"
"""Runs do not move ranges of IPv6, so that two at a time must not have the same."""


def ranged(number: int, **more: object) -> dict[str, Any]:
    """Declare an address range, and more of it."""
    return {"ipam": {"config": [{"subnet": f"172.30.{number}.0/24", **more}]}}


def half(attrs: Attrs) -> None:
    """Take half of the range."""
    (row,) = attrs["IPAM"]["Config"]
    row["Subnet"] = row["Subnet"].replace("/24", "/25")


def other_gateway(attrs: Attrs) -> None:
    """Give the gateway another address."""
    (row,) = attrs["IPAM"]["Config"]
    row["Gateway"] = row["Gateway"].removesuffix(".5") + ".6"


def only_ipv4(attrs: Attrs) -> None:
    """Leave IPv6 out."""
    attrs["EnableIPv6"] = False
    rows = attrs["IPAM"]["Config"]
    attrs["IPAM"]["Config"] = [row for row in rows if ":" not in row["Subnet"]]


# Name of the network to what the file declares, what is made instead, and what is said.
REMADE: dict[str, tuple[dict[str, Any], Callable[[Attrs], object], str]] = {
    "attachable": (
        {"attachable": True},
        lambda attrs: attrs.update(Attachable=False),
        "attachable is false",
    ),
    "ipv6": (
        {
            "enable_ipv6": True,
            "ipam": {"config": [{"subnet": IPV6_RANGE}]},
        },
        only_ipv4,
        "enable_ipv6 is false",
    ),
    "mtu": (
        {"driver_opts": {"com.docker.network.driver.mtu": "1400"}},
        lambda attrs: attrs.update(Options={}),
        "driver option com.docker.network.driver.mtu is not set instead of 1400",
    ),
    "labelled": (
        {"labels": {"purpose": "pages"}},
        lambda attrs: attrs["Labels"].update(purpose="posts"),
        "label purpose is posts instead of pages",
    ),
    "range": (ranged(91), half, "/25 instead of"),
    "gateway": (ranged(92, gateway="172.30.92.5"), other_gateway, ".6 instead of"),
    "part": (
        ranged(93, ip_range="172.30.93.128/25"),
        lambda attrs: attrs["IPAM"]["Config"][0].pop("IPRange"),
        "is not set instead of",
    ),
    "reserved": (
        ranged(94, aux_addresses={"printer": "172.30.94.9"}),
        lambda attrs: attrs["IPAM"]["Config"][0].pop("AuxiliaryAddresses"),
        "reserved address printer is not set",
    ),
}


def test_networks_made_by_hand(foreign: Verify) -> None:
    """Each differs in one option; each is told, and no other network."""

    def declare(document: dict[str, Any]) -> None:
        desk = document["services"]["desk"]
        del desk["ports"]  # nothing listens there
        desk["networks"] |= {name: {} for name in REMADE}
        document["networks"] |= {name: row[0] for name, row in REMADE.items()}

    def replace(stack: Stack) -> None:
        for name, (_, change, _) in REMADE.items():
            remake(stack, name, change)

    sound = foreign("office", declare, select=LOOKED)
    assert sound.red == frozenset(), str(sound)

    outcome = foreign("office", declare, select=LOOKED, after_start=replace)

    said = {
        str(result.case): result.finding.observed
        for result in outcome.results
        if str(result.case) in outcome.red
    }
    assert said.keys() == {f"DISCOVERY-08[network {name}]" for name in REMADE}
    for name, (_, _, expected) in REMADE.items():
        assert expected in said[f"DISCOVERY-08[network {name}]"]


def test_internal_only_service_gets_out(foreign: Verify) -> None:
    """A service of an internal network that was connected to another one."""

    def connect(stack: Stack) -> None:
        _network(stack, "frontend").connect(stack.running("worker").id)

    outcome = foreign("shop", select=("DISCOVERY-07",), after_start=connect)

    assert outcome.failed == {("DISCOVERY-07", "")}, str(outcome)


def test_port_on_another_address(foreign: Verify, held: ExitStack) -> None:
    """Somebody offers the port on an address of the host that the file leaves out."""

    def offer(stack: Stack) -> None:
        ports = stack.running("web").attrs["NetworkSettings"]["Ports"]
        number = int(ports["8080/tcp"][0]["HostPort"])
        for address in sight(stack).views[HOST].addresses:
            if ":" not in address:
                held.enter_context(socket.create_server((address, number)))

    outcome = foreign("shop", select=LOOKED, after_start=offer)

    assert outcome.failed == {("DISCOVERY-04", "web")}, str(outcome)


def test_name_is_taken(foreign: Verify) -> None:
    """A container of nobody answers to a service's name, now and afterwards."""

    def take(stack: Stack) -> None:
        made = stack.engine.containers.create(
            stack.running("store").attrs["Image"],
            command=["600"],
            entrypoint=["sleep"],
            labels={LABEL: stack.compose.project},
            network="none",
        )
        stack.engine.networks.get("none").disconnect(made)
        _network(stack, "backend").connect(made, aliases=["store"])
        made.start()

    outcome = foreign("shop", select=("DISCOVERY",), after_start=take)

    assert outcome.failed == {
        (check, service)
        for check in ("DISCOVERY-01", "DISCOVERY-10")
        for service in ("api", "worker")
    }, str(outcome)


def test_hosts_file_was_changed(foreign: Verify) -> None:
    """An extra host that is no longer in the hosts file."""

    def defect(document: dict[str, Any]) -> None:
        store = document["services"]["store"]
        store["extra_hosts"] = ["legacy:192.0.2.9"]
        # Otherwise the hosts file is read-only as well.
        store["read_only"] = False

    def empty(stack: Stack) -> None:
        store = stack.engine.containers.get(stack.running("store").id)
        store.exec_run(["sh", "-c", "echo 127.0.0.1 x > /etc/hosts"])

    sound = foreign("shop", defect, select=("DISCOVERY-09",))
    assert sound.red == frozenset(), str(sound)

    outcome = foreign("shop", defect, select=("DISCOVERY-09",), after_start=empty)
    assert outcome.failed == {("DISCOVERY-09", "store")}, str(outcome)


def test_range_that_somebody_took(
    foreign: Verify, engine: DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A range that is free when it is looked at and taken when it is used."""
    for look in ("engine_networks", "parse_routes"):
        monkeypatch.setattr(copying, look, lambda _seen: [])
    other = engine.networks.create(
        f"foreign-{secrets.token_hex(4)}",
        ipam=IPAMConfig(pool_configs=[IPAMPool(subnet="172.31.77.0/25")]),
    )
    try:
        outcome = foreign("office", select=("ORDER", "DISCOVERY-08", "CONFIG"))
    finally:
        other.remove()

    assert outcome.red == frozenset(), str(outcome)
    assert outcome.start_problem is None
    (made,) = outcome.of("DISCOVERY-08")
    assert "172.31.77.0" not in made.finding.observed


def test_ranges_that_overlap_each_other(foreign: Verify) -> None:
    """The file is at fault: no other range hides it."""

    def defect(document: dict[str, Any]) -> None:
        document["networks"]["cellar"] = ranged(0)
        document["networks"]["cellar"]["ipam"]["config"][0]["subnet"] = "172.31.77.0/25"
        document["services"]["setup"]["networks"] = ["cellar"]
        del document["services"]["setup"]["network_mode"]

    outcome = foreign("office", defect, select=("DISCOVERY-08",))

    assert len(outcome.red) == 1, str(outcome)
    assert "overlaps" in str(outcome.start_problem)
