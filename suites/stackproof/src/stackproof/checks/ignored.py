"""List the keys that are old, and those that Compose passes over in silence (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..model import Service
from .written import other_warnings

_OLD = {
    "links": "use networks: services find each other by name",
    "external_links": "use an external network",
    "volumes_from": "mount the same named volume in both",
    "mem_swappiness": "has no meaning in control groups of version 2",
    "cpu_shares": "use `deploy.resources.limits.cpus`",
    "credential_spec": "is for Windows",
    "isolation": "is for Windows",
}
_SWARM = (
    *("deploy.placement", "deploy.update_config", "deploy.rollback_config"),
    *("deploy.endpoint_mode", "deploy.labels"),
)
_OBSOLETE = re.compile(r"`?version`? is obsolete")


def old_keys(service: Service) -> list[str]:
    """Return what a service should no longer use, each with the way out."""
    found = [
        f"{key}: {way}"
        for key, way in _OLD.items()
        if service.declared.get(key) not in (None, [], {}, 0, "")
    ]
    if service.network_mode in {"bridge", "default"}:
        found.append("network_mode bridge: no names are resolved there; use networks")
    return found


def old_top_level(
    written: Mapping[Any, Mapping[str, Any]], warnings: tuple[str, ...]
) -> list[str]:
    """Return what the files as a whole should no longer use."""
    found = []
    if any("version" in document for document in written.values()):
        found.append("version: Compose passes over it; leave it out")
    for document in written.values():
        for section in ("networks", "volumes"):
            entries = document.get(section)
            for name, declared in entries.items() if isinstance(entries, dict) else ():
                external = declared.get("external") if isinstance(declared, dict) else 0
                if isinstance(external, dict):
                    found.append(f"{section}.{name}.external.name: use `name`")
    found += [w for w in other_warnings(warnings) if not _OBSOLETE.search(w)]
    return list(dict.fromkeys(found))


def ignored_keys(service: Service, document: Mapping[str, Any]) -> list[str]:
    """Return what a service declares and Compose does not do."""
    found = [
        f"{key} (Swarm only)"
        for key in _SWARM
        if service.declares(key) not in (None, {}, [], "")
    ]
    if service.declares("deploy.mode") not in (None, "replicated", ""):
        found.append("deploy.mode (Swarm only)")
    found += [
        f"deploy.restart_policy.{key} (Swarm only)"
        for key in ("delay", "window")
        if service.declares(f"deploy.restart_policy.{key}") is not None
    ]
    if service.network_mode == "host" and service.ports:
        found.append("ports (the service is in the host's network)")
    if service.expose and (service.network_mode or "").startswith(("host", "none")):
        found.append("expose (the service is in no network of the file)")
    ipc = str(service.declared.get("ipc") or "").partition(":")[0]
    if service.declared.get("shm_size") and ipc in {"host", "service", "container"}:
        found.append("shm_size (the memory is shared with another or the host)")
    for kind in ("secrets", "configs"):
        known = document.get(kind) or {}
        for entry in service.declared.get(kind) or ():
            if not isinstance(entry, Mapping):
                continue
            of_file = (known.get(str(entry.get("source"))) or {}).get("file")
            given = [k for k in ("uid", "gid", "mode") if entry.get(k) is not None]
            if of_file and given:
                found.append(
                    f"{kind} {entry.get('source')}: {', '.join(given)} (a file is "
                    "mounted as it is)"
                )
    return found
