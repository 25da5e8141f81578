"""A failing test that uses a stack says where its evidence is."""

from __future__ import annotations

from pathlib import Path

import pytest

ALONE = ("-p", "no:asyncio", "-p", "no:hypothesispytest")
"""Without plugins that do not run twice in a process, or are read anew each time."""

CONFTEST = """
from pathlib import Path
import pytest
from stackproof.evidence import Collected

class Source:
    def collect(self, folder):
        folder.mkdir(parents=True)
        (folder / "ps.txt").write_text("web running")
        return Collected(folder=folder, not_observed=())

@pytest.fixture
def stack(watch_stack):
    with watch_stack(Source()):
        yield "stack"

@pytest.fixture
def broken_stack(watch_stack):
    with watch_stack(Source()):
        raise RuntimeError("port in use")
        yield
"""


@pytest.fixture
def inner(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with a stack fixture, and a reports folder."""
    pytester.makeconftest(CONFTEST)
    pytester.mkdir("reports")
    return pytester


def run(inner: pytest.Pytester, *options: str) -> pytest.RunResult:
    """Run the inner project in this process."""
    return inner.runpytest_inprocess(*ALONE, *options)


def kept(inner: pytest.Pytester) -> list[Path]:
    """Return all evidence files of the inner run."""
    return sorted((inner.path / "reports").rglob("ps.txt"))


def test_failed_test_keeps_evidence(inner: pytest.Pytester) -> None:
    """The report has the folder, and the folder has the evidence."""
    inner.makepyfile("def test_it(stack): assert False")

    result = run(inner)

    (file,) = kept(inner)
    result.stdout.fnmatch_lines(["*- evidence -*", str(file.parent)])
    result.assert_outcomes(failed=1)
    assert file.parent.name.endswith("test_it")


def test_failed_start_keeps_evidence(inner: pytest.Pytester) -> None:
    """An error while the stack starts carries the folder as a note."""
    inner.makepyfile("def test_it(broken_stack): pass")

    result = run(inner)

    (file,) = kept(inner)
    result.stdout.fnmatch_lines([f"*evidence: {file.parent}*"])
    result.assert_outcomes(errors=1)


def test_passing_test_keeps_nothing(inner: pytest.Pytester) -> None:
    """Evidence is for failures."""
    inner.makepyfile("def test_it(stack): pass")

    run(inner).assert_outcomes(passed=1)

    assert kept(inner) == []


def test_failure_without_stack_keeps_nothing(inner: pytest.Pytester) -> None:
    """A test that uses no stack has no evidence to keep."""
    inner.makepyfile("def test_it(): assert False")

    run(inner).assert_outcomes(failed=1)

    assert kept(inner) == []


def test_folder_can_be_chosen(inner: pytest.Pytester, tmp_path: Path) -> None:
    """`--evidence-dir` wins over the reports folder."""
    inner.makepyfile("def test_it(stack): assert False")

    run(inner, f"--evidence-dir={tmp_path / 'here'}")

    assert kept(inner) == []
    assert len(list((tmp_path / "here").rglob("ps.txt"))) == 1


def test_project_without_reports_uses_a_temporary_folder(
    pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no reports folder, none is made."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile("def test_it(stack): assert False")

    run(pytester)

    assert not (pytester.path / "reports").exists()
    assert len(list(tmp_path.glob("stackproof-*/**/ps.txt"))) == 1
