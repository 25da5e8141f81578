"""Who has to find whom by which name, and whether the answers are right."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stackproof.check import Verdict
from stackproof.model import StackModel
from stackproof.names import (
    Pair,
    expected,
    home,
    judge_names,
    names_on,
    pairs,
    strangers,
)
from stackproof.parsing import parse_config

SERVICES: dict[str, Any] = {
    "db": {"networks": {"back": {"aliases": ["database"]}}, "container_name": "pg"},
    "api": {"networks": {"back": None, "front": {"aliases": ["backend"]}}},
    "web": {"networks": {"front": None}, "links": ["api:server"]},
    "vpn": {"network_mode": "service:api"},
    "job": {"networks": {"back": None}},
    "late": {
        "networks": {"front": None},
        "depends_on": {"job": {"condition": "service_completed_successfully"}},
        "deploy": {"replicas": 0},
    },
    "agent": {"network_mode": "host"},
    "closed": {"network_mode": "none"},
}


@pytest.fixture
def model() -> StackModel:
    """Two networks and every kind of neighbour."""
    return parse_config(json.dumps({"name": "demo", "services": SERVICES}))


def test_pairs_name_what_each_service_has_to_find(model: StackModel) -> None:
    """One-shots, services without container and foreign namespaces are left out."""
    found = {(pair.viewer, pair.peer): pair.names for pair in pairs(model)}

    assert found == {
        ("db", "api"): ("api",),
        ("api", "db"): ("db", "database", "pg"),
        ("api", "web"): ("web",),
        ("web", "api"): ("api", "backend", "server"),
        ("vpn", "db"): ("db", "database", "pg"),
        ("vpn", "web"): ("web",),
    }


def test_strangers_are_those_without_a_common_network(model: StackModel) -> None:
    """Services with the host's network, or with none, are no strangers."""
    assert set(strangers(model)) == {("db", "web"), ("web", "db")}


@pytest.mark.parametrize(
    ("service", "namespace"),
    [
        ("db", "db"),
        ("vpn", "api"),
        ("agent", None),
        ("closed", None),
        ("unknown", None),
    ],
)
def test_home(model: StackModel, service: str, namespace: str | None) -> None:
    """A namespace is a service's own, that of another one, or nobody's."""
    assert home(model, service) == namespace


def test_names_are_those_of_one_network(model: StackModel) -> None:
    """An alias belongs to one network only."""
    assert names_on(model.services["api"], "back") == ("api",)
    assert names_on(model.services["api"], "front") == ("api", "backend")


def test_expected_addresses_include_all_that_share_a_name(model: StackModel) -> None:
    """What a network of the viewer gives counts, and nothing else."""
    addresses = {
        ("api", "back"): ("10.0.0.2",),
        ("api", "front"): ("10.1.0.2", "10.1.0.3"),
        ("db", "back"): ("10.0.0.9",),
    }

    assert expected(model, addresses, "web", "api") == {"10.1.0.2", "10.1.0.3"}
    assert expected(model, addresses, "web", "server") == {"10.1.0.2", "10.1.0.3"}
    assert expected(model, addresses, "vpn", "database") == {"10.0.0.9"}
    assert expected(model, addresses, "web", "db") == frozenset()


@pytest.mark.parametrize(
    ("answer", "old", "verdict", "says"),
    [
        (("10.0.0.9",), (), Verdict.PASS, "db is 10.0.0.9"),
        (("10.0.0.9",), ("10.0.0.9",), Verdict.PASS, "db is 10.0.0.9"),
        ((), (), Verdict.FAIL, "does not resolve"),
        (("10.0.0.5",), (), Verdict.FAIL, "10.0.0.5"),
        (("10.0.0.9", "10.0.0.4"), ("10.0.0.4",), Verdict.FAIL, "10.0.0.4"),
    ],
)
def test_answers(
    answer: tuple[str, ...], old: tuple[str, ...], verdict: Verdict, says: str
) -> None:
    """Every answer has to be an address of those that have the name."""
    pair = Pair(viewer="api", peer="db", names=("db",))

    finding = judge_names(pair, {"db": answer}, {"db": frozenset({"10.0.0.9"})}, old)

    assert finding.verdict is verdict
    assert says in finding.observed
