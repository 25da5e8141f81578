"""Tests of `stackproof.contract.keys`."""

from __future__ import annotations

from typing import Any

import pytest

from stackproof.contract.keys import (
    NO_CHECK,
    Key,
    NotCovered,
    covers,
    declared_keys,
    not_covered,
    reason_for,
)


@pytest.mark.parametrize(
    ("declared", "paths"),
    [
        ({"image": "a:1"}, ["image"]),
        ({"command": None, "entrypoint": None}, []),
        ({"environment": {"A": "1", "B": None}}, ["environment"]),
        ({"networks": {"n": None}}, ["networks.n"]),
        ({"networks": {"n": {"aliases": ["z"]}}}, ["networks.n.aliases"]),
        ({"cap_drop": ["ALL", "X"]}, ["cap_drop"]),
        (
            {"ports": [{"target": 80, "mode": "ingress"}]},
            ["ports[0].target", "ports[0].mode"],
        ),
        (
            {"deploy": {"resources": {"limits": {"memory": "1"}}, "placement": {}}},
            ["deploy.resources.limits.memory"],
        ),
        ({"volumes": [{"type": "tmpfs", "tmpfs": {}}]}, ["volumes[0].type"]),
        ({"x-mine": {"a": 1}, "labels": {"a": "b"}}, ["labels"]),
        ({"read_only": False, "scale": 0}, ["read_only", "scale"]),
        ({"build": {"context": "."}}, ["build"]),
    ],
)
def test_every_value_is_a_key(declared: dict[str, Any], paths: list[str]) -> None:
    """Values, lists of plain values and maps of a user's own names count once each."""
    keys = declared_keys({"services": {"web": declared}})

    assert keys == tuple(Key(service="web", path=path) for path in paths)


def test_sections_of_the_file_count() -> None:
    """Networks, volumes, secrets and configs declare something even when empty."""
    keys = declared_keys(
        {
            "name": "demo",
            "services": {"web": {}},
            "networks": {"n": {"internal": True}, "m": None},
            "volumes": {"v": {}},
            "secrets": {"s": {"file": "/s"}},
            "x-common": {"a": 1},
        }
    )

    assert [str(key) for key in keys] == [
        "networks.n.internal",
        "networks.m",
        "volumes.v",
        "secrets.s.file",
    ]


@pytest.mark.parametrize(
    ("claimed", "path", "accounted"),
    [
        ("ports", "ports[0].target", True),
        ("ports[0]", "ports[0].target", True),
        ("ports[1]", "ports[10]", False),
        ("healthcheck", "healthcheck.interval", True),
        ("health", "healthcheck.interval", False),
        ("image", "image", True),
    ],
)
def test_a_claim_covers_what_is_below(
    claimed: str, path: str, *, accounted: bool
) -> None:
    """Whole path elements count."""
    assert covers(claimed, path) is accounted


def test_missing_keys_are_named_once() -> None:
    """Keys with one reason share the entry of their parent, unless some are proven."""
    keys = [
        Key(service="web", path=path)
        for path in ("deploy.placement.max", "deploy.replicas", "foo.a", "foo.b", "bar")
    ]
    missing = [key for key in keys if key.path != "deploy.replicas"]

    found = not_covered(keys, missing)

    assert found == [
        NotCovered(service="web", key="bar", reason=NO_CHECK),
        NotCovered(
            service="web",
            key="deploy.placement",
            reason=reason_for("deploy.placement.max"),
        ),
        NotCovered(service="web", key="foo", reason=NO_CHECK),
    ]


def test_section_is_never_an_entry() -> None:
    """A network is the largest thing that stands for what is below it."""
    keys = [
        Key(service="", path="networks.n.a.b"),
        Key(service="", path="networks.n.c"),
    ]

    assert not_covered(keys, keys) == [
        NotCovered(service=None, key="networks.n", reason=NO_CHECK)
    ]
