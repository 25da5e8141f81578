"""Every call to Compose is built, limited and judged in one place."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stackproof.compose import Compose, Endpoint, run_command
from stackproof.errors import ComposeError, ComposeTimeout, ModelError
from stackproof.testing import Answer, FakeDocker

FakeCompose = Callable[..., Compose]


def test_command_names_project_files_and_profiles() -> None:
    """The argument list has all options of the project, in the order of Compose."""
    docker = FakeDocker(answers={("ps",): Answer(stdout="rows")})
    stack = Compose(
        project="demo",
        files=(Path("base.yml"), Path("test.yml")),
        env_files=(Path(".env.development"),),
        profiles=("simulator",),
        environment={"SUBNET": "172.30.0.0/24"},
        run=docker,
    )

    assert stack("ps", timeout=7) == "rows"
    assert docker.calls == [
        (
            "docker",
            "compose",
            "--project-name",
            "demo",
            "--file=base.yml",
            "--file=test.yml",
            "--env-file=.env.development",
            "--profile=simulator",
            "ps",
        )
    ]
    assert docker.limits == [7]
    assert docker.environments[0]["SUBNET"] == "172.30.0.0/24"
    assert "PATH" in docker.environments[0]


def test_env_file_beside_the_first_file_is_read_unless_others_are_named(
    tmp_path: Path,
) -> None:
    """A copy in another folder has to name the file that Compose takes by itself."""
    other = tmp_path / "other" / "more.yml"
    alone = Compose(project="", files=(tmp_path / "compose.yml", other))
    named = replace(alone, env_files=(Path("production.env"),))

    assert list(alone.env_files_read) == []
    (tmp_path / ".env").write_text("A=1\n", "utf-8")
    assert list(alone.env_files_read) == [tmp_path / ".env"]
    assert named.env_files_read == (Path("production.env"),)
    assert replace(alone, files=(other,)).env_files_read == ()


def test_caller_s_compose_settings_do_not_leak_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A variable that would choose other files or profiles stays outside."""
    monkeypatch.setenv("COMPOSE_PROFILES", "everything")
    monkeypatch.setenv("DOCKER_HOST", "unix:///somewhere")
    docker = FakeDocker(answers={("ps",): Answer()})
    options = {"COMPOSE_PARALLEL_LIMIT": "1"}

    Compose(project="demo", files=(), environment=options, run=docker)("ps")

    (environment,) = docker.environments
    assert "COMPOSE_PROFILES" not in environment
    assert environment["COMPOSE_PARALLEL_LIMIT"] == "1"
    assert environment["DOCKER_HOST"] == "unix:///somewhere"


def test_failure_carries_what_compose_said(fake_compose: FakeCompose) -> None:
    """An exit code other than 0 is an error with the text of standard error."""
    stack = fake_compose({("ps",): Answer(stderr="no such file", returncode=14)})

    with pytest.raises(ComposeError, match="no such file") as caught:
        stack("ps")

    assert caught.value.exit_code == 14


def test_failure_without_stderr_shows_stdout(fake_compose: FakeCompose) -> None:
    """Some releases complain on standard output."""
    stack = fake_compose({("ps",): Answer(stdout="oops", returncode=1)})

    with pytest.raises(ComposeError, match="oops"):
        stack("ps")


@pytest.mark.parametrize("partial", [b"pulling", "pulling", None], ids=repr)
def test_late_command_is_a_timeout(
    fake_compose: FakeCompose, partial: bytes | str | None
) -> None:
    """A command over its limit is an error of its own, with what it said so far."""
    late = subprocess.TimeoutExpired(["docker"], 5, stderr=partial)
    stack = fake_compose({("up",): late})

    with pytest.raises(ComposeTimeout) as caught:
        stack("up", timeout=5)

    assert caught.value.timeout == 5
    assert caught.value.evidence == ("pulling" if partial else "")


def test_missing_docker_command_is_told(fake_compose: FakeCompose) -> None:
    """A machine without docker gives the same kind of error as a failed command."""
    stack = fake_compose({("ps",): FileNotFoundError("docker")})

    with pytest.raises(ComposeError) as caught:
        stack("ps")

    assert caught.value.exit_code == 127


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        (lambda s: s.up(), ("up", "--detach", "--no-build")),
        (
            lambda s: s.up("web", options=("--no-deps",)),
            ("up", "--detach", "--no-build", "--no-deps", "web"),
        ),
        (lambda s: s.down(), ("down", "--remove-orphans", "--volumes")),
        (lambda s: s.down(volumes=False), ("down", "--remove-orphans")),
        (lambda s: s.stop("web"), ("stop", "web")),
        (lambda s: s.start("web"), ("start", "web")),
        (lambda s: s.kill("web"), ("kill", "--signal", "SIGKILL", "web")),
        (lambda s: s.kill(signal="SIGTERM"), ("kill", "--signal", "SIGTERM")),
        (lambda s: s.pause("web"), ("pause", "web")),
        (lambda s: s.unpause("web"), ("unpause", "web")),
        (
            lambda s: s.logs("web", tail=200),
            ("logs", "--no-color", "--timestamps", "--tail", "200", "web"),
        ),
        (
            lambda s: s.logs(),
            ("logs", "--no-color", "--timestamps", "--tail", "all"),
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_verb_is_one_command(
    call: Callable[[Compose], object], arguments: tuple[str, ...]
) -> None:
    """Each method runs exactly its command."""
    docker = FakeDocker(answers={arguments: Answer()})

    call(Compose(project="demo", files=(), run=docker))

    assert docker.calls == [("docker", "compose", "--project-name", "demo", *arguments)]


def test_snapshot_joins_what_is_and_what_was_promised(
    fake_compose: FakeCompose, config_text: str
) -> None:
    """A snapshot holds the rows of ps beside the declared services."""
    row = {"ID": "1", "Name": "demo-web-1", "Service": "web", "State": "running"}
    stack = fake_compose(
        {
            ("config", "--format=json"): Answer(stdout=config_text),
            ("ps", "--all", "--format=json"): Answer(stdout=json.dumps(row)),
        }
    )

    seen = stack.snapshot(stack.model())

    assert seen.missing == {"store", "setup"}


@pytest.mark.parametrize(
    ("answer", "endpoint", "url"),
    [
        (
            "127.0.0.1:32768\n",
            Endpoint(host="127.0.0.1", port=32768),
            "http://127.0.0.1:32768/health",
        ),
        ("[::1]:80\n", Endpoint(host="::1", port=80), "http://[::1]:80/health"),
    ],
)
def test_port_is_an_endpoint(
    fake_compose: FakeCompose, answer: str, endpoint: Endpoint, url: str
) -> None:
    """A published port is where the host finds it, with IPv6 in brackets."""
    stack = fake_compose({("port", "web", "8080"): Answer(stdout=answer)})

    found = stack.port("web", 8080)

    assert found == endpoint
    assert found.url("/health") == url


@pytest.mark.parametrize("answer", ["", ":0\n", "invalid IP:0\n"])
def test_unpublished_port_is_an_error(fake_compose: FakeCompose, answer: str) -> None:
    """A port that Compose cannot place is told, not guessed."""
    stack = fake_compose({("port", "web", "8080"): Answer(stdout=answer)})

    with pytest.raises(ModelError, match="published port 8080 of web"):
        stack.port("web", 8080)


def test_runner_captures_a_real_command() -> None:
    """The runner gives text, the exit code and the environment it was handed."""
    script = "import os, sys; print(os.environ['NAME']); sys.exit('bad')"

    done = run_command((sys.executable, "-c", script), env={"NAME": "x"}, timeout=10)

    assert (done.stdout, done.stderr, done.returncode) == ("x\n", "bad\n", 1)


def test_fake_refuses_unknown_commands(fake_compose: FakeCompose) -> None:
    """A test cannot pass on a command that it did not expect."""
    with pytest.raises(AssertionError, match="no answer was set for"):
        fake_compose({}).stop()
