"""Tests of `stackproof.verify.standing` and `stackproof.verify.container`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stackproof.errors import ModelError
from stackproof.model import Health, StackModel, State
from stackproof.parsing import parse_config
from stackproof.verify.container import Inspected, parse_inspected
from stackproof.verify.standing import Standing, settle_budget, standings

NOW = 1000.0


def stack(**services: dict[str, Any]) -> StackModel:
    """Return a model of some services."""
    return parse_config(json.dumps({"name": "demo", "services": services}))


def container(service: str = "web", **facts: Any) -> Inspected:
    """Return a container that runs since long ago, but for the facts given."""
    known: dict[str, Any] = {
        "id": f"{service}-id",
        "name": f"demo-{service}-1",
        "pid": 7,
        "state": State.RUNNING,
        "health": Health.NONE,
        "exit_code": 0,
        "oom_killed": False,
        "restart_count": 0,
        "started_at": NOW - 60,
        "finished_at": 0.0,
        "attrs": {},
    }
    return Inspected(service=service, **{**known, **facts})


def stood(declared: dict[str, Any], *rows: Inspected) -> tuple[Standing, str]:
    """Judge one service named web."""
    row = standings(stack(web=declared), rows, now=NOW).rows["web"]
    return row.standing, row.reason


@pytest.mark.parametrize(
    ("declared", "facts", "expected"),
    [
        ({}, {}, (Standing.SOUND, "running")),
        ({}, {"started_at": NOW - 1}, (Standing.WAITING, "runs since 1.0 s")),
        ({}, {"health": Health.HEALTHY}, (Standing.SOUND, "healthy")),
        ({}, {"health": Health.STARTING}, (Standing.WAITING, "starting")),
        ({}, {"health": Health.UNHEALTHY}, (Standing.WAITING, "unhealthy")),
        ({}, {"state": State.RESTARTING}, (Standing.WAITING, "restarting")),
        ({}, {"state": State.CREATED}, (Standing.ABSENT, "created, never started")),
        ({}, {"state": State.EXITED}, (Standing.SOUND, "exited with code 0")),
        (
            {},
            {"state": State.EXITED, "exit_code": 3},
            (Standing.ENDED, "exited with code 3"),
        ),
        (
            {"restart": "always"},
            {"state": State.EXITED},
            (Standing.ENDED, "exited with code 0"),
        ),
        (
            {"restart": "on-failure:3"},
            {"state": State.EXITED},
            (Standing.SOUND, "exited with code 0"),
        ),
        (
            {"expose": ["80"]},
            {"state": State.EXITED},
            (Standing.ENDED, "exited with code 0"),
        ),
    ],
)
def test_container_stands(
    declared: dict[str, Any], facts: dict[str, Any], expected: tuple[Standing, str]
) -> None:
    """State, health and what the file asks for decide together."""
    assert stood(declared, container(**facts)) == expected


@pytest.mark.parametrize(
    ("facts", "standing"),
    [
        ({"state": State.EXITED}, Standing.SOUND),
        ({"state": State.EXITED, "exit_code": 1}, Standing.ENDED),
        ({}, Standing.WAITING),
    ],
)
def test_one_shot_stands(facts: dict[str, Any], standing: Standing) -> None:
    """A service that another one waits for has to end with 0."""
    edge = {"condition": "service_completed_successfully"}
    model = stack(job={}, web={"depends_on": {"job": edge}})

    seen = standings(model, [container("job", **facts)], now=NOW)

    assert seen.rows["job"].standing is standing


def test_missing_replica_is_absent() -> None:
    """Two containers are wanted and one is there."""
    declared = {"deploy": {"replicas": 2}}

    assert stood(declared, container()) == (Standing.ABSENT, "1 of 2 containers")
    assert stood(declared) == (Standing.ABSENT, "no container")
    assert stood({"scale": 0}) == (Standing.SOUND, "no container wanted")


def test_worst_replica_counts() -> None:
    """One of two is not healthy."""
    rows = (
        container(health=Health.HEALTHY),
        container(id="2", health=Health.UNHEALTHY),
    )

    assert stood({"scale": 2}, *rows) == (Standing.WAITING, "unhealthy")


@pytest.mark.parametrize(("ago", "final"), [(1.0, False), (5.0, True)])
def test_end_is_final_after_a_moment(ago: float, *, final: bool) -> None:
    """The engine needs a moment to say that it restarts a container."""
    ended = container(state=State.EXITED, exit_code=1, finished_at=NOW - ago)
    seen = standings(stack(web={}, db={}), [ended, container("db")], now=NOW)

    assert seen.lost_in(["web"]) is final
    assert not seen.lost_in(["db"])


def test_standings_compare() -> None:
    """A stack is back when what was sound before is sound again."""
    model = stack(web={}, db={})
    both = standings(model, [container("web"), container("db")], now=NOW)
    one = standings(model, [container("web")], now=NOW)

    assert both.sound
    assert one.sound_services == {"web"}
    assert both.sound_in(one.sound_services)
    assert not one.sound_in(both.sound_services)
    assert str(one) == "web: running\ndb: no container"


def test_budget_follows_the_longest_chain() -> None:
    """Budgets of services that wait for each other add up; others run beside them."""
    check = {"test": ["CMD", "x"], "interval": "1s", "timeout": "1s", "retries": 5}
    chained = stack(
        db={"healthcheck": check},
        api={
            "healthcheck": check,
            "depends_on": {"db": {"condition": "service_healthy"}},
        },
        other={"healthcheck": check},
    )

    assert settle_budget(chained) == 2 * (15.0 + 10.0)
    assert settle_budget(stack()) == 0.0


def test_inspect_document_is_parsed() -> None:
    """What the engine says becomes facts, its stamps seconds."""
    parsed = parse_inspected(
        {
            "Id": "abc",
            "Name": "/demo-web-1",
            "RestartCount": 2,
            "State": {
                "Status": "running",
                "Pid": 41,
                "ExitCode": 0,
                "StartedAt": "1970-01-01T00:00:10.500000000Z",
                "Health": {"Status": "healthy"},
            },
            "Config": {"Labels": {"com.docker.compose.service": "web"}},
            "HostConfig": {"Memory": 5},
            "NetworkSettings": {"Networks": {"demo_n": {"IPAddress": "10.0.0.2"}}},
        }
    )

    assert parsed.running
    assert parsed.service == "web"
    assert parsed.name == "demo-web-1"
    assert parsed.health is Health.HEALTHY
    assert parsed.started_at == 10.5
    assert parsed.restart_count == 2
    assert parsed.host_config["Memory"] == 5
    assert parsed.networks["demo_n"]["IPAddress"] == "10.0.0.2"


@pytest.mark.parametrize("attrs", [{}, {"Id": "a"}, {"Id": "a", "State": {}}])
def test_document_without_state_is_refused(attrs: dict[str, Any]) -> None:
    """Nothing is guessed."""
    with pytest.raises(ModelError, match="container inspect"):
        parse_inspected(attrs)
