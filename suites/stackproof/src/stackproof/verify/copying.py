"""Write the files of a copy that runs beside anything else, in ranges of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Network, ip_network
from itertools import combinations
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from ..compose import Compose
from ..contract.source import Contract
from ..errors import SourceError
from ..subnet import POOLS, choose_subnet, engine_networks, parse_routes
from .isolate import BindCopy, Isolated, isolate

if TYPE_CHECKING:
    from docker import DockerClient

_BINDS = "binds"
_FILE = "compose.json"
_LARGEST_COPY = 256 * 2**20
_OVERLAP = "overlap"
"""Of the engine's "Pool overlaps with other one on this address space"."""


def write_copy(
    contract: Contract,
    engine: DockerClient,
    folder: Path,
    project: str,
    *,
    crowded: bool = False,
) -> tuple[Compose, Isolated]:
    """Write the configuration to run, and copies of what it writes to on the host.

    Args:
        contract: what the files say.
        engine: whose networks are in use.
        folder: of this run; what an earlier call left there is replaced.
        project: name of the copy.
        crowded: move each declared address range, and far away from where the engine
            takes those that nobody declares.

    Raises:
        SourceError: the copy cannot be made.
    """
    shutil.rmtree(folder / _BINDS, ignore_errors=True)
    used = [
        *engine_networks(engine),
        *parse_routes(Path("/proc/net/route").read_text("ascii")),
    ]
    chance = Random()  # noqa: S311 - no secret
    pools = POOLS[::-1] if crowded else POOLS

    def taken(subnet: str) -> bool:
        wanted = ip_network(subnet, strict=False)
        return crowded or any(
            isinstance(wanted, IPv4Network) and wanted.overlaps(other) for other in used
        )

    def free(prefix: int) -> str:
        found = choose_subnet(used, choice=chance, pools=pools, prefix=prefix)
        used.append(found)
        return str(found)

    def place(bind: BindCopy) -> str:
        return str(folder / _BINDS / f"{bind.service}-{bind.number}")

    isolated = isolate(
        contract.document,
        project=project,
        original=contract.model.project,
        taken=taken,
        free=free,
        place=place,
    )
    for bind in isolated.binds:
        _copy_bind(Path(bind.source), Path(place(bind)))
    file = folder / _FILE
    file.touch(mode=0o600)
    file.write_text(json.dumps(isolated.document, indent=1), "utf-8")
    # What the file says is final: profiles are applied and variables filled in. Only a
    # secret or config with `environment` still takes its value from the env files.
    compose = replace(
        contract.compose,
        project=project,
        files=(file,),
        env_files=contract.compose.env_files_read,
        profiles=(),
    )
    return compose, isolated


def _copy_bind(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        files = (file for file in source.rglob("*") if file.is_file())
        size = sum(file.stat().st_size for file in files)
        if size > _LARGEST_COPY:
            raise SourceError(
                str(source),
                f"a container writes to it, and {size / 2**20:.0f} MiB are too much to "
                "copy for a trial: use a named volume, or mount it read-only",
            )
        shutil.copytree(source, target, symlinks=True)
    elif source.is_file():
        shutil.copy2(source, target)
    elif not source.exists():
        target.mkdir()
    else:
        raise SourceError(
            str(source), "a writable bind mount of neither file nor folder"
        )


def remove_copy(folder: Path) -> None:
    """Remove what `write_copy` has left."""
    shutil.rmtree(folder / _BINDS, ignore_errors=True)
    (folder / _FILE).unlink(missing_ok=True)


def is_crowded(problem: str, document: Mapping[str, Any]) -> bool:
    """Tell whether a start failed only because somebody else has an address range.

    Another program may take a range after it was looked at, and the engine may choose
    one that the file declares for another network. A file whose own ranges overlap each
    other is at fault itself.
    """
    declared = tuple(_declared_ranges(document))
    own = any(one.overlaps(other) for one, other in combinations(declared, 2))
    return _OVERLAP in problem.lower() and bool(declared) and not own


def _declared_ranges(document: Mapping[str, Any]) -> Iterator[IPv4Network]:
    for network in (document.get("networks") or {}).values():
        for entry in ((network or {}).get("ipam") or {}).get("config") or ():
            subnet = str(entry.get("subnet") or "")
            if subnet and ":" not in subnet:
                yield IPv4Network(subnet, strict=False)
