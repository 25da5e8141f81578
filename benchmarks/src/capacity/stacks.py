"""A stack for a run: one of its own, or one that runs already."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from docker import DockerClient

from reference_stack import ReferenceStack, SourceKind
from reference_stack.project import Variant, prepare, settings_of
from stackproof import EventRecorder, find_free_subnet
from stackproof.errors import ComposeError
from stackproof.verify.abandoned import remove_abandoned, remove_project

from .containers import PORTS, PROJECT, by_service, text_in, variables_of
from .errors import UsageError
from .names import ADMIN, ENRICHMENT, INGESTION, SOURCE
from .null_source import SOURCE_WEIGHT
from .stack_rig import StackRig

__all__ = ["PURPOSE", "attached", "limits_from", "overlay_of", "owned"]

PURPOSE: Final = "ha-ingestor-capacity"
"""First part of the names of all projects of a capacity run."""
_UP_SECONDS: Final = 120.0
_STARTS: Final = 3
_OVERLAP: Final = "overlap"
"""Of the engine's "Pool overlaps with other one on this address space"."""


@contextmanager
def owned(
    engine: DockerClient,
    *,
    real: bool = False,
    version: str | None = None,
    limits: Mapping[str, str] | None = None,
    source_cpus: float | None = None,
    images: Mapping[str, str] | None = None,
) -> Iterator[StackRig]:
    """Start a healthy stack with production's limits; remove it at the end.

    Args:
        engine: where it is to run.
        real: with a real Home Assistant instead of the simulator.
        version: of our images, if not the one of the environment file.
        limits: variables of the environment file that are to be otherwise.
        source_cpus: cores that the source may use, if not those of its file.
        images: of services that are to run another one than their version's.
    """
    remove_abandoned(engine, purpose=PURPOSE)
    with ExitStack() as cleanup:
        folder = Path(
            cleanup.enter_context(tempfile.TemporaryDirectory(prefix="capacity-"))
        )
        overlay = folder / "overlay.json"
        overlay.write_text(json.dumps(overlay_of(source_cpus, images or {})), "utf-8")
        for left in reversed(range(_STARTS)):
            project = prepare(
                folder / f"project-{left}",
                source=SourceKind.HOME_ASSISTANT if real else SourceKind.SIMULATOR,
                purpose=PURPOSE,
                subnet=find_free_subnet(engine),
                overrides={
                    **({"HA_INGESTOR_VERSION": version} if version else {}),
                    **(limits or {}),
                },
                overlays=(overlay,),
            )
            cleanup.callback(remove_project, engine, project.name)
            recorder = cleanup.enter_context(
                EventRecorder.of_project(engine, project.name)
            )
            try:
                project.compose.up()
            except ComposeError as err:
                # Somebody took the addresses after they were found to be free.
                if not left or _OVERLAP not in str(err).lower():
                    raise
            else:
                break
        stack = ReferenceStack(
            project=project,
            model=project.compose.model(),
            engine=engine,
            recorder=recorder,
        )
        stack.await_healthy()
        rig = StackRig(
            engine=engine,
            project=project.name,
            settings=project.settings,
            read_token=project.secret("influxdb_admin_token"),
            write_token=project.secret("influxdb_admin_token"),
            home_token=stack.home_assistant.token,
            real=real,
        )
        # Checks of health are processes of their own: once a second they would be a
        # load. All start again, together, with the interval of production.
        replace(
            project.compose, environment={**project.settings, "HEALTH_INTERVAL": "10s"}
        ).up(*PORTS, ADMIN, options=("--no-deps",))
        rig.await_ready(timeout=_UP_SECONDS)
        cleanup.callback(rig.close_null)
        yield rig


@contextmanager
def attached(
    engine: DockerClient, name: str, *, real: bool = False
) -> Iterator[StackRig]:
    """Use a project that runs; nothing of it is removed.

    Raises:
        UsageError: it does not run, or has no source that this program can drive.
    """
    rows = engine.containers.list(filters={"label": f"{PROJECT}={name}"})
    services = by_service(rows)
    missing = sorted(set(PORTS) - set(services))
    if missing:
        raise UsageError(f"--attach {name}: not running there: {', '.join(missing)}")
    settings = variables_of(services[ENRICHMENT])
    token = text_in(services[ENRICHMENT], "/run/influxdb-tokens/read_token")
    writing = text_in(services[ENRICHMENT], "/run/influxdb-tokens/write_token")
    home = (
        "" if not real else text_in(services[INGESTION], "/run/secrets/ha_access_token")
    )
    rig = StackRig(
        engine=engine,
        project=name,
        settings=settings,
        read_token=token,
        write_token=writing,
        home_token=home,
        real=real,
    )
    try:
        yield rig
    finally:
        rig.close_null()


def limits_from(pairs: Sequence[str]) -> dict[str, str]:
    """Return the limits of a command line, each a VARIABLE=VALUE.

    Raises:
        UsageError: production's environment file has no such variable, so that the
            stack would have production's limits.
    """
    limits = dict(pair.split("=", 1) for pair in pairs)
    known = settings_of(Variant.PRODUCTION)
    for name in limits:
        if name not in known:
            there = ", ".join(sorted(one for one in known if one.endswith("_LIMIT")))
            raise UsageError(
                f"--limit {name} is not in stack/.env.production; {there} are"
            )
    return limits


def overlay_of(source_cpus: float | None, images: Mapping[str, str]) -> dict[str, Any]:
    """Return the Compose file on top of the stack's (pure).

    It lets the source keep its schedule, and gives services other images.
    """
    source: dict[str, Any] = {"cpu_shares": SOURCE_WEIGHT}
    if source_cpus is not None:
        source["deploy"] = {"resources": {"limits": {"cpus": f"{source_cpus:g}"}}}
    services = {SOURCE: source}
    for name, image in images.items():
        services.setdefault(name, {})["image"] = image
    return {"services": services}
