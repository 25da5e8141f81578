"""The folder of one run: written as a whole or not at all, and read again."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import SourceError, UsageError
from ..events import Event, read_json_lines, to_json_lines
from .document import Document
from .html import Page, render
from .junit import junit
from .record import Record
from .schema import REPORT, validate

_REPORT = "report.json"
_EVENTS = "events.jsonl"
_LOGS = "logs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a report is rendered from."""

    document: Document
    events: tuple[Event, ...]
    logs: dict[str, str]


def check_target(folder: Path) -> None:
    """Refuse a folder that holds something else than a report; make what is above it.

    Raises:
        UsageError: writing there would destroy something, or is not possible.
    """
    try:
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
        # What root may do, only a try can tell: /proc takes no folder from anybody.
        with tempfile.TemporaryDirectory(dir=folder.absolute().parent):
            pass
    except OSError as err:
        raise UsageError(
            f"--report {folder}: cannot be made: {err.strerror or err}"
        ) from err
    if not folder.exists() and not folder.is_symlink():
        return
    if not folder.is_dir():
        raise UsageError(f"--report {folder}: is no folder; name another one")
    if any(folder.iterdir()) and not _is_report(folder):
        raise UsageError(
            f"--report {folder}: is not empty and holds no report of stackproof; "
            "name another folder"
        )


def write_report(
    folder: Path, document: Document, record: Record, *, effective: Any
) -> None:
    """Write a report beside its place, then move it there.

    Args:
        folder: its place; an older report there is replaced.
        document: what `report_document` made.
        record: what was kept of the stack.
        effective: the effective configuration, without secrets.

    Raises:
        UsageError: there is something else in its place.
    """
    check_target(folder)
    folder = folder.absolute()
    fresh = folder.with_name(f"{folder.name}.tmp")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    _write_json(fresh / _REPORT, document)
    _write_json(fresh / "compose.json", effective)
    _write_json(fresh / "inspect.json", record.inspect)
    (fresh / _EVENTS).write_text(to_json_lines(record.events), "utf-8")
    if record.logs:
        (fresh / _LOGS).mkdir()
    for service, text in record.logs.items():
        (fresh / _LOGS / f"{service}.log").write_text(text, "utf-8")
    _render(
        fresh, Kept(document=document, events=record.events, logs=dict(record.logs))
    )
    if folder.exists():
        shutil.rmtree(folder)
    fresh.rename(folder)


def read_report(folder: Path) -> Kept:
    """Return what a folder holds.

    Raises:
        SourceError: it is no report, or one of another version.
    """
    document = read_document(folder)
    try:
        events = read_json_lines((folder / _EVENTS).read_text("utf-8"))
    except FileNotFoundError:
        events = ()
    return Kept(
        document=document,
        events=events,
        logs={
            file.stem: file.read_text("utf-8", errors="replace")
            for file in sorted((folder / _LOGS).glob("*.log"))
        },
    )


def read_document(path: Path) -> Document:
    """Return the report in a folder, or in the file itself.

    Raises:
        SourceError: it is no report, or one of another version.
    """
    file = path / _REPORT if path.is_dir() else path
    try:
        document = json.loads(file.read_text("utf-8"))
    except FileNotFoundError as err:
        raise SourceError(str(file), "no such file; name the folder of a run") from err
    except (OSError, ValueError) as err:
        raise SourceError(str(file), f"cannot be read: {err}") from err
    validate(document, REPORT, origin=str(file))
    return dict(document)


def render_again(folder: Path) -> Document:
    """Write what is derived from the report of a folder anew; return the report.

    Raises:
        SourceError: it is no report, or one of another version.
    """
    kept = read_report(folder)
    _render(folder, kept)
    return kept.document


def _render(folder: Path, kept: Kept) -> None:
    page = Page(document=kept.document, events=kept.events, logs=kept.logs)
    (folder / "junit.xml").write_text(junit(kept.document), "utf-8")
    (folder / "report.html").write_text(render(page), "utf-8")


def _is_report(folder: Path) -> bool:
    try:
        document = json.loads((folder / _REPORT).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and {"schema_version", "checks"} <= set(document)


def _write_json(file: Path, document: object) -> None:
    text = json.dumps(document, indent=2, ensure_ascii=False, default=str)
    file.write_text(f"{text}\n", "utf-8")
