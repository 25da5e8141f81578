"""The one way to `docker compose`: every call is built, limited and judged here."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from .errors import ComposeError, ComposeTimeout, ModelError
from .model import Container, Snapshot, StackModel
from .parsing import parse_config, parse_containers

_QUICK_SECONDS = 60.0
_UP_SECONDS = 300.0
_NOT_FOUND = 127


class Completed(Protocol):
    """What a runner answers: `subprocess.CompletedProcess` has this shape."""

    @property
    def returncode(self) -> int:
        """The exit code."""
        ...

    @property
    def stdout(self) -> str:
        """All of standard output."""
        ...

    @property
    def stderr(self) -> str:
        """All of standard error."""
        ...


class Runner(Protocol):
    """Runs one command to its end."""

    def __call__(
        self, argv: tuple[str, ...], *, env: Mapping[str, str], timeout: float
    ) -> Completed:
        """Return what the command said; raise `subprocess.TimeoutExpired` when late."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the host reaches a published container port."""

    host: str
    port: int

    def url(self, path: str = "", *, scheme: str = "http") -> str:
        """Return the URL of `path` at this endpoint."""
        return f"{scheme}://{self}{path}"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def run_command(
    argv: tuple[str, ...], *, env: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run a command without a shell and capture what it says."""
    return subprocess.run(
        argv,
        env=dict(env),
        timeout=timeout,
        check=False,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        stdin=subprocess.DEVNULL,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Compose:
    """One Compose project.

    Attributes:
        project: project name; a random one keeps runs apart. "" leaves it to the
            files, which is of use only to read them.
        files: the base file and its overlays, in order.
        env_files: files for interpolation, in order; more than one needs Compose 2.17.
            With none, Compose reads the file .env beside the first of `files`.
        profiles: profiles to switch on.
        environment: variables that win over the env files and the caller's environment.
            The caller's own COMPOSE_* variables are not handed on: what is under test
            depends on these attributes alone.
        run: runs the command; a fake stands in for it in unit tests.
    """

    project: str
    files: tuple[Path, ...]
    env_files: tuple[Path, ...] = ()
    profiles: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    run: Runner = run_command

    @property
    def env_files_read(self) -> tuple[Path, ...]:
        """The env files that Compose reads, also the one that it takes by itself."""
        beside = [path.absolute().with_name(".env") for path in self.files[:1]]
        return self.env_files or tuple(path for path in beside if path.is_file())

    def __call__(self, *args: str, timeout: float = _QUICK_SECONDS) -> str:
        """Run `docker compose` for this project and return its standard output.

        Raises:
            ComposeError: it ended with another code than 0.
            ComposeTimeout: it did not end within `timeout` seconds.
        """
        return self._completed(args, timeout).stdout

    def _completed(self, args: tuple[str, ...], timeout: float) -> Completed:
        argv = (
            *("docker", "compose"),
            *(("--project-name", self.project) if self.project else ()),
            *(f"--file={path}" for path in self.files),
            *(f"--env-file={path}" for path in self.env_files),
            *(f"--profile={profile}" for profile in self.profiles),
            *args,
        )
        try:
            done = self.run(
                argv, env={**_inherited(), **self.environment}, timeout=timeout
            )
        except subprocess.TimeoutExpired as err:
            raise ComposeTimeout(argv, timeout, _decoded(err.stderr)) from err
        except FileNotFoundError as err:
            raise ComposeError(argv, _NOT_FOUND, str(err)) from err
        if done.returncode:
            raise ComposeError(argv, done.returncode, done.stderr or done.stdout)
        return done

    def up(
        self,
        *services: str,
        options: tuple[str, ...] = (),
        timeout: float = _UP_SECONDS,
    ) -> None:
        """Create and start services, all of them by default; nothing is built.

        Returns when Compose has met the conditions of every `depends_on`, not when the
        last service is healthy: wait for that with `wait_until`.
        """
        self("up", "--detach", "--no-build", *options, *services, timeout=timeout)

    def down(self, *, volumes: bool = True, timeout: float = _UP_SECONDS) -> None:
        """Remove the project, its orphans and, unless told otherwise, its volumes."""
        keep_or_drop = ("--volumes",) if volumes else ()
        self("down", "--remove-orphans", *keep_or_drop, timeout=timeout)

    def stop(self, *services: str, timeout: float = _UP_SECONDS) -> None:
        """Stop services with their own signal and grace period."""
        self("stop", *services, timeout=timeout)

    def start(self, *services: str, timeout: float = _UP_SECONDS) -> None:
        """Start services that exist and are stopped."""
        self("start", *services, timeout=timeout)

    def kill(self, *services: str, signal: str = "SIGKILL") -> None:
        """Send a signal; the engine takes it as a stop by hand: it does not restart."""
        self("kill", "--signal", signal, *services)

    def pause(self, service: str) -> None:
        """Freeze all processes of a service."""
        self("pause", service)

    def unpause(self, service: str) -> None:
        """Thaw a service."""
        self("unpause", service)

    def ps(self) -> tuple[Container, ...]:
        """Return all containers of the project, those that ended included."""
        return parse_containers(self("ps", "--all", "--format=json"))

    def config(self) -> str:
        """Return the effective configuration as JSON text."""
        return self("config", "--format=json")

    def config_and_warnings(self) -> tuple[str, str]:
        """Return the effective configuration and what Compose said while reading."""
        done = self._completed(("config", "--format=json"), _QUICK_SECONDS)
        return done.stdout, done.stderr

    def model(self) -> StackModel:
        """Return the effective configuration, parsed."""
        return parse_config(self.config())

    def snapshot(self, model: StackModel) -> Snapshot:
        """Look once at what is there."""
        return Snapshot(model=model, containers=self.ps())

    def logs(self, *services: str, tail: int | None = None) -> str:
        """Return the logs, with the engine's time stamps."""
        lines = "all" if tail is None else str(tail)
        return self("logs", "--no-color", "--timestamps", "--tail", lines, *services)

    def port(self, service: str, target: int) -> Endpoint:
        """Return where the host reaches a container port.

        Raises:
            ModelError: the port is not published.
            ComposeError: there is no such container.
        """
        answer = self("port", service, str(target)).strip()
        host, colon, port = answer.rpartition(":")
        if not colon or not port.isdigit() or port == "0":
            subject = f"published port {target} of {service}"
            raise ModelError(subject, f"compose says {answer!r}")
        return Endpoint(host=host.strip("[]"), port=int(port))


def _inherited() -> dict[str, str]:
    """Return the caller's environment without what would choose another stack."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("COMPOSE_")
    }


def _decoded(output: bytes | str | None) -> str:
    if isinstance(output, bytes):
        return output.decode("utf-8", errors="replace")
    return output or ""
