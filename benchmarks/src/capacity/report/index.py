"""reports/README.md: the list of all runs, newest first, made from their documents."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC
from pathlib import Path
from typing import Final

from ..document import REPORT_JSON, Report, read
from .folder import host_name
from .sentence import sentence

__all__ = ["INDEX", "index_text", "runs_in", "write_index"]

INDEX: Final = "README.md"
# Other folders beside them hold results of other kinds.
_RUN: Final = re.compile(r"\d{4}-\d{2}-\d{2}-(?:quick|standard|full)-.+")
_HEAD: Final = """\
# Reports

What was measured, one folder a run, with the environment beside the numbers. \
`failures/` holds the evidence of failed tests and is not kept in git.

<!-- Made by `capacity index`; changes by hand are lost. -->

"""
_TABLE: Final = """\
| date | profile | host | verdict |
|---|---|---|---|
"""
_NONE: Final = "No capacity run is kept here yet.\n"


def runs_in(reports: Path) -> dict[str, Report]:
    """Return the documents of all runs by the names of their folders.

    Raises:
        DocumentUnusable: a folder has the name of a run, and no readable document.
    """
    return {
        folder.name: read(folder / REPORT_JSON)
        for folder in sorted(reports.iterdir())
        if folder.is_dir() and _RUN.fullmatch(folder.name)
    }


def index_text(runs: Iterable[tuple[str, Report]]) -> str:
    """Return the index; the newest run comes first (pure)."""
    ordered = sorted(
        runs, key=lambda run: (run[1].run.started.astimezone(UTC), run[0]), reverse=True
    )
    if not ordered:
        return _HEAD + _NONE
    return _HEAD + _TABLE + "".join(_row(name, report) for name, report in ordered)


def write_index(reports: Path) -> Path:
    """Write the index of a folder of runs, and return where it is.

    Raises:
        DocumentUnusable: a run's document cannot be read.
    """
    path = reports / INDEX
    path.write_text(index_text(runs_in(reports).items()), "utf-8")
    return path


def _row(name: str, report: Report) -> str:
    date = report.run.started.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    verdict = sentence(report).replace("|", "\\|").replace("\n", " ")
    cells = (
        date,
        str(report.run.profile),
        host_name(report.environment),
        f"[{report.verdict.status}]({name}/report.html): {verdict}",
    )
    return f"| {' | '.join(cells)} |\n"
