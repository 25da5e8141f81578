"""The engine's and Compose's answers become frozen data."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from stackproof.errors import ModelError
from stackproof.model import (
    Condition,
    Dependency,
    Health,
    Healthcheck,
    Published,
    Snapshot,
    StackModel,
    State,
)
from stackproof.parsing import parse_config, parse_containers

ROW: dict[str, Any] = {
    "ID": "abc",
    "Name": "demo-web-1",
    "Service": "web",
    "State": "running",
    "Health": "healthy",
    "ExitCode": 0,
    "Publishers": [
        {
            "URL": "127.0.0.1",
            "TargetPort": 8080,
            "PublishedPort": 32768,
            "Protocol": "tcp",
        },
        {"URL": "", "TargetPort": 9000, "PublishedPort": 0, "Protocol": "tcp"},
    ],
}


def config_with(service: dict[str, Any]) -> StackModel:
    """Parse a stack of one service."""
    return parse_config(json.dumps({"name": "demo", "services": {"one": service}}))


def test_one_shot_is_what_others_wait_to_complete(model: StackModel) -> None:
    """A service is a one-shot because another one depends on its success."""
    assert model.one_shots == {"setup"}
    assert model.long_running == {"store", "web"}


def test_dependencies_keep_their_conditions(model: StackModel) -> None:
    """Each edge has its condition."""
    assert model.services["web"].depends_on == (
        Dependency(service="setup", condition=Condition.COMPLETED),
        Dependency(service="store", condition=Condition.STARTED),
    )


def test_optional_dependency_is_marked() -> None:
    """`required: false` and `restart: true` are kept."""
    edge = {"condition": "service_started", "required": False, "restart": True}

    service = config_with({"depends_on": {"two": edge}}).services["one"]

    assert service.depends_on == (
        Dependency(
            service="two", condition=Condition.STARTED, required=False, restart=True
        ),
    )


def test_short_dependency_list_means_started() -> None:
    """The short form of older releases waits for the start only."""
    service = config_with({"depends_on": ["two"]}).services["one"]

    assert service.depends_on == (
        Dependency(service="two", condition=Condition.STARTED),
    )


def test_stop_settings_are_in_seconds(model: StackModel) -> None:
    """A declared grace period is parsed, a missing one is Docker's ten seconds."""
    assert model.services["store"].stop_grace_seconds == 90.0
    assert model.services["web"].stop_grace_seconds == 10.0
    assert model.services["web"].stop_signal == "SIGTERM"


def test_healthcheck_defaults_are_docker_s(model: StackModel) -> None:
    """What the file leaves out has the engine's default, and the budget adds up."""
    check = model.services["store"].healthcheck

    assert check == Healthcheck(
        test=("CMD", "probe"), interval=1.0, timeout=30.0, retries=2, start_period=0.0
    )
    assert check.budget == 62.0


@pytest.mark.parametrize(
    "declared", [None, {"disable": True}, {"test": ["NONE"]}], ids=str
)
def test_disabled_healthcheck_is_none(declared: dict[str, Any] | None) -> None:
    """No check, a disabled check and the test NONE are the same."""
    assert config_with({"healthcheck": declared}).services["one"].healthcheck is None


def test_healthcheck_as_text_is_a_shell_command() -> None:
    """A string is run by a shell, as the engine would."""
    check = config_with({"healthcheck": {"test": "true"}}).services["one"].healthcheck

    assert check is not None
    assert check.test == ("CMD-SHELL", "true")


@pytest.mark.parametrize(
    "text",
    [json.dumps(ROW), json.dumps([ROW]), json.dumps(ROW) + "\n"],
    ids=["line", "array", "line with end"],
)
def test_ps_is_read_in_both_forms(text: str) -> None:
    """One object a line and one array give the same rows; unpublished ports are out."""
    (container,) = parse_containers(text)

    assert (container.id, container.service) == ("abc", "web")
    assert (container.state, container.health) == (State.RUNNING, Health.HEALTHY)
    assert container.ports == (
        Published(address="127.0.0.1", port=32768, target=8080, protocol="tcp"),
    )


def test_ps_has_a_row_for_each_line() -> None:
    """Several lines are several containers."""
    other = ROW | {"Name": "demo-store-1", "Service": "store", "Publishers": None}

    rows = parse_containers(f"{json.dumps(ROW)}\n{json.dumps(other)}\n")

    assert [row.service for row in rows] == ["web", "store"]


@pytest.mark.parametrize("text", ["", "\n", "[]", "null"])
def test_empty_ps_has_no_rows(text: str) -> None:
    """A project without containers is no error."""
    assert parse_containers(text) == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("no json", "no JSON"),
        ('["text"]', "expected an object"),
        (json.dumps(ROW | {"State": "dancing"}), "unknown State: 'dancing'"),
        (json.dumps(ROW | {"Health": "so-so"}), "unknown Health"),
    ],
)
def test_malformed_ps_is_refused(text: str, problem: str) -> None:
    """What cannot be understood is an error that names the problem."""
    with pytest.raises(ModelError, match=problem):
        parse_containers(text)


def test_unknown_condition_is_refused() -> None:
    """A condition that this version does not know must not pass as met."""
    with pytest.raises(ModelError, match="unknown Condition"):
        config_with({"depends_on": {"two": {"condition": "service_glad"}}})


def test_snapshot_prints_a_table(snapshot: Callable[..., Snapshot]) -> None:
    """The text of a snapshot names state, health and what has no container."""
    text = str(snapshot(store="running healthy", setup="exited 3"))

    assert [line.split() for line in text.splitlines()] == [
        ["store", "running", "healthy"],
        ["setup", "exited", "exit", "code", "3"],
        ["web", "no", "container"],
    ]
