"""The folder of a run: its name, and the files that follow from its document."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Final

from ..document import REPORT_JSON, Environment, Report, encode
from .html import render
from .junit import junit
from .picture import picture
from .sentence import completed

__all__ = ["FILES", "folder_name", "host_name", "new_folder", "write"]

FILES: Final = (REPORT_JSON, "report.html", "junit.xml", "capacity.png")
_TWICE_A_DAY: Final = 100


def host_name(environment: Environment) -> str:
    """Return a short name that tells nothing about the owner: "2c4g-1a2b3c".

    Cores, GiB of memory, and the start of the fingerprint, which stays.
    """
    memory = max(1, round(environment.mem_bytes / (1 << 30)))
    return f"{environment.cpu.cores}c{memory}g-{environment.fingerprint_sha[:6]}"


def folder_name(report: Report) -> str:
    """Return "<date>-<profile>-<host>"; the date is that of UTC."""
    date = report.run.started.astimezone(UTC).date().isoformat()
    return f"{date}-{report.run.profile}-{host_name(report.environment)}"


def new_folder(report: Report, reports: Path) -> Path:
    """Make the folder of a run; the second one of a day has a number at its end.

    Raises:
        FileExistsError: there are a hundred already.
    """
    name = folder_name(report)
    reports.mkdir(parents=True, exist_ok=True)
    for number in range(1, _TWICE_A_DAY):
        folder = reports / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{reports / name}: there are {_TWICE_A_DAY - 1} such runs")


def write(report: Report, folder: Path) -> Report:
    """Write the document and all that follows from it; returns it with its sentence."""
    whole = completed(report)
    (folder / REPORT_JSON).write_bytes(encode(whole))
    (folder / "report.html").write_text(render(whole), "utf-8")
    (folder / "junit.xml").write_text(junit(whole), "utf-8")
    drawn = picture(whole)
    if drawn is None:
        (folder / "capacity.png").unlink(missing_ok=True)
    else:
        (folder / "capacity.png").write_bytes(drawn)
    return whole
