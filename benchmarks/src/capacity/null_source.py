"""A source without a stack: what the generator alone can send is measured with it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final, Self

import requests
from docker import DockerClient
from docker.models.containers import Container

from .calls import await_answer
from .containers import LOOPBACK, PORTS, PROJECT, published
from .errors import BadAnswer
from .names import SOURCE
from .reading import begin_reader
from .resources import look_at_container

__all__ = ["SOURCE_WEIGHT", "NullSource"]

SOURCE_WEIGHT: Final = 8192
"""CPU shares of a source: eight times that of others, so that it keeps up."""
_HEALTH_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NullSource:
    """It listens at `url`, and all that it sends is read and thrown away."""

    url: str
    container: Container | None
    ending: ExitStack

    @classmethod
    def like(
        cls,
        source: Container,
        *,
        engine: DockerClient,
        project: str,
        session: requests.Session,
    ) -> Self:
        """Start one of a simulator's image and limit, and a reader of it.

        Raises:
            BadAnswer: it does not come up.
        """
        limit = source.attrs["HostConfig"]["NanoCpus"]
        token = "calibration"  # noqa: S105 - of a source that lives for seconds
        with ExitStack() as ending:
            container = engine.containers.run(
                source.attrs["Config"]["Image"],
                detach=True,
                init=True,
                read_only=True,
                cap_drop=["ALL"],
                environment={"HA_SIMULATOR_TOKEN": token},
                labels={PROJECT: project},
                mem_limit="1g",
                tmpfs={"/tmp": "size=16m,mode=1777"},  # noqa: S108 - in the container
                network=next(iter(source.attrs["NetworkSettings"]["Networks"])),
                ports={f"{PORTS[SOURCE]}/tcp": (LOOPBACK, 0)},
                cpu_shares=SOURCE_WEIGHT,
                nano_cpus=limit or None,
            )
            ending.callback(container.remove, v=True, force=True)
            container.reload()
            place = published(container, SOURCE)
            if place is None:
                raise BadAnswer(SOURCE, "the engine has published no port of it")
            host, port = place
            url = f"http://{host}:{port}"
            await_answer(session, f"{url}/health", seconds=_HEALTH_SECONDS)
            begin_reader(ending, f"{host}:{port}", token)
            return cls(url=url, container=container, ending=ending.pop_all())

    @classmethod
    def beside_home(cls) -> Self:
        """Start a process that takes what is sent to a real Home Assistant.

        Raises:
            BadAnswer: it does not say where it listens.
        """
        with ExitStack() as ending:
            home = ending.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "capacity.null_home"],
                    stdout=subprocess.PIPE,
                    start_new_session=True,
                )
            )
            ending.callback(home.terminate)
            port = b"" if home.stdout is None else home.stdout.readline().strip()
            if not port.isdigit():
                raise BadAnswer("null_home", "it does not say where it listens")
            url = f"http://{LOOPBACK}:{int(port)}"
            return cls(url=url, container=None, ending=ending.pop_all())

    def cpu(self) -> float:
        """Return the CPU seconds of its container so far; 0 where it has none."""
        if self.container is None:
            return 0.0
        self.container.reload()
        return look_at_container(
            self.container.attrs["State"]["Pid"], str(self.container.id)
        ).cpu

    def close(self) -> None:
        """Remove it, and its reader."""
        self.ending.close()
