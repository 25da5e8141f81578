"""List every key that a file declares, and say why some of them cannot be proven."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# Maps whose entries are data of the user: one key, however many entries.
_WHOLE = frozenset(
    {
        "annotations",
        "args",
        "attach",
        "build",
        "credential_spec",
        "develop",
        "driver_opts",
        "environment",
        "extra_hosts",
        "gpus",
        "labels",
        "options",
        "provider",
        "storage_opt",
        "sysctls",
    }
)
_TOP_LEVEL = ("networks", "volumes", "secrets", "configs", "models")

# Why a declared key is not proven: the first pattern that matches the dotted path.
_REASONS = tuple(
    (re.compile(pattern), reason)
    for pattern, reason in (
        (r"build(\.|$)", "tells how the image is made, not how the container behaves"),
        (r"develop(\.|$)", "is for `docker compose watch` only"),
        (r"profiles$", "chooses services before anything starts"),
        (
            r"(pull_policy|pull_refresh_after)$",
            "tells when an image is fetched, not what then runs",
        ),
        (
            r"(env_file|label_file)(\.|\[|$)",
            "is read by Compose: what it holds is judged as environment and labels",
        ),
        (r"extends(\.|$)", "is merged by Compose: what comes of it is judged"),
        (
            r"annotations(\.|$)",
            "is a note for the container's runtime, which older engines leave out",
        ),
        (
            r"shm_size$",
            "has no effect on memory that is shared with another or the host",
        ),
        (r"storage_opt(\.|$)", "needs a storage driver with quotas"),
        (r"use_api_socket$", "is a mount that newer Compose adds by itself"),
        (
            r"deploy\.restart_policy\.(delay|window)$",
            "is for Swarm: Compose ignores it",
        ),
        (r"attach$", "is for the terminal of `docker compose up` only"),
        (
            r"deploy\.(placement|(update|rollback)_config|endpoint_mode|mode)(\.|$)",
            "is for Swarm: Compose ignores it",
        ),
        (
            r"deploy\.labels(\.|$)",
            "is set on a Swarm service: Compose puts it on no container",
        ),
        (
            r"(gpus|deploy\.resources\.reservations\.(devices|generic_resources))",
            "needs the vendor's driver and a program that uses the device",
        ),
        (r"(isolation|credential_spec)(\.|$)", "is for Windows containers"),
        (r"provider(\.|$)", "is made by a program of its own, not by the engine"),
        (r"models(\.|\[|$)", "is served by a model runner, not by a container"),
        (
            r"(post_start|pre_stop|pre_start)(\[|\.|$)",
            "is a command that Compose runs: the engine keeps no record of its outcome",
        ),
        (r"blkio_config(\.|\[|$)", "no probe for block devices"),
        (r"cpu_(rt_period|rt_runtime)$", "needs a kernel with real-time groups"),
        (r"cpu_(count|percent)$", "is for Windows containers"),
        (
            r"deploy\.resources\.reservations\.cpus$",
            "is for Swarm: Compose reserves no CPUs",
        ),
        (r"(volumes|networks)\.[^.]+\.external$", "is made by somebody else"),
    )
)
NO_CHECK = "no check for this key"
NO_CONTAINER = "asks for no container, so nothing of it can be seen"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Key:
    """One declared key: dotted path below the service, or below the file."""

    service: str
    path: str

    def __str__(self) -> str:
        return f"{self.service}: {self.path}" if self.service else self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCovered:
    """A declared key that no case proves, and why; `key` may stand for all below it."""

    service: str | None
    key: str
    reason: str


def declared_keys(document: Mapping[str, Any]) -> tuple[Key, ...]:
    """Return every key of the effective configuration that says something.

    A key is a dotted path to a value, "healthcheck.interval" or "ports[0].target"; a
    list of plain values is one key, and so are maps that hold a user's own names, such
    as `environment` and `labels`. Left out: values that Compose prints as null, and
    extension fields (x-…), which by the Compose specification promise nothing.
    """
    found = [
        Key(service=service, path=path)
        for service, declared in (document.get("services") or {}).items()
        for path in _paths(declared or {}, "")
    ]
    for section in _TOP_LEVEL:
        for name, declared in (document.get(section) or {}).items():
            prefix = f"{section}.{name}"
            below = list(_paths(declared, prefix)) if declared else []
            found += [Key(service="", path=path) for path in below or [prefix]]
    return tuple(found)


def covers(claimed: str, path: str) -> bool:
    """Tell whether a claim on one path accounts for another: the same, or below it."""
    return path == claimed or path.startswith((f"{claimed}.", f"{claimed}["))


def reason_for(path: str) -> str:
    """Return why a key is not proven."""
    for pattern, reason in _REASONS:
        if pattern.match(path):
            return reason
    return NO_CHECK


def not_covered(keys: Iterable[Key], uncovered: Iterable[Key]) -> list[NotCovered]:
    """Return one entry a key, or one for all below another with the same reason."""
    missing = set(uncovered)
    by_service: dict[str, list[str]] = {}
    for key in keys:
        by_service.setdefault(key.service, []).append(key.path)
    found: dict[tuple[str, str], str] = {}
    for key in sorted(missing):
        reason = reason_for(key.path)
        name = key.path
        for prefix in _prefixes(key.path):
            below = [p for p in by_service[key.service] if covers(prefix, p)]
            if all(
                Key(service=key.service, path=p) in missing and reason_for(p) == reason
                for p in below
            ):
                name = prefix
                break
        found[key.service, name] = reason
    return [
        NotCovered(service=service or None, key=name, reason=reason)
        for (service, name), reason in found.items()
    ]


def _prefixes(path: str) -> Iterator[str]:
    """Yield the parents of a path, outermost first; a section of the file is none."""
    cuts = [match.start() for match in re.finditer(r"[.\[]", path)]
    first = path.partition(".")[0]
    for cut in cuts:
        if not (first in _TOP_LEVEL and cut == len(first)):
            yield path[:cut]


def _paths(value: object, path: str) -> Iterator[str]:
    """Yield the path of each value below `path`."""
    if isinstance(value, Mapping):
        for name, below in value.items():
            if str(name).startswith("x-"):
                continue
            inner = f"{path}.{name}" if path else str(name)
            member = path in {"networks", "volumes", "depends_on"}
            if below is None and not member:
                continue
            if name in _WHOLE or not below or not isinstance(below, Mapping | list):
                if below not in ({}, []) or member:
                    yield inner
            else:
                yield from _paths(below, inner)
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for number, item in enumerate(value):
            yield from _paths(item, f"{path}[{number}]")
    elif value is not None:
        yield path
