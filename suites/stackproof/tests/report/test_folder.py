"""A report is written as a whole, replaces only a report, and can be read again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stackproof.errors import SourceError, UsageError
from stackproof.report.folder import (
    check_target,
    read_report,
    render_again,
    write_report,
)
from stackproof.report.record import Record

FILES = [
    "compose.json",
    "events.jsonl",
    "inspect.json",
    "junit.xml",
    "logs/web.log",
    "report.html",
    "report.json",
]


def files(folder: Path) -> list[str]:
    """Return all files below a folder."""
    found = (file for file in folder.rglob("*") if file.is_file())
    return sorted(file.relative_to(folder).as_posix() for file in found)


@pytest.fixture
def run(tmp_path: Path, document: dict[str, Any], record: Record) -> Path:
    """A written report."""
    folder = tmp_path / "below" / "run"
    write_report(folder, document, record, effective={"name": "demo"})
    return folder


def test_all_pieces_are_written(run: Path) -> None:
    """Nothing else is left beside it."""
    assert files(run) == FILES
    assert [path.name for path in run.parent.iterdir()] == ["run"]


def test_report_can_be_read(
    run: Path, document: dict[str, Any], record: Record
) -> None:
    """What was written comes back."""
    kept = read_report(run)

    assert kept.document == json.loads(json.dumps(document))
    assert kept.events == record.events
    assert kept.logs == record.logs


def test_report_is_rendered_again(run: Path) -> None:
    """Page and JUnit are made from the rest."""
    page = (run / "report.html").read_text()
    (run / "report.html").unlink()
    (run / "junit.xml").unlink()

    render_again(run)

    assert (run / "report.html").read_text() == page
    assert files(run) == FILES


def test_report_replaces_a_report(
    run: Path, document: dict[str, Any], record: Record
) -> None:
    """A folder can be used for each run; what is stale goes."""
    (run / "stale").write_text("")

    write_report(run, document, record, effective={})

    assert files(run) == FILES


def test_nothing_else_is_replaced(tmp_path: Path) -> None:
    """A folder with somebody's files is refused, an empty one is taken."""
    check_target(tmp_path)
    check_target(tmp_path / "new")
    (tmp_path / "thesis.txt").write_text("")

    with pytest.raises(UsageError, match="holds no report"):
        check_target(tmp_path)
    with pytest.raises(UsageError, match="no folder"):
        check_target(tmp_path / "thesis.txt")
    with pytest.raises(UsageError, match="cannot be made"):
        check_target(tmp_path / "thesis.txt" / "run")


@pytest.mark.parametrize(
    ("text", "problem"),
    [(None, "no such file"), ("{", "cannot be read"), ("{}", "required property")],
)
def test_no_report_is_said(tmp_path: Path, text: str | None, problem: str) -> None:
    """A folder without a report is an error of the user."""
    if text is not None:
        (tmp_path / "report.json").write_text(text)

    with pytest.raises(SourceError, match=problem):
        read_report(tmp_path)
