"""`capacity report`, `index` and `compare`: what can be done with finished runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ..compare import Overall, compare, table
from ..document import Report, read
from ..errors import DocumentUnusable, UsageError
from ..report.folder import write
from ..report.index import INDEX, index_text, runs_in, write_index
from .options import PASS, UNDECIDED, WORSE

__all__ = ["render_again", "renew_index", "show_comparison", "show_run"]


def render_again(folder: Path) -> int:
    """Render all files of a run that follow from its document.

    Raises:
        UsageError: it is no folder.
        DocumentUnusable: it holds no report.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: the folder of a run is meant")
    _show_verdict(write(read(folder), folder), folder)
    return PASS


def renew_index(reports: Path, *, check: bool) -> int:
    """Write the index of all runs, or with *check* only compare it.

    Raises:
        UsageError: it is no folder.
        DocumentUnusable: a run's document cannot be read.
    """
    if not reports.is_dir():
        raise UsageError(f"{reports}: the folder that holds the runs is meant")
    if not check:
        sys.stdout.write(f"{write_index(reports)}\n")
        return PASS
    index = reports / INDEX
    there = index.read_text("utf-8") if index.is_file() else ""
    if there == index_text(runs_in(reports).items()):
        return PASS
    sys.stdout.write(f"{index} is not true: run `capacity index {reports}`\n")
    return WORSE


def show_run(report: Report, folder: Path, *, reports: Path) -> None:
    """Print the verdict of a run that has just ended, and enter it into the index.

    What is wrong with the folder of another run is told, and changes no verdict.
    """
    _show_verdict(report, folder)
    try:
        write_index(reports)
    except DocumentUnusable as err:
        sys.stderr.write(f"capacity: {reports / INDEX} is as it was: {err}\n")


def show_comparison(base: Path, new: Path, *, as_json: bool) -> int:
    """Print what changed between two runs.

    Raises:
        DocumentUnusable: one of them is no report.
    """
    found = compare(read(base), read(new))
    if as_json:
        sys.stdout.write(f"{json.dumps(found.document(), indent=2)}\n")
    else:
        sys.stdout.write(f"{table(found)}\n")
    match found.overall:
        case Overall.SAME | Overall.BETTER:
            return PASS
        case Overall.WORSE:
            return WORSE
        case Overall.UNDECIDED | Overall.NOT_COMPARABLE:
            return UNDECIDED


def _show_verdict(report: Report, folder: Path) -> None:
    sys.stdout.write(f"{report.verdict.sentence}\n{folder / 'report.html'}\n")
