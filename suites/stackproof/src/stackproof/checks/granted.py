"""Judge whether secrets and configs are where a service expects them (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..check import Finding, failed, passed
from .processes import Inside, Path
from .spelling import target_of

_READS_ALL = frozenset({"CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH"})
_OWNER, _GROUP, _OTHERS = 0o400, 0o040, 0o004


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One entry of a service's `secrets` or `configs`.

    Attributes:
        key: place in the service: "secrets[0]".
        kind: secrets or configs.
        source: name in the file.
        target: absolute path in the container.
        file: path on the host; None where the content comes from elsewhere.
        size: bytes of that file; None where it is not known.
        mode: declared access rights; None leaves them.
    """

    key: str
    kind: str
    source: str
    target: str
    file: str | None = None
    size: int | None = None
    mode: int | None = None


def grants(declared: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[Grant]:
    """Yield what a service is granted."""
    for kind in ("secrets", "configs"):
        known = document.get(kind) or {}
        for number, entry in enumerate(declared.get(kind) or ()):
            row = entry if isinstance(entry, Mapping) else {"source": entry}
            source = str(row.get("source") or "")
            defined = known.get(source) or {}
            yield Grant(
                key=f"{kind}[{number}]" if isinstance(entry, Mapping) else kind,
                kind=kind,
                source=source,
                target=target_of(kind, source, row.get("target")),
                file=defined.get("file"),
                mode=_mode(row.get("mode")),
            )


def judge_grant(
    grant: Grant, inside: Inside, *, start_user: str, size: int | None
) -> Finding:
    """Judge one running container.

    Args:
        grant: what is declared.
        inside: the container from within; knows the path `grant.target`.
        start_user: user that the container starts as, as inspect says; "" is root.
        size: bytes that the file on the host has; None when it is not known.
    """
    found = inside.paths.get(grant.target)
    if found is None:
        return failed(
            f"nothing at {grant.target}",
            f"{grant.source} is declared and not in the container: create it again "
            "with `docker compose up`.",
        )
    if found.kind == "folder":
        return failed(
            f"{grant.target} is a folder",
            f"The source of {grant.source} was missing when the container was made, so "
            "the engine made a folder: create the file, then the container again.",
        )
    if size is not None and found.size != size:
        return failed(
            f"{found.size} bytes at {grant.target}, {size} in the file",
            f"The container has an older {grant.source} than the file: a replaced file "
            "is seen only by a new container.",
            bytes_inside=found.size,
            bytes_of_file=size,
        )
    if grant.file is None and grant.mode is not None and found.mode != grant.mode:
        return failed(
            f"mode {found.mode:04o}, declared {grant.mode:04o}",
            "The access rights are not the declared ones.",
        )
    root = start_user.partition(":")[0] in {"", "0", "root"}
    if not root and not readable(found, inside):
        return failed(
            f"mode {found.mode:04o} of user {found.uid}, the service is user "
            f"{inside.first.uid}",
            f"The service cannot read {grant.target}: give the file to its user or "
            "make it readable for it.",
            mode_octal=f"{found.mode:04o}",
        )
    return passed(f"is at {grant.target}", bytes_inside=found.size)


def readable(found: Path, inside: Inside) -> bool:
    """Tell whether PID 1 may read a path, by its mode and owner."""
    process = inside.first
    if process.effective and process.effective & _READS_ALL:
        return True
    if found.uid == process.effective_uid:
        return bool(found.mode & _OWNER)
    if found.gid == process.gid or found.gid in process.groups:
        return bool(found.mode & _GROUP)
    return bool(found.mode & _OTHERS)


def _mode(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, int):
        return value
    text = str(value)
    return int(text, 8) if text and set(text) <= set("01234567") else None
