"""Let pytest collect a compose file that is named on its command line.

`pytest docker-compose.yml` makes one item of each case. All items of a file share one
copy of the stack: it is started for the first item that needs it and removed after the
last one, also after Ctrl-C and `-x`. Folders are never searched for compose files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .check import Case, Result, Verdict
from .cli.files import read_files
from .compose import Compose
from .contract.plan import Plan, Selection, compile_plan
from .errors import StackproofError
from .report.document import Conduct, report_document
from .report.folder import check_target, write_report
from .report.scrub import scrubber_of
from .verify.connect import connect
from .verify.session import Session, Terms
from .verify.stack import Options

_SUFFIXES = frozenset({".yml", ".yaml"})
_NAME = re.compile(r"(docker-)?compose[^/]*\.ya?ml")
_SERVICES = re.compile(r"^(services|include)\s*:", re.MULTILINE)
_NO_LIMIT = 0.0
"""Each wait of a case has a limit of its own."""


def add_options(group: pytest.OptionGroup) -> None:
    """Add the options for collected compose files."""
    group.addoption(
        "--stack-overlay",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="overlay of each collected compose file; repeatable",
    )
    group.addoption(
        "--stack-env-file",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="variables for the compose files, instead of .env; repeatable",
    )
    group.addoption(
        "--stack-profile",
        metavar="NAME",
        action="append",
        default=[],
        help="switch a profile of the compose files on; repeatable",
    )
    group.addoption(
        "--stack-select",
        metavar="ID",
        action="append",
        default=[],
        help="only these checks: ORDER-01, a family (ORDER) or a pattern; repeatable",
    )
    group.addoption(
        "--stack-strict",
        action="store_true",
        help="good practice that a compose file is silent about fails as well",
    )
    group.addoption(
        "--stack-non-destructive",
        action="store_true",
        help="only checks that no service notices",
    )
    group.addoption(
        "--stack-live",
        metavar="PROJECT",
        help="look at this running project instead of a copy; changes nothing",
    )
    group.addoption(
        "--stack-report",
        metavar="DIR",
        type=Path,
        help="write the report of a compose file there; of several, in folders below",
    )
    group.addoption(
        "--stack-helper-image",
        metavar="IMAGE",
        help="local image with python3 to look from, for who is not root",
    )


def collect_file(file: Path, parent: pytest.Collector) -> StackFile | None:
    """Return the collector of a compose file that was named on the command line."""
    if file.suffix not in _SUFFIXES or not parent.session.isinitpath(file):
        return None
    if not _NAME.fullmatch(file.name) and not _SERVICES.search(
        file.read_text("utf-8", errors="replace")
    ):
        return None
    collector: StackFile = StackFile.from_parent(parent, path=file)
    return collector


class StackFile(pytest.File):
    """A compose file; its items share one stack."""

    session_of_stack: Session | None = None
    plan: Plan

    def collect(self) -> Iterator[StackItem]:
        """Yield one item a case, in the order in which they have to run."""
        try:
            self.terms.check()
            if self._report is not None:
                check_target(self._report)
            self.plan = self._compiled()
        except StackproofError as err:
            raise self.CollectError(str(err)) from err
        for case in self.plan.cases:
            item: StackItem = StackItem.from_parent(self, name=str(case), case=case)
            yield item

    @property
    def terms(self) -> Terms:
        """How the stack is verified."""
        option = self.config.getoption
        return Terms(
            strict=option("stack_strict"),
            live=option("stack_live"),
            options=Options(helper_image=option("stack_helper_image")),
        )

    def judge(self, case: Case) -> Result:
        """Decide one case; the first one opens the session."""
        if self.session_of_stack is None:
            self.session_of_stack = Session(self.plan, self.terms, engine=connect())
        return self.session_of_stack.judge(case)

    def teardown(self) -> None:
        """Remove the stack, and write the report if one is wanted."""
        session, self.session_of_stack = self.session_of_stack, None
        if session is None:
            return
        mine = [item for item in self.session.items if item.parent is self]
        wanted = [item.case for item in mine if isinstance(item, StackItem)]
        judged = len(session.results)
        record = session.close(expected=wanted)
        if self._report is None:
            return
        selection = self._selection
        conduct = Conduct(
            started=session.started,
            seconds=session.seconds,
            strict=self.terms.strict,
            live=self.terms.live is not None,
            select=selection.select,
            destructive=selection.destructive,
            interrupted=judged < len(session.results),
        )
        document = self.plan.contract.document
        scrub = scrubber_of(document)
        write_report(
            self._report,
            report_document(self.plan, session.results, record, conduct, scrub),
            record,
            effective=scrub.evidence(document),
        )

    @property
    def _selection(self) -> Selection:
        option = self.config.getoption
        return Selection(
            select=tuple(option("stack_select")),
            destructive=not option("stack_non_destructive"),
            live=self.terms.live is not None,
        )

    @property
    def _report(self) -> Path | None:
        folder: Path | None = self.config.getoption("stack_report")
        if folder is None:
            return None
        named = [
            path
            for path in (Path(arg.partition("::")[0]) for arg in self.config.args)
            if path.suffix in _SUFFIXES
        ]
        if len(set(named)) < 2:
            return folder
        return folder / re.sub(r"[^\w.-]+", "-", self.nodeid)

    def _compiled(self) -> Plan:
        # Other runs of pytest load this plugin as well and need no check.
        from .registry import all_checks  # noqa: PLC0415

        option = self.config.getoption
        contract = read_files(
            Compose(
                project=self.terms.live or "",
                files=(self.path, *option("stack_overlay")),
                env_files=tuple(option("stack_env_file")),
                profiles=tuple(option("stack_profile")),
            )
        )
        return compile_plan(contract, all_checks(), self._selection)


class StackItem(pytest.Item):
    """One case."""

    parent: StackFile

    def __init__(self, *, case: Case, **above: Any) -> None:
        super().__init__(**above)
        self.case = case
        self.left_out: str | None = None
        subject = case.claim.subject
        names = (case.check.id, case.check.family, subject.service, subject.peer)
        self.extra_keyword_matches.update(name for name in names if name)
        if self.config.pluginmanager.hasplugin("timeout"):
            self.add_marker(pytest.mark.timeout(_NO_LIMIT))

    def runtest(self) -> None:
        """Judge the case; red ones fail with what was promised and seen."""
        try:
            result = self.parent.judge(self.case)
        except StackproofError as err:
            pytest.fail(str(err), pytrace=False)
        self.user_properties += told(result)
        match result.verdict:
            case Verdict.FAIL | Verdict.UNKNOWN:
                pytest.fail(explained(result), pytrace=False)
            case Verdict.NOT_PROMISED:
                self.left_out = f"not promised: {result.finding.message}"
            case Verdict.IGNORED:
                self.left_out = f"ignored: {self.case.ignored}"
            case Verdict.PASS:
                pass

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return the file and the name, as reports show them."""
        return self.path, None, self.name


def explained(result: Result) -> str:
    """Return what a red case says (pure)."""
    finding, claim = result.finding, result.case.claim
    undecided = " (could not be decided)" * (result.verdict is Verdict.UNKNOWN)
    facts = ", ".join(f"{name} {value}" for name, value in finding.facts.items())
    lines = [
        f"{result.case.check.title}{undecided}",
        f"promised: {claim.promised}",
        f"observed: {finding.observed}" if finding.observed else "",
        finding.message,
        f"facts: {facts}" if facts else "",
        f"more: stackproof explain {result.case.check.id}",
    ]
    return "\n".join(line for line in lines if line)


def told(result: Result) -> list[tuple[str, object]]:
    """Return what a machine should know of a case (pure)."""
    finding = result.finding
    return [
        ("verdict", str(result.verdict)),
        ("kind", str(result.case.check.kind)),
        ("promised", result.case.claim.promised),
        ("observed", finding.observed),
        *finding.facts.items(),
    ]
