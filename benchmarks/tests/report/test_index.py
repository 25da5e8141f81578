"""Tests of the index, and of the one that this repository keeps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from capacity.document import REPORT_JSON, Report, encode
from capacity.errors import DocumentUnusable
from capacity.report.index import INDEX, index_text, runs_in, write_index

Make = Callable[..., Report]
replace = msgspec.structs.replace
REPORTS = Path(__file__).resolve().parents[3] / "reports"


def keep(reports: Path, name: str, report: Report) -> None:
    """Put a run's document into its folder."""
    (reports / name).mkdir(parents=True)
    (reports / name / REPORT_JSON).write_bytes(encode(report))


def test_newest_run_comes_first(made_up: Make, tmp_path: Path) -> None:
    """A row has the date, the profile, the host and the verdict with its page."""
    report = made_up()
    earlier = replace(
        report, run=replace(report.run, started=datetime(2026, 1, 2, tzinfo=UTC))
    )
    keep(tmp_path, "2026-11-25-standard-2c4g-eeff0c", report)
    keep(tmp_path, "2026-01-02-standard-2c4g-eeff0c", earlier)

    text = write_index(tmp_path).read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| 2026")]

    assert [row[:12] for row in rows] == ["| 2026-11-25", "| 2026-01-02"]
    assert rows[0].startswith(
        "| 2026-11-25 08:30 | standard | 2c4g-eeff0c | "
        "[pass](2026-11-25-standard-2c4g-eeff0c/report.html): This machine sustains"
    )


def test_other_folders_are_no_runs(made_up: Make, tmp_path: Path) -> None:
    """Evidence of failures, notes and reports of other kinds are left alone."""
    keep(tmp_path, "failures", made_up())
    (tmp_path / "2026-11-25-standard-file").write_text("x")
    (tmp_path / "2026-11-25-acceptance").mkdir()

    assert runs_in(tmp_path) == {}


def test_run_that_cannot_be_read_is_no_row(tmp_path: Path) -> None:
    """A broken run is named instead of being left out in silence."""
    (tmp_path / "2026-11-25-quick-1c1g-000000").mkdir()

    with pytest.raises(DocumentUnusable, match="2026-11-25-quick"):
        runs_in(tmp_path)


def test_verdict_cannot_break_the_table(made_up: Make) -> None:
    """A bar in a name is no column."""
    report = made_up()
    verdict = replace(report.verdict, edge=None, sustained_eps=None)
    found = replace(
        report.model,
        bottleneck=replace(report.model.bottleneck, name="a|b"),  # type: ignore[type-var]
    )

    text = index_text([("x", replace(report, model=found))])

    assert "a\\|b" in text
    assert "No capacity" in index_text([("x", replace(report, verdict=verdict))])


def test_index_of_this_repository_is_true() -> None:
    """`capacity index` was run after the last change under reports/."""
    there = (REPORTS / INDEX).read_text("utf-8")

    assert there == index_text(runs_in(REPORTS).items())


def test_no_made_up_report_is_kept_in_this_repository() -> None:
    """What was not measured does not lie among what was."""
    for name, report in runs_in(REPORTS).items():
        assert "MADE UP" not in " ".join(report.warnings), name
