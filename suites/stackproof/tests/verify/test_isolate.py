"""Tests of `stackproof.verify.isolate`."""

from __future__ import annotations

from typing import Any

import pytest

from stackproof.verify.isolate import BindCopy, Isolated, isolate


def isolated(services: dict[str, Any], **sections: Any) -> Isolated:
    """Isolate a document on a host where 172.20.0.0/16 is in use."""
    return isolate(
        {"name": "shop", "services": services, **sections},
        project="trial-1",
        original="shop",
        taken=lambda subnet: subnet.startswith("172.20."),
        free=lambda prefix: f"10.1.0.0/{prefix}",
        place=lambda bind: f"/run/{bind.service}-{bind.number}",
    )


def test_the_original_is_left_alone() -> None:
    """A copy is changed, not what was read."""
    services = {"web": {"container_name": "web", "networks": {"n": None}}}

    isolated(services)

    assert services == {"web": {"container_name": "web", "networks": {"n": None}}}


def test_host_port_is_chosen_by_the_engine() -> None:
    """The host address stays, the number goes."""
    port = {"target": 80, "published": "8080", "host_ip": "127.0.0.1"}

    made = isolated({"web": {"ports": [port]}})

    assert made.document["services"]["web"]["ports"] == [
        {"target": 80, "host_ip": "127.0.0.1"}
    ]
    assert made.notes == ("web: port 80 gets a free host port",)


@pytest.mark.parametrize("networks", [{"n": None}, {"n": {}}, ["n"]])
def test_container_name_becomes_an_alias(networks: Any) -> None:
    """Peers that use the fixed name still find the container."""
    made = isolated({"web": {"container_name": "theweb", "networks": networks}})

    web = made.document["services"]["web"]
    assert "container_name" not in web
    assert web["networks"] == {"n": {"aliases": ["theweb"]}}


def test_service_without_networks_gets_no_alias() -> None:
    """A container that shares another one's network has no names of its own."""
    made = isolated({"web": {"container_name": "x", "network_mode": "host"}})

    assert made.document["services"]["web"] == {"network_mode": "host"}


@pytest.mark.parametrize(
    "declared",
    [
        {"name": "prod_data", "external": True},
        {"driver_opts": {"type": "none", "o": "bind", "device": "/srv/data"}},
    ],
)
def test_somebody_elses_data_is_never_mounted(declared: dict[str, Any]) -> None:
    """External volumes and devices of the host are replaced by empty volumes."""
    made = isolated({}, volumes={"data": declared})

    assert made.document["volumes"]["data"] == {}
    assert len(made.notes) == 1


def test_named_resources_lose_their_names() -> None:
    """A name that Compose printed would be the one of the real project."""
    made = isolated(
        {},
        volumes={"data": {"name": "shop_data", "labels": {"a": "b"}}},
        networks={"n": {"name": "shop_n", "internal": True}, "m": None},
    )

    assert made.document["volumes"]["data"] == {"labels": {"a": "b"}}
    assert made.document["networks"] == {"n": {"internal": True}, "m": {}}
    assert made.notes == ()


def test_taken_range_is_moved_with_its_addresses() -> None:
    """Addresses keep their place within the range."""
    made = isolated(
        {"web": {"networks": {"n": {"ipv4_address": "172.20.0.9"}}}},
        networks={
            "n": {
                "ipam": {
                    "config": [
                        {
                            "subnet": "172.20.0.0/16",
                            "gateway": "172.20.0.1",
                            "ip_range": "172.20.5.0/24",
                            "aux_addresses": {"host1": "172.20.1.5"},
                        }
                    ]
                }
            }
        },
    )

    config = made.document["networks"]["n"]["ipam"]["config"][0]
    assert config == {
        "subnet": "10.1.0.0/16",
        "gateway": "10.1.0.1",
        "ip_range": "10.1.5.0/24",
        "aux_addresses": {"host1": "10.1.1.5"},
    }
    web = made.document["services"]["web"]
    assert web["networks"]["n"]["ipv4_address"] == "10.1.0.9"


def test_addresses_of_a_moved_range_are_moved_where_services_name_them() -> None:
    """A peer that is found by its static address is found in the copy as well."""
    service = {
        "networks": {"n": None},
        "extra_hosts": ["db=172.20.0.7", "printer=192.0.2.7"],
        "environment": {"URL": "http://172.20.0.7:80/", "V": "1.172.20.0.7", "N": None},
        "command": ["serve", "--trust", "172.20.0.0/16", "--peer=172.20.0.7."],
        "healthcheck": {"test": ["CMD", "ping", "172.20.0.1"], "retries": 3},
        "labels": {"seen": "172.20.0.7"},
    }
    network = {"ipam": {"config": [{"subnet": "172.20.0.0/16"}]}}

    web = isolated({"web": service}, networks={"n": network}).document["services"]

    assert web["web"] == {
        "networks": {"n": None},
        "extra_hosts": ["db=10.1.0.7", "printer=192.0.2.7"],
        "environment": {"URL": "http://10.1.0.7:80/", "V": "1.172.20.0.7", "N": None},
        "command": ["serve", "--trust", "10.1.0.0/16", "--peer=10.1.0.7."],
        "healthcheck": {"test": ["CMD", "ping", "10.1.0.1"], "retries": 3},
        "labels": {"seen": "172.20.0.7"},
    }


def test_bridge_of_the_host_keeps_its_name() -> None:
    """A second network cannot have a bridge of the same name."""
    options = {"com.docker.network.bridge.name": "br0", "other": "1"}

    made = isolated({}, networks={"n": {"driver_opts": options}})

    assert made.document["networks"] == {"n": {"driver_opts": {"other": "1"}}}
    assert made.notes == ("network n: the engine names its bridge, not br0",)


def test_free_range_stays() -> None:
    """What nobody uses is used as declared."""
    ipam = {"config": [{"subnet": "192.168.50.0/24"}]}

    made = isolated({}, networks={"n": {"ipam": ipam}})

    assert made.document["networks"]["n"]["ipam"] == ipam


def test_writable_bind_is_copied() -> None:
    """A container never writes to the caller's folders."""
    mount = {"type": "bind", "source": "/home/me/data", "target": "/data"}

    made = isolated({"web": {"volumes": [mount]}})

    assert made.binds == (BindCopy(service="web", source="/home/me/data", number=0),)
    assert made.document["services"]["web"]["volumes"][0]["source"] == "/run/web-0"


@pytest.mark.parametrize(
    ("source", "read_only"),
    [("/var/run/docker.sock", False), ("/dev", False), ("/home/me/conf", True)],
)
def test_machine_and_read_only_binds_stay(source: str, *, read_only: bool) -> None:
    """Sockets and devices cannot be copied, and what is only read need not be."""
    mount = {"type": "bind", "source": source, "read_only": read_only}

    made = isolated({"web": {"volumes": [mount]}})

    assert made.binds == ()
    assert made.document["services"]["web"]["volumes"][0]["source"] == source


def test_built_image_is_that_of_the_original() -> None:
    """A copy does not build again what the project has built."""
    made = isolated({"web": {"build": {"context": "."}}, "db": {"image": "db:1"}})

    assert made.document["services"]["web"]["image"] == "shop-web"
    assert made.document["services"]["db"]["image"] == "db:1"


def test_a_zero_that_compose_left_out_is_put_back() -> None:
    """Compose prints `core: 0` as {} and does not accept that again."""
    ulimits = {"core": {}, "nproc": {"hard": 5}, "nofile": 9}

    made = isolated({"web": {"ulimits": ulimits}})

    assert made.document["services"]["web"]["ulimits"] == {
        "core": {"soft": 0, "hard": 0},
        "nproc": {"soft": 0, "hard": 5},
        "nofile": 9,
    }
