"""How long a configuration takes to become a plan, without Compose and imports."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from stackproof.compose import Compose
from stackproof.contract.plan import compile_plan
from stackproof.contract.source import Contract
from stackproof.parsing import parse_config
from stackproof.registry import all_checks
from stackproof.report.document import plan_document

pytestmark = pytest.mark.timeout(120)

Benchmark = Callable[..., Any]
SIZES = (5, 65)


def configuration(services: int) -> str:
    """Return what Compose prints of a stack in which each service waits for one."""
    made: dict[str, Any] = {
        f"s{number}": {
            "image": "example/service:1",
            "command": ["serve", "--port", "8000"],
            "environment": {"LOG_LEVEL": "info", "PEER": f"http://s{number - 1}:8000"},
            "networks": {
                "default": None,
                f"n{number % 4}": {"aliases": [f"a{number}"]},
            },
            "expose": ["8000"],
            "restart": "unless-stopped",
            "stop_grace_period": "5s",
            "healthcheck": {"test": ["CMD", "probe"], "interval": "2s", "retries": 3},
            "deploy": {"resources": {"limits": {"cpus": 0.5, "memory": "100663296"}}},
            "volumes": [{"type": "volume", "source": "data", "target": "/data"}],
        }
        for number in range(services)
    }
    for number in range(1, services):
        waits = {"condition": "service_healthy", "required": True}
        made[f"s{number}"]["depends_on"] = {f"s{number - 1}": waits}
    networks = {
        name: {"name": f"x_{name}"}
        for name in ("default", *map("n{}".format, range(4)))
    }
    document = {"services": made, "networks": networks, "volumes": {"data": {}}}
    return json.dumps({"name": "x", **document})


def contract(services: int) -> Contract:
    """Return the parsed stack."""
    text = configuration(services)
    return Contract(
        compose=Compose(project="", files=()),
        document=json.loads(text),
        model=parse_config(text),
    )


@pytest.mark.parametrize("services", SIZES)
def test_parse(benchmark: Benchmark, services: int) -> None:
    """Read what Compose prints."""
    model = benchmark(parse_config, configuration(services))

    assert len(model.services) == services


@pytest.mark.parametrize("services", SIZES)
def test_compile(benchmark: Benchmark, services: int) -> None:
    """Ask every check for its claims, and account for every key."""
    plan = benchmark(compile_plan, contract(services), all_checks())

    assert len(plan.cases) > 20 * services


@pytest.mark.parametrize("services", SIZES)
def test_document(benchmark: Benchmark, services: int) -> None:
    """Make the document of `plan --json`."""
    plan = compile_plan(contract(services), all_checks())

    document = benchmark(plan_document, plan)

    assert len(document["checks"]) == len(plan.cases)
