"""Tests of `capacity.fingerprint`."""

from __future__ import annotations

from pathlib import Path

from capacity.fingerprint import git_of


def test_the_report_of_the_run_itself_is_no_change(repository: Path) -> None:
    """What is measured is the commit, as long as nothing else has changed."""
    changed = git_of(repository)
    (repository / "constraints.txt").write_text("pin==1\n", "utf-8")
    (repository / "reports").mkdir()
    (repository / "reports" / "report.json").write_text("{}", "utf-8")
    clean = git_of(repository)

    assert (changed.dirty, clean.dirty) == (True, False)
    assert clean.commit == changed.commit
    assert len(clean.commit) == 40


def test_a_folder_without_git_is_unknown(tmp_path: Path) -> None:
    """A release that was unpacked has no commit."""
    assert git_of(tmp_path).commit == "unknown"
