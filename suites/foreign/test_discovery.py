"""DISCOVERY turns red for a planted defect, and for nothing else."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from stackproof.sight import HOST, sight
from stackproof.verify.stack import Stack
from stackproof.verify.trial import Outcome
from stackproof.verify.vantage import LABEL

pytestmark = pytest.mark.timeout(180)

Verify = Callable[..., Outcome]
LOOKED = tuple(f"DISCOVERY-0{number}" for number in range(1, 10))


@pytest.fixture
def held() -> Iterator[ExitStack]:
    """Close at the end of a test what it opened."""
    with ExitStack() as stack:
        yield stack


def _network(stack: Stack, name: str) -> Any:
    return stack.engine.networks.get(stack.model.networks[name].engine_name)


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

    def replace(stack: Stack) -> None:
        network = _network(stack, "backend")
        rows = [row for row in stack.containers() if network.name in row.networks]
        for row in rows:
            network.disconnect(row.id, force=True)
        network.remove()
        made = stack.engine.networks.create(
            network.name, driver="bridge", labels=network.attrs["Labels"]
        )
        for row in rows:
            aliases = row.networks[network.name]["Aliases"]
            made.connect(row.id, aliases=aliases)

    outcome = foreign("shop", select=LOOKED, after_start=replace)

    assert outcome.failed == {("DISCOVERY-07", ""), ("DISCOVERY-08", "")}, str(outcome)


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
