"""Judge what becomes of a stack's data (pure)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from ..check import Finding, failed, passed, undecided
from ..drills.markers import Kept
from ..verify.container import Inspected

_ADDED, _MODIFIED = 1, 0
_SHOWN = 5
# Where everybody may write what nobody misses.
_PASSING = re.compile(
    r"/(tmp|run|var/(tmp|run|lock|log|cache|lib/(apt|dpkg))|dev|proc|sys)(/|$)"
    r"|/etc/(hosts|hostname|resolv\.conf|mtab|ld\.so\.cache|passwd-?|group-?)$"
    r"|/s?bin/docker-init$"
    r"|/\.(dockerenv|cache|config|local|npm|wget-hsts|ash_history|bash_history)(/|$)"
    r"|/__pycache__(/|$)|\.(pyc|pid|lock|sock|log|swp)$"
)


def judge_kept(kept: Kept | None, lost: Mapping[str, str], *, drill: str) -> Finding:
    """Judge whether a volume holds what it held.

    Args:
        kept: what is left; None where the volume was not there before.
        lost: services that did not come back.
        drill: what was done, for the sentence.
    """
    if kept is None:
        return undecided("no container mounts it, so nothing could be kept")
    if kept.problem:
        gone = "".join(f"; {name}: {why}" for name, why in lost.items())
        return undecided(f"{kept.problem}{gone}")
    before = kept.marked.entries
    if kept.lost:
        return failed(
            f"a file written before {drill} is gone",
            f"What the volume holds does not survive {drill}: a service clears it at "
            "its start, or its driver keeps it in memory only.",
            marks_lost=len(kept.lost),
        )
    if before and kept.entries is not None and not before & kept.entries:
        return failed(
            f"all {len(before)} entries from before {drill} are gone",
            f"What the volume holds does not survive {drill}: a service replaces it "
            "at its start.",
            entries_before=len(before),
        )
    return passed(
        f"keeps its files over {drill}",
        entries_before=None if before is None else len(before),
    )


def judge_comes_back(
    service: str, lost: Mapping[str, Mapping[str, str]], needs: Collection[str]
) -> Finding:
    """Judge whether a service comes back on what it left behind.

    Args:
        service: its name.
        lost: drill to the services that did not come back, and how they stand.
        needs: services that it depends on.
    """
    for drill, fallen in lost.items():
        if service not in fallen:
            continue
        waits_for = sorted(set(needs) & set(fallen))
        if waits_for:
            return undecided(f"after {drill} it waits for {', '.join(waits_for)}")
        return failed(
            f"after {drill}: {fallen[service]}",
            f"It does not come back after {drill}: it stumbles over what an earlier "
            "run left in its volumes, or needs what only its old container had.",
        )
    return passed(f"comes back after {' and '.join(lost)}")


def judge_anonymous(places: Iterable[str]) -> Finding:
    """Judge whether a service has volumes without a name."""
    found = sorted(set(places))
    if not found:
        return passed("no anonymous volume")
    return failed(
        f"anonymous volume at {', '.join(found)}",
        "`docker compose down` leaves it behind and the next `up` makes a new, empty "
        "one: mount a named volume or a tmpfs there.",
        anonymous_volumes=len(found),
    )


def written_outside(
    changes: Iterable[Mapping[str, Any]], row: Inspected, given: Iterable[str] = ()
) -> tuple[str, ...]:
    """Return what a container wrote into its own layer and may want to keep.

    Args:
        changes: what the engine says of the container's layer.
        row: the container.
        given: targets of secrets and configs: Compose writes those without a file.
    """
    places = list(given)
    places += [str(one.get("Destination")) for one in row.attrs.get("Mounts") or ()]
    places += [str(path) for path in row.host_config.get("Tmpfs") or ()]
    places = [place.rstrip("/") for place in places]
    paths = {
        str(change["Path"])
        for change in changes
        if change.get("Kind") in {_ADDED, _MODIFIED}
    }
    parents = {path.rpartition("/")[0] for path in paths}
    return tuple(
        path
        for path in sorted(paths - parents)
        if not _PASSING.search(path)
        and not any(
            path == place
            or path.startswith(f"{place}/")
            or place.startswith(f"{path}/")
            for place in places
        )
    )


def judge_outside(paths: Iterable[str]) -> Finding:
    """Judge whether a service writes data outside of its volumes."""
    found = sorted(set(paths))
    if not found:
        return passed("nothing but passing files")
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return failed(
        f"{', '.join(found[:_SHOWN])}{more}",
        "This is lost when the container is made again: mount a volume there if it "
        "is to be kept, a tmpfs if not, or make the root file system read-only.",
        files_outside=len(found),
    )


def mounted_volumes(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the volume names that the services of a file mention, as written."""
    services = document.get("services")
    for service in services.values() if isinstance(services, Mapping) else ():
        entries = service.get("volumes") if isinstance(service, Mapping) else None
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, Mapping):
                yield str(entry.get("source"))
            else:
                yield str(entry).partition(":")[0]
