"""The command ends with the promised codes and never with a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stackproof.cli import main
from stackproof.registry import all_checks
from stackproof.report.schema import PLAN, validate

Docker = Callable[..., Path]
Capture = pytest.CaptureFixture[str]


def test_plan_tells_what_would_be_checked(
    docker_command: Docker, capsys: Capture
) -> None:
    """Cases by service, and the coverage at the end; only `config` is run."""
    calls = docker_command(stderr='level=warning msg="version is obsolete"\n')

    assert main(["plan"]) == 0

    out = capsys.readouterr().out
    assert "ORDER-01[web after setup: service_completed_successfully]" in out
    assert "Compose warns: version is obsolete" in out
    assert out.splitlines()[-1].startswith("coverage: ")
    (call,) = calls.read_text().splitlines()
    assert call.endswith("compose.yml config --format=json")


def test_plan_as_json(
    docker_command: Docker, config_text: str, capsys: Capture
) -> None:
    """JSON has the published shape; files and profiles are handed on."""
    config = json.loads(config_text)
    config["services"]["web"]["profiles"] = ["p"]
    calls = docker_command(text=json.dumps(config))
    Path("b.yml").write_text("")
    Path("vars").write_text("")

    options = ["--env-file", "vars", "--profile", "p", "--select", "ORDER"]
    code = main(["plan", "-f", "compose.yml", "-f", "b.yml", "--json", *options])

    document = json.loads(capsys.readouterr().out)
    assert code == 0
    validate(document, PLAN, origin="plan")
    assert {check["family"] for check in document["checks"]} == {"ORDER"}
    for option in ("--file=b.yml", "--env-file=vars", "--profile=p"):
        assert option in calls.read_text()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["plan", "-f", "absent.yml"], "absent.yml: no such file"),
        (["plan", "-f", "."], "name the file in it"),
        (["plan", "--env-file", "absent"], "absent: no such file"),
        (["plan", "--profile", "x"], "no service of the files has this profile"),
        (["plan", "--select", "NOPE"], "no check has the id 'NOPE'"),
        (["explain", "NOPE-01"], "no check has the id 'NOPE-01'"),
        (["verify", "--ignore", "ORDER-01"], "each exception needs one reason"),
        (["verify", "--live", "p", "--keep"], "--keep changes something"),
        (["verify", "--live", "p", "--build"], "--build changes something"),
        (["verify", "--report", "."], "holds no report"),
        (["report", "."], "report.json: no such file"),
        (["diff", ".", "."], "report.json: no such file"),
    ],
)
def test_wrong_use_is_explained(
    docker_command: Docker, capsys: Capture, argv: list[str], message: str
) -> None:
    """Code 2 and one message."""
    assert main(argv) == 2

    said = capsys.readouterr()
    assert message in said.err
    assert said.err.startswith("stackproof: ")
    assert "Traceback" not in said.err


@pytest.mark.parametrize("argv", [[], ["nonsense"], ["plan", "--nonsense"]])
def test_wrong_command_line(capsys: Capture, argv: list[str]) -> None:
    """The parser ends with 2 as well, and names the help."""
    with pytest.raises(SystemExit) as end:
        main(argv)

    assert end.value.code == 2
    assert "--help" in capsys.readouterr().err


def test_invalid_file_is_explained(docker_command: Docker, capsys: Capture) -> None:
    """File, key and remedy."""
    docker_command(
        code=15,
        stderr="validating compose.yml: services.web Additional property imag is not "
        "allowed\n",
    )

    assert main(["plan"]) == 2

    said = capsys.readouterr().err
    assert "compose.yml" in said
    assert "services.web Additional property imag" in said
    assert "to fix it: remove the key or correct its name" in said


def test_missing_docker_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Without the command nothing can be read."""
    (tmp_path / "compose.yml").write_text("services: {}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert main(["plan"]) == 2

    assert "`docker` is not on PATH" in capsys.readouterr().err


def test_engine_out_of_reach(
    docker_command: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine is asked before anything else is done; also as a module."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")

    # A process of its own: the SDK leaves its socket open when it cannot connect.
    done = subprocess.run(
        [sys.executable, "-m", "stackproof", "verify"],
        check=False,
        capture_output=True,
        encoding="utf-8",
        timeout=9,
    )

    assert done.returncode == 2
    assert "the engine cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr


def test_explain_prints_a_family(capsys: Capture) -> None:
    """All of a family, each with its title."""
    assert main(["explain", "order"]) == 0

    out = capsys.readouterr().out
    assert "ORDER-01  A service starts after what it depends on" in out
    assert "What to do about a failure" in out


def test_list_has_every_check(capsys: Capture) -> None:
    """One line a check."""
    assert main(["list"]) == 0

    ids = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert ids == [check.id for check in all_checks()]
