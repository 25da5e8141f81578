"""The command and the pytest plugin on a real engine."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from docker import DockerClient

from stackproof.compose import Compose
from stackproof.report.folder import read_report
from stackproof.verify.abandoned import project_name

pytestmark = pytest.mark.timeout(180)

STACKS = Path(__file__).resolve().parent / "stacks"
PROJECT = "com.docker.compose.project"
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


Change = Callable[[dict[str, Any]], object]
Start = Callable[..., Compose]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Start]:
    """Start a stack that runs for somebody, changed if need be."""
    with ExitStack() as started:

        def start(stack: str, change: Change | None = None) -> Compose:
            folder = tmp_path / stack
            shutil.copytree(STACKS / stack, folder)
            file = folder / "compose.yml"
            document = yaml.safe_load(file.read_text("utf-8"))
            for service in document["services"].values():
                service["ports"] = [own_port(port) for port in service.get("ports", ())]
            if change is not None:
                change(document["services"])
            file.write_text(yaml.safe_dump(document), "utf-8")
            compose = Compose(project=project_name("foreign-live"), files=(file,))
            started.callback(compose.down)
            compose("create", timeout=500)
            compose.up(options=("--wait",))
            return compose

        yield start


def own_port(declared: str) -> str:
    """Return a port of a file with a number on this host that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}:{declared.rpartition(':')[2]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """All of a project that somebody could have changed."""

    containers: list[tuple[str, str, str, str, int]]
    networks: dict[str, list[str]]
    volumes: dict[str, str]

    @property
    def ids(self) -> frozenset[str]:
        """What the engine's events call these things."""
        containers = (row[0] for row in self.containers)
        return frozenset({*containers, *self.networks, *self.volumes})


def look(engine: DockerClient, project: str) -> Seen:
    """Look at a project, also at each file in its volumes."""
    ours: dict[str, str | list[str] | bool] = {"label": f"{PROJECT}={project}"}
    rows = engine.containers.list(all=True, filters=ours)
    names = {
        str(mount["Name"])
        for row in rows
        for mount in row.attrs["Mounts"]
        if mount["Type"] == "volume"
    }
    return Seen(
        containers=sorted(
            (
                str(row.id),
                str(row.name),
                str(row.attrs["State"]["Status"]),
                str(row.attrs["State"]["StartedAt"]),
                int(row.attrs["RestartCount"]),
            )
            for row in rows
        ),
        networks={
            str(network.id): sorted(
                engine.api.inspect_network(str(network.id))["Containers"]
            )
            for network in engine.networks.list(filters=ours)
        },
        volumes={
            str(volume.id): digest(Path(volume.attrs["Mountpoint"]))
            for volume in engine.volumes.list()
            if volume.id in names
            or (volume.attrs["Labels"] or {}).get(PROJECT) == project
        },
    )


def digest(folder: Path) -> str:
    """Return what tells all files of a folder, with owners, modes and times."""
    found = hashlib.sha256()
    for path in sorted([folder, *folder.rglob("*")]):
        kept = path.lstat()
        told = (path, kept.st_mode, kept.st_uid, kept.st_gid, kept.st_mtime_ns)
        found.update(repr(told).encode())
        if path.is_file() and not path.is_symlink():
            found.update(path.read_bytes())
    return found.hexdigest()


@contextmanager
def watched(seen: Seen) -> Iterator[list[dict[str, Any]]]:
    """Collect everything that the engine says of these things, health checks too."""
    found: list[dict[str, Any]] = []
    with subprocess.Popen(
        ["docker", "events", "--format", "{{json .}}"],
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        lines = process.stdout
        # A health check of the stack shows that the stream has begun.
        next(line for line in lines if json.loads(line)["Actor"]["ID"] in seen.ids)
        reader = Thread(
            target=lambda: found.extend(
                event
                for event in map(json.loads, lines)
                if event["Actor"]["ID"] in seen.ids
                or event["Actor"]["Attributes"].get("container") in seen.ids
            )
        )
        reader.start()
        yield found
        process.terminate()
        reader.join()


def own_work(event: dict[str, Any], checks: frozenset[str]) -> bool:
    """Tell whether an event is a health check of the stack itself, or a read."""
    action, _, what = event["Action"].partition(": ")
    if action in {"exec_create", "exec_start"}:
        return what in checks
    return action in {"exec_die", "health_status", "archive-path"}


def verify_live(
    engine: DockerClient, compose: Compose, report: Path
) -> subprocess.CompletedProcess[str]:
    """Verify a running project, and see that nothing of it has changed."""
    seen = look(engine, compose.project)
    rows = (engine.containers.get(row[0]) for row in seen.containers)
    tests = (row.attrs["Config"].get("Healthcheck", {}).get("Test") for row in rows)
    checks = frozenset(
        " ".join(["/bin/sh", "-c", *test[1:]] if test[0] == "CMD-SHELL" else test[1:])
        for test in tests
        if test
    )
    with watched(seen) as events:
        done = run(
            *("verify", "--live", compose.project, "-f", compose.files[0]),
            *("--report", report),
        )

    assert events
    assert [event for event in events if not own_work(event, checks)] == []
    assert look(engine, compose.project) == seen
    assert read_report(report).document["mode"] == "live"
    return done


def at_rest(services: dict[str, Any]) -> None:
    """Let the database write only when it is asked to: no worker, no running notes."""
    for setting in (
        "autovacuum=off",
        "bgwriter_lru_maxpages=0",
        "checkpoint_timeout=1h",
        "max_wal_senders=0",
        "wal_level=minimal",
    ):
        services["db"]["command"] += ["-c", setting]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("stack", "change"),
    [
        pytest.param("shop", None, id="shop", marks=pytest.mark.gate),
        pytest.param("packaged", at_rest, id="packaged"),
    ],
)
def test_live_project_is_only_read(
    live: Start,
    engine: DockerClient,
    tmp_path: Path,
    stack: str,
    change: Change | None,
) -> None:
    """No container, network, volume or file changes; the events show only reads."""
    project = live(stack, change)

    done = verify_live(engine, project, tmp_path / "run")

    assert done.returncode == 0, done.stdout + done.stderr


def broken(report: Path) -> set[tuple[str, str, str]]:
    """Return id, service and label of what a report calls broken."""
    return {
        (check["id"], check["subject"]["service"], check["label"])
        for check in read_report(report).document["checks"]
        if check["verdict"] in {"fail", "unknown"}
    }


def test_renamed_container_is_seen(
    live: Start, engine: DockerClient, tmp_path: Path
) -> None:
    """Somebody gave it another name; that is all that is wrong."""
    name = f"foreign-{secrets.token_hex(4)}"

    def named(services: dict[str, Any]) -> None:
        services["web"]["container_name"] = name

    project = live("shop", named)
    engine.containers.get(name).rename(f"{name}-old")

    done = verify_live(engine, project, tmp_path / "run")

    assert done.returncode == 1, done.stdout + done.stderr
    assert broken(tmp_path / "run") == {("OPS-05", "web", "web")}
    assert f"is called {name}-old" in done.stdout


def test_drift_is_seen(live: Start, engine: DockerClient, tmp_path: Path) -> None:
    """The file was changed since; the container was not made anew."""
    project = live("shop")
    (file,) = project.files
    document = yaml.safe_load(file.read_text("utf-8"))
    document["services"]["api"]["environment"]["LOG_LEVEL"] = "debug"
    file.write_text(yaml.safe_dump(document), "utf-8")

    done = verify_live(engine, project, tmp_path / "run")

    assert done.returncode == 1, done.stdout + done.stderr
    assert broken(tmp_path / "run") == {
        ("OPS-01", "api", "api: environment"),
        ("OPS-02", "api", "api"),
    }


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
