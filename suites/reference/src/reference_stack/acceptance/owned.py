"""Start a stack for scenarios, on small disks of its own, and leave nothing behind."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from docker import DockerClient

from stackproof import EventRecorder, find_free_subnet
from stackproof.contract.source import read_contract
from stackproof.faults.disks import small_disk
from stackproof.verify.abandoned import remove_images, remove_project
from stackproof.verify.stack import Stack
from stackproof.verify.vantage import choose_vantage, on_this_host

from ..project import SourceKind, prepare
from ..stack import ReferenceStack

PURPOSE = "ha-ingestor-acceptance"
"""First part of the names of all projects of this suite."""

_MIB = 2**20
_DISKS = {
    # volume: (size in bytes, user and group of its service)
    "influxdb_data": (1024 * _MIB, 1000),
    "ingestion_spool": (512 * _MIB, 10001),
}
_OVERRIDES = {
    # Less than the disk, so that each of the two can be full first.
    "SPOOL_MAX_MB": "384",
}


@contextmanager
def acceptance_stack(
    engine: DockerClient, source: SourceKind, *, version: str | None = None
) -> Iterator[tuple[ReferenceStack, Stack]]:
    """Start a stack; yield it twice, as the suites and as the kit's faults see it.

    It is healthy when it comes. All of it is removed at the end, whatever happens; the
    caller lets one interruption only end the run (`stackproof.interrupt`).

    Args:
        engine: where it is to run.
        source: what plays Home Assistant.
        version: of our images, if not the one of the environment file.
    """
    overrides = {**_OVERRIDES, **({"HA_INGESTOR_VERSION": version} if version else {})}
    with ExitStack() as cleanup:
        folder = Path(
            cleanup.enter_context(tempfile.TemporaryDirectory(prefix="acceptance-"))
        )
        project = prepare(
            folder / "project",
            source=source,
            purpose=PURPOSE,
            subnet=find_free_subnet(engine),
            overrides=overrides,
            overlays=(_on_small_disks(folder / "disks.yml", cleanup),),
        )
        recorder = cleanup.enter_context(EventRecorder.of_project(engine, project.name))
        cleanup.callback(remove_images, engine, project.name)
        cleanup.callback(remove_project, engine, project.name)
        project.compose.up()
        stack = ReferenceStack(
            project=project,
            model=project.compose.model(),
            engine=engine,
            recorder=recorder,
        )
        stack.await_healthy()
        yield stack, proof_of(stack, folder)


def proof_of(stack: ReferenceStack, folder: Path) -> Stack:
    """Return a running stack as the kit's faults see it."""
    contract = read_contract(stack.compose)
    made = Stack(
        contract=contract,
        compose=stack.compose,
        document=contract.document,
        model=contract.model,
        engine=stack.engine,
        vantage=choose_vantage(
            stack.project.name, helper_image=None, local=on_this_host(stack.engine)
        ),
        owned=True,
        recorder=stack.recorder,
        folder=folder,
    )
    made.expect_no_more()
    return made


def _on_small_disks(file: Path, cleanup: ExitStack) -> Path:
    """Write the overlay that puts volumes on disks of this run."""
    volumes = {
        name: {
            "driver": "local",
            "driver_opts": {
                "type": "ext4",
                "device": str(cleanup.enter_context(small_disk(size, owner=owner))),
            },
        }
        for name, (size, owner) in _DISKS.items()
    }
    file.write_text(json.dumps({"volumes": volumes}), "utf-8")
    return file
