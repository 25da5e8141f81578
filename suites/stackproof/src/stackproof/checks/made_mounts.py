"""Compare what is mounted in a container with the file (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model import Service
from .made import Made, listed
from .spelling import folder, same_path, target_of


def compare_mounts(service: Service, made: Made) -> list[str]:
    """Compare kind, source and access of each mount; find those that were added."""
    has = {row["Destination"]: row for row in made.attrs.get("Mounts") or ()}
    memory = made.host.get("Tmpfs") or {}
    found = []
    known: set[str] = set()
    for mount in service.mounts:
        target = folder(mount.target)
        known.add(target)
        row = has.get(target) or has.get(mount.target)
        if mount.kind == "tmpfs":
            if row is None and not {target, mount.target} & set(memory):
                found.append(f"nothing is mounted on {target}")
            continue
        if row is None:
            found.append(f"nothing is mounted on {target}")
            continue
        if row.get("Type") != mount.kind:
            found.append(f"{target} is a {row.get('Type')}, declared is {mount.kind}")
        elif mount.kind == "volume" and mount.source:
            wanted = made.volumes.get(mount.source, mount.source)
            if row.get("Name") != wanted:
                found.append(f"{target} holds volume {row.get('Name')}, not {wanted}")
        elif (
            mount.kind == "bind"
            and mount.source
            and not same_path(str(row.get("Source")), mount.source)
        ):
            found.append(f"{target} is another path of the host than declared")
        if mount.kind in {"bind", "volume"} and bool(row.get("RW")) is mount.read_only:
            is_ = "read-only" if mount.read_only else "writable"
            found.append(f"{target} is declared {is_} and is not")
    given = {folder(path) for path in made.of_image.get("Volumes") or {}}
    granted = {_granted(e, "secrets") for e in service.declared.get("secrets") or ()}
    granted |= {_granted(e, "configs") for e in service.declared.get("configs") or ()}
    if made.image and not service.declares("volumes_from"):
        socket = {"/var/run/docker.sock"} if service.declares("use_api_socket") else ()
        extra = set(map(folder, has)) - known - given - granted - set(socket)
        found += [f"{path} is mounted and not in the file" for path in sorted(extra)]
    return found


def compare_volumes_from(service: Service, made: Made) -> list[str]:
    """Compare how many containers lend their volumes."""
    wanted = len(listed(service, "volumes_from"))
    has = len(made.host.get("VolumesFrom") or ())
    return [] if has >= wanted else [f"{has} of {wanted} sources of volumes"]


def _granted(entry: Any, kind: str) -> str:
    target = entry.get("target") if isinstance(entry, Mapping) else None
    source = entry.get("source") if isinstance(entry, Mapping) else entry
    return target_of(kind, str(source), target)
