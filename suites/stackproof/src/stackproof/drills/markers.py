"""Leave a mark in every named volume, and see later whether it is still there."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .. import sdk
from ..verify.container import Inspected
from ..verify.stack import Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A volume and what it held when it was marked.

    Attributes:
        volume: its name in the file.
        engine_name: what the engine calls it.
        files: names of the marks; none if it could not be marked.
        entries: what else lay at its top; None where that cannot be seen from here.
        problem: why it could not be marked.
    """

    volume: str
    engine_name: str
    files: tuple[str, ...] = ()
    entries: frozenset[str] | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is left of a marked volume.

    Attributes:
        lost: marks that are gone.
        entries: what else lies at its top now; None where that cannot be seen.
        problem: why nothing can be said.
    """

    marked: Marked
    lost: tuple[str, ...] = ()
    entries: frozenset[str] | None = None
    problem: str | None = None


def mark(stack: Stack, token: str) -> dict[str, Marked]:
    """Mark each volume that is the stack's own and that a container mounts.

    There are two marks: some clear a folder with `*`, which leaves hidden files.
    """
    rows = stack.containers()
    files = (f".{token}", token)
    found = {}
    for volume in stack.model.volumes.values():
        if volume.external or not any(
            mount.kind == "volume" and mount.source == volume.name
            for service in stack.model.services.values()
            for mount in service.mounts
        ):
            continue
        problem = _put(stack, rows, volume.engine_name, files)
        found[volume.name] = Marked(
            volume=volume.name,
            engine_name=volume.engine_name,
            files=() if problem else files,
            entries=_entries(stack, volume.engine_name, files),
            problem=problem,
        )
    return found


def look_again(stack: Stack, marked: Mapping[str, Marked]) -> dict[str, Kept]:
    """Tell what is left in each volume."""
    rows = stack.containers()
    return {name: _kept(stack, rows, one) for name, one in marked.items()}


def wipe_off(stack: Stack, marked: Iterable[Marked]) -> None:
    """Remove the marks where the volumes can be reached as files.

    Elsewhere they go with the volumes, which belong to the run.
    """
    for one in marked:
        folder = _folder(stack, one.engine_name)
        for name in one.files if folder else ():
            with suppress(OSError):
                (Path(str(folder)) / name).unlink(missing_ok=True)


def _put(
    stack: Stack, rows: Iterable[Inspected], engine_name: str, files: tuple[str, ...]
) -> str | None:
    """Write the marks; return why that was not possible."""
    problem = f"no container mounts {engine_name}"
    for row in sorted(rows, key=lambda row: not row.running):
        for target, writable in _targets(row, engine_name):
            if not writable:
                problem = f"all containers mount {engine_name} read-only"
                continue
            try:
                stack.engine.api.put_archive(row.id, target, archive(files))
            except sdk.APIError as err:
                problem = f"{row.name} takes no file: {err.explanation or err}"
            else:
                return None
    folder = _folder(stack, engine_name)
    if folder is not None:
        try:
            for name in files:
                (folder / name).write_text("stackproof\n", "utf-8")
        except OSError as err:
            return f"{problem}; {err}"
        return None
    return problem


def _kept(stack: Stack, rows: Iterable[Inspected], marked: Marked) -> Kept:
    if marked.problem:
        return Kept(marked=marked, problem=marked.problem)
    for row in sorted(rows, key=lambda row: not row.running):
        for target, _ in _targets(row, marked.engine_name):
            lost = tuple(
                name for name in marked.files if not _there(stack, row, target, name)
            )
            entries = _entries(stack, marked.engine_name, marked.files)
            return Kept(marked=marked, lost=lost, entries=entries)
    return Kept(marked=marked, problem=f"no container mounts {marked.engine_name}")


def _there(stack: Stack, row: Inspected, target: str, name: str) -> bool:
    try:
        stream, _ = stack.engine.api.get_archive(row.id, f"{target}/{name}")
    except sdk.NotFound:
        return False
    for _ in stream:
        pass
    return True


def _targets(row: Inspected, engine_name: str) -> list[tuple[str, bool]]:
    return [
        (str(mount["Destination"]), bool(mount.get("RW")))
        for mount in row.attrs.get("Mounts") or ()
        if mount.get("Name") == engine_name
    ]


def _folder(stack: Stack, engine_name: str) -> Path | None:
    """Return where a volume's files are, if this user can reach them as such."""
    try:
        attrs = stack.engine.api.inspect_volume(engine_name)
    except sdk.NotFound:
        return None
    folder = Path(str(attrs.get("Mountpoint") or "/nowhere"))
    try:
        return folder if folder.is_dir() else None
    except OSError:
        return None


def _entries(
    stack: Stack, engine_name: str, files: tuple[str, ...]
) -> frozenset[str] | None:
    folder = _folder(stack, engine_name)
    if folder is None:
        return None
    try:
        names = {entry.name for entry in folder.iterdir()}
    except OSError:
        return None
    return frozenset(names - set(files))


def archive(names: Iterable[str]) -> bytes:
    """Return a tar archive with one small file for each name (pure)."""
    content = b"left by stackproof; may be removed\n"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            made.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
