"""Keep evidence when a test that uses a stack fails, and say where it is.

A fixture that starts a stack enters `watch_stack` first, inside of what tears the stack
down:

    try:
        with watch_stack(StackEvidence(compose=compose, inspect=inspect)):
            compose.up()
            yield compose
    finally:
        compose.down()

Evidence is then kept when the start fails, and when a test that uses the fixture does.

A compose file that is named on the command line becomes tests by itself; see
`pytest_collect`.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from .evidence import EvidenceSource
from .pytest_collect import StackFile, StackItem, add_options, collect_file

WatchStack = Callable[[EvidenceSource], AbstractContextManager[None]]

_FIXTURE = "watch_stack"
_SECTION = "evidence"
_LONGEST_NAME = 100


@dataclass(slots=True)
class Watch:
    """The stacks that are up in this session, and where their evidence goes."""

    folder: Callable[[], Path]
    sources: list[EvidenceSource] = field(default_factory=list)

    def collect(self, name: str) -> list[str]:
        """Write evidence of each stack for the test `name`; return what to print."""
        home = (
            self.folder() / re.sub(r"[^\w.-]+", "-", name).strip("-")[-_LONGEST_NAME:]
        )
        return [
            str(source.collect(home / str(number) if number else home))
            for number, source in enumerate(self.sources)
        ]

    @contextmanager
    def over(self, source: EvidenceSource) -> Iterator[None]:
        """Watch one stack; an error while it starts gets its evidence as a note."""
        self.sources.append(source)
        try:
            yield
        except BaseException as err:
            for kept in self.collect("start"):
                err.add_note(f"{_SECTION}: {kept}")
            raise
        finally:
            self.sources.remove(source)


_WATCH = pytest.StashKey[Watch]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--evidence-dir` and the options for compose files."""
    group = parser.getgroup("stackproof")
    add_options(group)
    group.addoption(
        "--evidence-dir",
        metavar="DIR",
        type=Path,
        help="where a failing test keeps its evidence "
        "(default: reports/failures, or a temporary folder where there is no reports/)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Prepare an empty watch."""
    config.stash[_WATCH] = Watch(folder=_RunFolder(config))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> StackFile | None:
    """Take a compose file that is named on the command line as a test module."""
    return collect_file(file_path, parent)


@pytest.hookimpl(trylast=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Show what the file does not promise, and what it accepts, as skipped."""
    if isinstance(item, StackItem) and item.left_out is not None:
        pytest.skip(item.left_out)


@pytest.fixture(scope="session")
def watch_stack(pytestconfig: pytest.Config) -> WatchStack:
    """Watch a stack for as long as the returned context manager is open."""
    return pytestconfig.stash[_WATCH].over


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the place of the evidence to the report of a failed test."""
    report = yield
    if report.failed and _FIXTURE in getattr(item, "fixturenames", ()):
        kept = item.config.stash[_WATCH].collect(item.nodeid)
        if kept:
            report.sections.append((_SECTION, "\n".join(kept)))
    return report


class _RunFolder:
    """Names one folder for this run, and makes it when it is first needed."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._made: Path | None = None

    def __call__(self) -> Path:
        if self._made is None:
            run = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}"
            self._made = self._parent() / run
            self._made.mkdir(parents=True)
        return self._made

    def _parent(self) -> Path:
        chosen: Path | None = self._config.getoption("evidence_dir")
        if chosen is not None:
            return chosen
        reports = self._config.rootpath / "reports"
        if reports.is_dir():
            return reports / "failures"
        return Path(tempfile.mkdtemp(prefix="stackproof-"))
