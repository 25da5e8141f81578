"""Where a probe is run from: the host itself, or a helper container."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import ProbeError

if TYPE_CHECKING:
    from docker import DockerClient

_PACKAGE = Path(__file__).resolve().parents[1]
_CAPABILITIES = ("NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE")
_UNCONFINED = ("apparmor=unconfined", "seccomp=unconfined", "label=disable")
_OWN_SOCKET = "http+docker://localhost"  # as the docker SDK spells a Unix socket
LABEL = "io.stackproof.run"
"""Label of every container beside the project's own; its value is the project."""


class Vantage(Protocol):
    """A place that sees the processes, namespaces and control groups of containers."""

    def probe(
        self, name: str, request: Mapping[str, Any], *, timeout: float = 30.0
    ) -> Mapping[str, Any]:
        """Run one probe of `stackproof.probes` and return its answer.

        Raises:
            ProbeError: it could not observe what it was asked for, or was too late.
        """
        ...


@dataclass(frozen=True, slots=True)
class HostVantage:
    """Run probes as processes of this host, whose user is root."""

    def probe(
        self, name: str, request: Mapping[str, Any], *, timeout: float = 30.0
    ) -> Mapping[str, Any]:
        """Run one probe."""
        argv = (sys.executable, "-E", "-s", "-m", f"probes.{name}")
        return _run(name, argv, request, timeout, cwd=_PACKAGE)


@dataclass(frozen=True, slots=True)
class HelperVantage:
    """Run probes in a helper container that shares the host's processes and network.

    It may enter namespaces and look at processes, and no more: a host that withholds
    some capability from its engine refuses a privileged container.

    For a user who may talk to the engine and is not root, and for engines elsewhere.

    Attributes:
        image: any local image with `python3` of version 3.9 or later.
        project: the project under test, for the label.
    """

    image: str
    project: str

    def probe(
        self, name: str, request: Mapping[str, Any], *, timeout: float = 30.0
    ) -> Mapping[str, Any]:
        """Run one probe."""
        argv = (
            *("docker", "run", "--rm", "--interactive", "--pull=never"),
            *("--pid=host", "--network=host", "--cgroupns=host"),
            *(f"--cap-add={name}" for name in _CAPABILITIES),
            *(f"--security-opt={option}" for option in _UNCONFINED),
            *("--user=0", f"--label={LABEL}={self.project}", "--entrypoint=python3"),
            f"--volume={_PACKAGE / 'probes'}:/stackproof/probes:ro",
            *("--volume=/sys/fs/cgroup:/sys/fs/cgroup", "--workdir=/stackproof"),
            *(self.image, "-B", "-E", "-s", "-m", f"probes.{name}"),
        )
        return _run(name, argv, request, timeout)


@dataclass(frozen=True, slots=True)
class NoVantage:
    """Stands for the missing right to look; every probe says what would help."""

    reason: str

    def probe(
        self,
        name: str,
        request: Mapping[str, Any],  # noqa: ARG002 - the signature of the others
        *,
        timeout: float = 30.0,  # noqa: ARG002 - the same
    ) -> Mapping[str, Any]:
        """Refuse."""
        raise ProbeError(name, self.reason)


def on_this_host(engine: DockerClient) -> bool:
    """Tell whether the engine is reached by this host's own socket.

    Process ids of an engine elsewhere are those of other processes here.
    """
    return str(engine.api.base_url) == _OWN_SOCKET


def choose_vantage(project: str, *, helper_image: str | None, local: bool) -> Vantage:
    """Return the best vantage that this user has."""
    if helper_image:
        return HelperVantage(helper_image, project)
    if sys.platform == "linux" and os.geteuid() == 0 and local:
        return HostVantage()
    return NoVantage(
        "needs root on the engine's host, or --helper-image IMAGE: "
        "a local image with python3, run with the host's process ids"
    )


def _run(
    name: str,
    argv: tuple[str, ...],
    request: Mapping[str, Any],
    timeout: float,
    *,
    cwd: Path | None = None,
) -> Mapping[str, Any]:
    try:
        done = subprocess.run(
            argv,
            input=json.dumps(request),
            capture_output=True,
            timeout=timeout,
            check=False,
            encoding="utf-8",
            errors="replace",
            cwd=cwd,
        )
    except subprocess.TimeoutExpired as err:
        raise ProbeError(name, f"no answer after {timeout:g} s") from err
    except FileNotFoundError as err:
        raise ProbeError(name, str(err)) from err
    if done.returncode:
        raise ProbeError(name, _reason(done.stderr) or f"exit code {done.returncode}")
    try:
        answer = json.loads(done.stdout)
    except ValueError as err:
        raise ProbeError(name, f"no JSON: {done.stdout[:200]!r}") from err
    if not isinstance(answer, dict):
        raise ProbeError(name, f"no object: {done.stdout[:200]!r}")
    return answer


def _reason(said: str) -> str:
    """Return the line that tells why; the Docker CLI ends with advice (pure)."""
    lines = [line for line in said.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith("docker: ")]
    return (told or lines or [""])[-1].strip()
