"""A container that is not what its service declares is found, aspect by aspect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stackproof.checks.drift import ASPECTS, aspects_of, differences
from stackproof.checks.made import Made
from stackproof.checks.spelling import full_name, host_entry, in_range, pairs, words
from stackproof.model import Service
from stackproof.parsing import parse_config


def service(**declared: Any) -> Service:
    """Return a declared service."""
    document = {"name": "demo", "services": {"web": declared}}
    return parse_config(json.dumps(document)).services["web"]


def made(
    config: dict[str, Any] | None = None,
    host: dict[str, Any] | None = None,
    *,
    image: dict[str, Any] | None = None,
    **more: Any,
) -> Made:
    """Return a container."""
    wanted = more.pop("wanted_image", "")
    tagged = more.pop("tagged", None)
    attrs = {"Config": config or {}, "HostConfig": host or {}, **more}
    return Made(
        attrs=attrs,
        image={"Config": image} if image is not None else {},
        wanted_image=wanted,
        tagged=tagged,
        networks={"back": "demo_back"},
        volumes={"data": "demo_data"},
    )


def built(system: str, architecture: str) -> Made:
    """Return a container of an image for one platform."""
    return Made(attrs={}, image={"Os": system, "Architecture": architecture})


def joined(**place: Any) -> Made:
    """Return a container with its place in the one network."""
    return made(NetworkSettings={"Networks": {"demo_back": place}})


PLACE = {"back": {"aliases": ["page"], "ipv4_address": "10.0.0.2"}}
PLACED = {"Aliases": ["page"], "IPAMConfig": {"IPv4Address": "10.0.0.2"}}
BIND = {"Type": "bind", "Source": "/srv", "Destination": "/data", "RW": True}
VOLUME = {"Type": "volume", "Name": "demo_data", "Destination": "/data", "RW": True}
DATA = {"type": "volume", "source": "data", "target": "/data"}
SRV = {"type": "bind", "source": "/srv", "target": "/data"}
PORT = {"target": 80, "published": "8080", "host_ip": "127.0.0.1", "protocol": "tcp"}


@pytest.mark.parametrize(
    ("aspect", "declared", "container", "count"),
    [
        ("image", {"image": "a:1"}, made({"Image": "a:1"}, wanted_image="a:1"), 0),
        ("image", {"image": "a:1"}, made({"Image": "a:2"}, wanted_image="a:1"), 1),
        ("image", {}, made({"Image": "a"}, wanted_image="docker.io/library/a"), 0),
        ("image", {}, made({"Image": "a"}, tagged="new", Image="old"), 1),
        ("image", {}, made({"Image": "a"}, tagged="old", Image="old"), 0),
        ("platform", {"platform": "linux/x86_64"}, built("linux", "amd64"), 0),
        ("platform", {"platform": "linux/arm64/v8"}, built("linux", "amd64"), 1),
        ("platform", {"platform": "linux/amd64"}, made(), 0),
        ("links", {"links": ["store:db"]}, joined(Links=["demo-store-1:db"]), 0),
        ("links", {"links": ["store:db"]}, joined(Links=None), 1),
        ("mac_address", {"mac_address": "02:AA::1"}, joined(MacAddress="02:aa::1"), 0),
        ("mac_address", {"mac_address": "02:aa::1"}, joined(MacAddress="02:aa::2"), 1),
        ("networks", {"networks": PLACE}, joined(**PLACED), 0),
        ("networks", {"networks": PLACE}, joined(**{**PLACED, "Aliases": []}), 1),
        ("networks", {"networks": PLACE}, joined(**{**PLACED, "IPAMConfig": {}}), 1),
        ("networks", {"networks": {"other": None}}, joined(), 2),
        ("command", {"command": ["a", "$$b"]}, made({"Cmd": ["a", "$b"]}), 0),
        ("command", {"command": ["a"]}, made({"Cmd": ["b"]}), 1),
        ("command", {"command": None}, made({"Cmd": ["x"]}, image={"Cmd": ["x"]}), 0),
        ("command", {"command": None}, made({"Cmd": ["y"]}, image={"Cmd": ["x"]}), 1),
        ("command", {"entrypoint": ["e"]}, made({}, image={"Cmd": ["x"]}), 0),
        ("entrypoint", {"entrypoint": ["e"]}, made({"Entrypoint": ["e"]}), 0),
        ("entrypoint", {"entrypoint": ["e"]}, made({"Entrypoint": None}), 1),
        ("entrypoint", {}, made({"Entrypoint": None}, image={}), 0),
        ("environment", {"environment": {"A": "1$$"}}, made({"Env": ["A=1$"]}), 0),
        ("environment", {"environment": {"A": "1"}}, made({"Env": ["A=2"]}), 1),
        ("environment", {"environment": {"A": "1"}}, made({"Env": []}), 1),
        ("environment", {"environment": {"A": None}}, made({"Env": []}), 0),
        (
            "environment",
            {},
            made({"Env": ["B=1", "PATH=/", "I=1"]}, image={"Env": ["I=0"]}),
            1,
        ),
        ("labels", {"labels": {"a": "1"}}, made({"Labels": {"a": "1", "b": "2"}}), 0),
        ("labels", {"labels": {"a": "1", "c": ""}}, made({"Labels": {"a": "2"}}), 2),
        ("mounts", {"volumes": [DATA]}, made(Mounts=[VOLUME]), 0),
        ("mounts", {"volumes": [DATA]}, made(Mounts=[{**VOLUME, "Name": "x"}]), 1),
        ("mounts", {"volumes": [DATA]}, made(Mounts=[]), 1),
        ("mounts", {"volumes": [DATA]}, made(Mounts=[BIND]), 1),
        ("mounts", {"volumes": [SRV]}, made(Mounts=[BIND]), 0),
        ("mounts", {"volumes": [SRV]}, made(Mounts=[{**BIND, "Source": "/x"}]), 1),
        ("mounts", {"volumes": [SRV]}, made(Mounts=[{**BIND, "RW": False}]), 1),
        ("mounts", {}, made(Mounts=[BIND], image={}), 1),
        ("mounts", {}, made(Mounts=[VOLUME], image={"Volumes": {"/data": {}}}), 0),
        ("mounts", {"tmpfs": ["/t:size=1m"]}, made(None, {"Tmpfs": {"/t": ""}}), 0),
        ("mounts", {"tmpfs": ["/t"]}, made(), 1),
        (
            "mounts",
            {"secrets": [{"source": "s"}], "configs": [{"source": "c"}]},
            made(
                Mounts=[
                    {**BIND, "Destination": "/run/secrets/s"},
                    {**BIND, "Destination": "/c"},
                ],
                image={},
            ),
            0,
        ),
        ("dns", {"dns": ["1.1.1.1"]}, made(None, {"Dns": ["1.1.1.1"]}), 0),
        ("dns", {"dns": ["1.1.1.1"]}, made(None, {"Dns": []}), 1),
        ("hostname", {"hostname": "a"}, made({"Hostname": "a"}), 0),
        ("hostname", {"hostname": "a"}, made({"Hostname": "b"}), 1),
        ("init", {"init": True}, made(None, {"Init": True}), 0),
        ("init", {"init": True}, made(None, {"Init": None}), 1),
        ("tty", {"tty": False}, made({"Tty": True}), 1),
        (
            "extra_hosts",
            {"extra_hosts": ["a=1.2.3.4", "b:5.6.7.8", "v=[::1]"]},
            made(None, {"ExtraHosts": ["a:1.2.3.4", "b:5.6.7.8", "v:::1"]}),
            0,
        ),
        ("extra_hosts", {"extra_hosts": {"a": "1.2.3.4"}}, made(), 1),
        ("sysctls", {"sysctls": {"a.b": 1}}, made(None, {"Sysctls": {"a.b": "1"}}), 0),
        ("sysctls", {"sysctls": {"a.b": "1"}}, made(None, {"Sysctls": {}}), 1),
        (
            "logging",
            {"logging": {"driver": "local", "options": {"max-size": "1m"}}},
            made(None, {"LogConfig": {"Type": "json-file", "Config": {}}}),
            2,
        ),
        (
            "ports",
            {"ports": [PORT]},
            made(
                None,
                {
                    "PortBindings": {
                        "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]
                    }
                },
            ),
            0,
        ),
        (
            "ports",
            {"ports": [PORT]},
            made(
                None,
                {
                    "PortBindings": {
                        "80/tcp": [{"HostIp": "", "HostPort": "8080"}],
                        "81/tcp": [{}],
                    }
                },
            ),
            2,
        ),
        ("network_mode", {"network_mode": "host"}, made(None, {"NetworkMode": "x"}), 1),
        (
            "network_mode",
            {"network_mode": "service:a"},
            made(None, {"NetworkMode": "container:1"}),
            0,
        ),
        (
            "networks",
            {"networks": {"back": {"aliases": ["db"], "ipv4_address": "10.0.0.2"}}},
            made(
                NetworkSettings={
                    "Networks": {
                        "demo_back": {
                            "Aliases": ["db"],
                            "IPAMConfig": {"IPv4Address": "10.0.0.2"},
                        }
                    }
                }
            ),
            0,
        ),
        (
            "networks",
            {"networks": {"back": {"aliases": ["db"]}}},
            made(NetworkSettings={"Networks": {"demo_back": {}, "other": {}}}),
            2,
        ),
        ("networks", {"networks": {"back": None}}, made(), 1),
    ],
)
def test_differences(
    aspect: str, declared: dict[str, Any], container: Made, count: int
) -> None:
    """As many as there are, and none where there is none."""
    found = differences(aspect, service(**declared), container)

    assert len(found) == count, found


def test_values_of_variables_are_not_told() -> None:
    """They may be secret."""
    found = differences(
        "environment",
        service(environment={"TOKEN": "declared-value"}),
        made({"Env": ["TOKEN=running-value"]}),
    )

    assert "value" in found[0]
    assert "declared-value" not in found[0]
    assert "running-value" not in found[0]


def test_aspects_are_those_that_say_something() -> None:
    """Some are compared always: nothing may be added by hand."""
    always = {"image", "command", "entrypoint", "environment", "mounts", "networks"}

    assert set(aspects_of(service(image="a"))) == always
    assert set(aspects_of(service(network_mode="none", tty=False))) == (
        always - {"networks"} | {"network_mode", "tty"}
    )
    assert always <= set(ASPECTS)


def test_spellings() -> None:
    """The same in Compose's words and in the engine's."""
    assert full_name("nginx") == "nginx:latest"
    assert full_name("docker.io/library/nginx:1") == "nginx:1"
    assert full_name("host:5000/app") == "host:5000/app:latest"
    assert host_entry("v=[::1]") == ("v", "::1")
    assert in_range("81", "80-82")
    assert not in_range("83", "80-82")
    assert in_range("", None)
    assert pairs(["A=b=c", "D"]) == {"A": "b=c", "D": None}
    assert pairs({"A": True, "B": None}) == {"A": "true", "B": None}
    assert words("sh -c 'a b'") == ["sh", "-c", "a b"]
    assert words(None) is None
