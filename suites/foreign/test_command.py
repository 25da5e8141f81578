"""The command and the pytest plugin on a real engine."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from docker import DockerClient

from stackproof.compose import Compose
from stackproof.events import EventRecorder
from stackproof.report.folder import read_report
from stackproof.verify.abandoned import project_name

pytestmark = pytest.mark.timeout(180)

STACKS = Path(__file__).resolve().parent / "stacks"
SECRET = "not-for-anybodys-eyes"
QUICK = ("--select", "ORDER-01", "OPS", "--non-destructive")


@pytest.fixture
def shop(tmp_path: Path) -> Callable[..., Path]:
    """Copy the shop, changed if need be."""

    def make(defect: Callable[[dict[str, Any]], object] | None = None) -> Path:
        folder = tmp_path / "shop"
        shutil.copytree(STACKS / "shop", folder)
        file = folder / "compose.yml"
        document = yaml.safe_load(file.read_text("utf-8"))
        if defect is not None:
            defect(document["services"])
        file.write_text(yaml.safe_dump(document), "utf-8")
        return file

    return make


def command(*args: object) -> list[str]:
    """Return a call of stackproof."""
    return [sys.executable, "-m", "stackproof", *map(str, args)]


def run(*args: object) -> subprocess.CompletedProcess[str]:
    """Run stackproof to its end."""
    return subprocess.run(
        command(*args), check=False, capture_output=True, encoding="utf-8", timeout=150
    )


def left_over(engine: DockerClient, process: int) -> list[str]:
    """Return what a process has left on the engine."""
    names = [
        *(str(one.name) for one in engine.containers.list(all=True)),
        *(str(one.name) for one in engine.networks.list()),
        *(str(one.name) for one in engine.volumes.list()),
    ]
    return [name for name in names if f"stackproof-{process}-" in name]


def test_sound_stack_ends_with_0(shop: Callable[..., Path], tmp_path: Path) -> None:
    """The report is whole, valid and holds a time line."""
    done = run("verify", "-f", shop(), *QUICK, "--report", tmp_path / "run")

    assert done.returncode == 0, done.stdout + done.stderr
    kept = read_report(tmp_path / "run")
    assert kept.document["verdict"] == "pass"
    assert {"create", "start", "health_status"} <= {e.action for e in kept.events}
    assert kept.logs == {}
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "api waits for store (service_healthy)" in page


@pytest.mark.gate
def test_broken_promise_ends_with_1(shop: Callable[..., Path], tmp_path: Path) -> None:
    """The failing service's log is kept, and its secrets are in no file."""

    def defect(services: dict[str, Any]) -> None:
        worker = services["worker"]
        worker["environment"] = {"DB_PASSWORD": SECRET}
        worker["command"] = ["sh", "-c", "echo using $$DB_PASSWORD; exit 3"]
        worker["restart"] = "no"
        worker["healthcheck"] = {"test": ["CMD", "true"]}

    done = run("verify", "-f", shop(defect), *QUICK, "--report", tmp_path / "run")

    assert done.returncode == 1, done.stdout + done.stderr
    kept = read_report(tmp_path / "run")
    failed = [c for c in kept.document["checks"] if c["verdict"] == "fail"]
    assert {check["subject"]["service"] for check in failed} == {"worker"}
    assert "using **********" in kept.logs["worker"]
    files = [file for file in (tmp_path / "run").rglob("*") if file.is_file()]
    assert [file.name for file in files if SECRET in file.read_text("utf-8")] == []
    assert SECRET not in done.stdout + done.stderr


def test_missing_image_ends_with_2(shop: Callable[..., Path]) -> None:
    """An environment in which the stack cannot be made is no broken promise."""

    def defect(services: dict[str, Any]) -> None:
        services["worker"] |= {"image": "nobody/has-this:1", "pull_policy": "never"}

    done = run("verify", "-f", shop(defect), "--select", "ORDER-01")

    assert done.returncode == 2
    assert "nobody/has-this:1" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.gate
def test_interrupt_removes_everything(
    shop: Callable[..., Path], engine: DockerClient
) -> None:
    """Two Ctrl-C in the middle of the start end with 130 and an empty engine."""
    with subprocess.Popen(
        command("verify", "-f", shop(), *QUICK),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if line.startswith("starting"))
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=90)

    assert process.returncode == 130
    assert left_over(engine, process.pid) == []


@pytest.fixture
def live(shop: Callable[..., Path]) -> Iterator[Compose]:
    """A shop that runs for somebody."""
    compose = Compose(project=project_name("foreign-live"), files=(shop(),))
    try:
        compose.up(options=("--wait",))
        yield compose
    finally:
        compose.down()


def state(engine: DockerClient, project: str) -> list[tuple[str, str, int]]:
    """Return id, start time and restart count of each container."""
    found = engine.containers.list(
        all=True, filters={"label": f"com.docker.compose.project={project}"}
    )
    return sorted(
        (str(c.id), c.attrs["State"]["StartedAt"], c.attrs["RestartCount"])
        for c in found
    )


@pytest.mark.gate
def test_live_project_is_only_read(
    live: Compose, engine: DockerClient, tmp_path: Path
) -> None:
    """Nothing is started, stopped, made or executed; containers stay the same."""
    before = state(engine, live.project)
    with EventRecorder.of_project(engine, live.project) as recorder:
        done = run(
            *("verify", "--live", live.project, "-f", live.files[0]),
            *("--report", tmp_path / "run"),
        )
        events = recorder.events

    assert read_report(tmp_path / "run").document["mode"] == "live"
    assert done.returncode in {0, 3}, done.stdout + done.stderr
    assert {event.action for event in events} <= {"health_status"}
    assert state(engine, live.project) == before


@pytest.mark.gate
def test_pytest_collects_the_file(
    shop: Callable[..., Path], tmp_path: Path, engine: DockerClient
) -> None:
    """Items run on one copy, which is gone afterwards; policies are skipped."""

    def defect(services: dict[str, Any]) -> None:
        del services["web"]["logging"]

    file = shop(defect)
    argv = [
        *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:asyncio"),
        *(f"--rootdir={file.parent}", "-v", "-rs", str(file)),
        *("--stack-select=ORDER-01", "--stack-select=OPS-07"),
        f"--junitxml={tmp_path / 'junit.xml'}",
    ]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, encoding="utf-8") as process:
        said, _ = process.communicate(timeout=150)

    assert process.returncode == 0, said
    assert "ORDER-01[api after store: service_healthy] PASSED" in said
    assert "OPS-07[web] SKIPPED" in said
    assert "not promised: " in said
    assert left_over(engine, process.pid) == []


def test_plan_and_run_agree(shop: Callable[..., Path], tmp_path: Path) -> None:
    """A plan and a run name the same cases."""
    file = shop()
    plan = run("plan", "-f", file, *QUICK, "--json")
    run("verify", "-f", file, *QUICK, "--report", tmp_path / "run")

    planned = [(c["id"], c["label"]) for c in json.loads(plan.stdout)["checks"]]
    report = read_report(tmp_path / "run").document
    assert [(c["id"], c["label"]) for c in report["checks"]] == planned


def test_helper_image_sees_the_same(shop: Callable[..., Path]) -> None:
    """Who is not root looks from a helper container and decides as much."""
    done = run(
        *("verify", "-f", shop(), "--non-destructive"),
        *("--helper-image", "ha-ingestor/python:3.13-runtime"),
        *("--select", "DISCOVERY", "LIMIT", "SECURITY"),
    )

    assert done.returncode == 0, done.stdout + done.stderr
