"""Restart policies are read from files and from the engine alike."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stackproof.parsing import parse_config
from stackproof.restarts import Policy, Restart, declared_policy, parse_policy


@pytest.mark.parametrize(
    ("declared", "policy"),
    [
        ({}, Policy(restart=Restart.NO)),
        ({"restart": "no"}, Policy(restart=Restart.NO)),
        ({"restart": "always"}, Policy(restart=Restart.ALWAYS)),
        (
            {"restart": "on-failure:3"},
            Policy(restart=Restart.ON_FAILURE, retries=3),
        ),
        (
            {"restart": "always", "deploy": {"restart_policy": {"condition": "none"}}},
            Policy(restart=Restart.NO),
        ),
        (
            {"deploy": {"restart_policy": {"condition": "any", "max_attempts": None}}},
            Policy(restart=Restart.ALWAYS),
        ),
        ({"deploy": {"restart_policy": {"delay": "5s"}}}, None),
        ({"deploy": {"restart_policy": None}}, Policy(restart=Restart.NO)),
        ({"restart": "sometimes"}, None),
    ],
)
def test_declared_policy(declared: dict[str, Any], policy: Policy | None) -> None:
    """`deploy.restart_policy` wins; what cannot be read is unknown."""
    model = parse_config(json.dumps({"services": {"web": declared}}))

    assert declared_policy(model.services["web"]) == policy


def test_engines_policy_is_the_same_thing() -> None:
    """The engine writes no policy as "no" or as nothing."""
    held = {"Name": "on-failure", "MaximumRetryCount": 3}

    assert str(parse_policy(held)) == "on-failure:3"
    assert parse_policy({"Name": ""}) == parse_policy({"Name": "no"})
    assert parse_policy({"Name": "later"}) is None


@pytest.mark.parametrize(
    ("text", "zero", "one", "boot"),
    [
        ("no", False, False, False),
        ("always", True, True, True),
        ("unless-stopped", True, True, True),
        ("on-failure", False, True, False),
    ],
)
def test_policy_decides(text: str, *, zero: bool, one: bool, boot: bool) -> None:
    """By exit code, and whether the engine starts it at boot."""
    policy = Policy(restart=Restart(text))

    assert policy.restarts(0) is zero
    assert policy.restarts(1) is one
    assert policy.at_boot is boot


def test_limit_ends_the_restarts() -> None:
    """The count of restarts so far decides."""
    policy = Policy(restart=Restart.ON_FAILURE, retries=2)

    assert [policy.restarts(1, count=count) for count in range(4)] == [
        True,
        True,
        False,
        False,
    ]
